//! ShareGroupDescribe: members of share groups and what they read (KIP-932).

use thalweg_protocol::messages::{
    DescribedShareGroup, DescribedShareGroupAssignment, DescribedShareGroupMember,
    DescribedShareGroupTopicPartitions, ShareGroupDescribeRequest, ShareGroupDescribeResponse,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::described_group::{check, not_found};
use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::group::{ShareGroup, ShareMember, share_group};

/// Describes each group.
pub(super) fn share_group_describe(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ShareGroupDescribeRequest,
) -> ShareGroupDescribeResponse {
    let include_operations = request.include_authorized_operations;
    let describe = |group_id: StrBytes| {
        let mut described =
            one(cluster, caller, &group_id).unwrap_or_else(|(code, message)| DescribedShareGroup {
                error_code: code,
                error_message: message.map(StrBytes::from),
                ..Default::default()
            });
        if include_operations && described.error_code.is_none() {
            described.authorized_operations =
                cluster.authorized_operations(caller, ResourceType::Group, &group_id);
        }
        described.group_id = group_id;
        described
    };
    ShareGroupDescribeResponse {
        groups: request.group_ids.into_iter().map(describe).collect(),
        ..Default::default()
    }
}

fn one(
    cluster: &Cluster,
    caller: &Caller,
    group_id: &str,
) -> Result<DescribedShareGroup, (ErrorCode, Option<String>)> {
    check(cluster, caller, group_id).map_err(|code| (code, None))?;
    let Some(group) = share_group(cluster, group_id) else {
        let message = not_found(cluster, group_id, "share");
        return Err((ErrorCode::GROUP_ID_NOT_FOUND, Some(message)));
    };
    let described = describe(cluster, group);
    let topics = described.members.iter();
    let mut topics = topics.flat_map(|member| &member.assignment.topic_partitions);
    let is_hidden = |topic: &DescribedShareGroupTopicPartitions| {
        !cluster.authorize(
            caller,
            Operation::Describe,
            ResourceType::Topic,
            &topic.topic_name,
        )
    };
    if topics.any(is_hidden) {
        let message =
            "The described group uses topics that the client is not authorized to describe.";
        return Err((
            ErrorCode::TOPIC_AUTHORIZATION_FAILED,
            Some(message.to_owned()),
        ));
    }
    Ok(described)
}

fn describe(cluster: &Cluster, group: &ShareGroup) -> DescribedShareGroup {
    let members = group.members.iter();
    DescribedShareGroup {
        group_state: group.state_name().into(),
        group_epoch: group.epoch,
        assignment_epoch: group.assignment_epoch,
        assignor_name: "simple".into(),
        members: members
            .map(|(id, member)| describe_member(cluster, id, member))
            .collect(),
        ..Default::default()
    }
}

fn describe_member(
    cluster: &Cluster,
    member_id: &StrBytes,
    member: &ShareMember,
) -> DescribedShareGroupMember {
    let assigned = member.assigned.iter().filter_map(|(topic_id, partitions)| {
        let topic_name = cluster.topics.name_of(topic_id)?.clone();
        Some(DescribedShareGroupTopicPartitions {
            topic_id: *topic_id,
            topic_name,
            partitions: partitions.iter().copied().collect(),
            ..Default::default()
        })
    });
    DescribedShareGroupMember {
        member_id: member_id.clone(),
        rack_id: member.rack_id.clone(),
        member_epoch: member.epoch,
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        subscribed_topic_names: member.subscribed.iter().cloned().collect(),
        assignment: DescribedShareGroupAssignment {
            topic_partitions: assigned.collect(),
            ..Default::default()
        },
        ..Default::default()
    }
}
