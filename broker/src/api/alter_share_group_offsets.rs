//! AlterShareGroupOffsets: where a share group without members is to begin (KIP-932).

use thalweg_protocol::messages::{
    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsRequestTopic,
    AlterShareGroupOffsetsResponse, AlterShareGroupOffsetsResponsePartition,
    AlterShareGroupOffsetsResponseTopic,
};
use thalweg_protocol::{ErrorCode, StrBytes, Uuid};

use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::group::{Group, ShareGroup, check_coordinator};

/// Sets the offsets; makes the group if there is none.
pub(super) fn alter_share_group_offsets(
    cluster: &mut Cluster,
    caller: &Caller,
    request: AlterShareGroupOffsetsRequest,
) -> AlterShareGroupOffsetsResponse {
    let group_id = request.group_id.detached();
    if let Err((error_code, message)) = prepare(cluster, caller, &group_id) {
        return AlterShareGroupOffsetsResponse {
            error_code,
            error_message: message.map(StrBytes::from),
            ..Default::default()
        };
    }
    let topics = request.topics.into_iter();
    AlterShareGroupOffsetsResponse {
        responses: topics
            .map(|asked| topic(cluster, caller, &group_id, asked))
            .collect(),
        error_message: None,
        ..Default::default()
    }
}

/// Whether the group may be altered.
fn prepare(
    cluster: &mut Cluster,
    caller: &Caller,
    group_id: &StrBytes,
) -> Result<(), (ErrorCode, Option<String>)> {
    if !cluster.authorize(caller, Operation::Read, ResourceType::Group, group_id) {
        return Err((ErrorCode::GROUP_AUTHORIZATION_FAILED, None));
    }
    if group_id.is_empty() {
        return Err((ErrorCode::INVALID_GROUP_ID, None));
    }
    check_coordinator(cluster, group_id, caller).map_err(|code| (code, None))?;
    match cluster.groups.group(group_id) {
        None => {
            let group = Group::Share(ShareGroup::default());
            crate::group::insert(cluster, group_id.clone(), group);
            Ok(())
        }
        Some(Group::Share(group)) if group.members.is_empty() => Ok(()),
        Some(Group::Share(_)) => {
            let message = format!("Group {group_id} is not empty.");
            Err((ErrorCode::NON_EMPTY_GROUP, Some(message)))
        }
        Some(_) => {
            let message = format!("Group {group_id} is not a share group.");
            Err((ErrorCode::GROUP_ID_NOT_FOUND, Some(message)))
        }
    }
}

fn topic(
    cluster: &mut Cluster,
    caller: &Caller,
    group_id: &StrBytes,
    asked: AlterShareGroupOffsetsRequestTopic,
) -> AlterShareGroupOffsetsResponseTopic {
    let name = asked.topic_name;
    let is_hidden = !cluster.authorize(caller, Operation::Read, ResourceType::Topic, &name);
    let found = cluster.topics.topic(&name);
    let topic_id = found.map_or(Uuid::ZERO, |topic| topic.id);
    let mut partitions = Vec::new();
    for part in asked.partitions {
        let index = part.partition_index;
        let error_code = if is_hidden {
            ErrorCode::TOPIC_AUTHORIZATION_FAILED
        } else if cluster.topics.partition(&name, index).is_none() {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        } else {
            let start = part.start_offset.0.max(0);
            cluster.set_share_start(group_id, (topic_id, index), start);
            ErrorCode::NONE
        };
        partitions.push(AlterShareGroupOffsetsResponsePartition {
            partition_index: index,
            error_code,
            error_message: None,
            ..Default::default()
        });
    }
    AlterShareGroupOffsetsResponseTopic {
        topic_name: name,
        topic_id: if is_hidden { Uuid::ZERO } else { topic_id },
        partitions,
        ..Default::default()
    }
}
