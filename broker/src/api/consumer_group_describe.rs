//! ConsumerGroupDescribe: the state of consumer groups, for administrators.

use thalweg_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedConsumerGroup,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::described_group::{HIDDEN_TOPICS, check, not_found};
use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::group::Group;

/// Describes the groups asked for.
pub(super) fn consumer_group_describe(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let groups = request.group_ids.iter().map(|id| {
        let mut group = describe(cluster, caller, id);
        if group.error_code.is_none() && hides_topics(cluster, caller, &group) {
            group.members.clear();
            group.error_code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
            group.error_message = Some(StrBytes::from_static(HIDDEN_TOPICS));
        }
        if group.error_code.is_none() && request.include_authorized_operations {
            group.authorized_operations =
                cluster.authorized_operations(caller, ResourceType::Group, id);
        }
        group
    });
    ConsumerGroupDescribeResponse {
        groups: groups.collect(),
        ..Default::default()
    }
}

fn describe(cluster: &Cluster, caller: &Caller, id: &StrBytes) -> DescribedConsumerGroup {
    let failed = |error_code: ErrorCode, message: Option<String>| DescribedConsumerGroup {
        group_id: id.clone(),
        error_code,
        error_message: message.map(StrBytes::from),
        ..Default::default()
    };
    if let Err(error_code) = check(cluster, caller, id) {
        return failed(error_code, None);
    }
    match cluster.groups.group(id) {
        Some(Group::Consumer(group)) => group.describe(id, &cluster.topics),
        _ => {
            let message = not_found(cluster, id, "consumer");
            failed(ErrorCode::GROUP_ID_NOT_FOUND, Some(message))
        }
    }
}

/// Whether members have, or are to have, topics that the caller must not know of.
fn hides_topics(cluster: &Cluster, caller: &Caller, group: &DescribedConsumerGroup) -> bool {
    let assignments = group.members.iter();
    let assignments =
        assignments.flat_map(|member| [&member.assignment, &member.target_assignment]);
    let mut names = assignments.flat_map(|assignment| &assignment.topic_partitions);
    names.any(|topic| {
        let name = &topic.topic_name;
        !cluster.authorize(caller, Operation::Describe, ResourceType::Topic, name)
    })
}
