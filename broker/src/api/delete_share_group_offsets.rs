//! DeleteShareGroupOffsets: forgets how far a share group without members has come (KIP-932).

use thalweg_protocol::messages::{
    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse,
    DeleteShareGroupOffsetsResponseTopic,
};
use thalweg_protocol::{ErrorCode, StrBytes, Uuid};

use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::group::{check_coordinator, share_group};

/// Forgets the topics.
pub(super) fn delete_share_group_offsets(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DeleteShareGroupOffsetsRequest,
) -> DeleteShareGroupOffsetsResponse {
    let group_id = request.group_id.detached();
    if let Err((error_code, message)) = check(cluster, caller, &group_id) {
        return DeleteShareGroupOffsetsResponse {
            error_code,
            error_message: message.map(StrBytes::from),
            ..Default::default()
        };
    }
    let names = request.topics.into_iter().map(|topic| topic.topic_name);
    DeleteShareGroupOffsetsResponse {
        responses: names
            .map(|name| one(cluster, caller, &group_id, name))
            .collect(),
        error_message: None,
        ..Default::default()
    }
}

fn check(
    cluster: &Cluster,
    caller: &Caller,
    group_id: &str,
) -> Result<(), (ErrorCode, Option<String>)> {
    if !cluster.authorize(caller, Operation::Delete, ResourceType::Group, group_id) {
        return Err((ErrorCode::GROUP_AUTHORIZATION_FAILED, None));
    }
    if group_id.is_empty() {
        return Err((ErrorCode::INVALID_GROUP_ID, None));
    }
    check_coordinator(cluster, group_id, caller).map_err(|code| (code, None))?;
    match share_group(cluster, group_id) {
        Some(group) if group.members.is_empty() => Ok(()),
        Some(_) => {
            let message = format!("Group {group_id} is not empty.");
            Err((ErrorCode::NON_EMPTY_GROUP, Some(message)))
        }
        None => {
            let message = format!("Group {group_id} not found.");
            Err((ErrorCode::GROUP_ID_NOT_FOUND, Some(message)))
        }
    }
}

fn one(
    cluster: &mut Cluster,
    caller: &Caller,
    group_id: &str,
    topic_name: StrBytes,
) -> DeleteShareGroupOffsetsResponseTopic {
    let failed =
        |topic_name, error_code, message: Option<&str>| DeleteShareGroupOffsetsResponseTopic {
            topic_name,
            topic_id: Uuid::ZERO,
            error_code,
            error_message: message.map(StrBytes::from),
            ..Default::default()
        };
    if !cluster.authorize(caller, Operation::Read, ResourceType::Topic, &topic_name) {
        return failed(topic_name, ErrorCode::TOPIC_AUTHORIZATION_FAILED, None);
    }
    let Some(topic_id) = cluster.topics.topic(&topic_name).map(|topic| topic.id) else {
        let message = "This server does not host this topic-partition.";
        let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        return failed(topic_name, code, Some(message));
    };
    if !cluster.forget_share_topic(group_id, topic_id) {
        let message = "There is no offset information to delete.";
        let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        return failed(topic_name, code, Some(message));
    }
    DeleteShareGroupOffsetsResponseTopic {
        topic_name,
        topic_id,
        error_message: None,
        ..Default::default()
    }
}
