//! StreamsGroupDescribe: the state of streams groups, for administrators.

use thalweg_protocol::messages::{
    DescribedStreamsGroup, StreamsGroupDescribeRequest, StreamsGroupDescribeResponse,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::described_group::{HIDDEN_TOPICS, check, not_found};
use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::group::Group;

/// No description of the topology is stored: that takes a plugin of Kafka's.
const NOT_STORED: i8 = 1;

/// Describes the groups asked for.
pub(super) fn streams_group_describe(
    cluster: &mut Cluster,
    caller: &Caller,
    request: StreamsGroupDescribeRequest,
) -> StreamsGroupDescribeResponse {
    let groups = request.group_ids.iter().map(|id| {
        let mut group = describe(cluster, caller, id);
        if request.include_topology_description && group.error_code.is_none() {
            group.topology_description_status = NOT_STORED;
        }
        if group.error_code.is_none() && hides_topics(cluster, caller, &group) {
            group.members.clear();
            group.topology = None;
            group.error_code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
            group.error_message = Some(StrBytes::from_static(HIDDEN_TOPICS));
        }
        if group.error_code.is_none() && request.include_authorized_operations {
            group.authorized_operations =
                cluster.authorized_operations(caller, ResourceType::Group, id);
        }
        group
    });
    StreamsGroupDescribeResponse {
        groups: groups.collect(),
        ..Default::default()
    }
}

fn describe(cluster: &Cluster, caller: &Caller, id: &StrBytes) -> DescribedStreamsGroup {
    let failed = |error_code: ErrorCode, message: Option<String>| DescribedStreamsGroup {
        group_id: id.clone(),
        error_code,
        error_message: message.map(StrBytes::from),
        ..Default::default()
    };
    if let Err(error_code) = check(cluster, caller, id) {
        return failed(error_code, None);
    }
    match cluster.groups.group(id) {
        Some(Group::Streams(group)) => group.describe(id),
        _ => {
            let message = not_found(cluster, id, "streams");
            failed(ErrorCode::GROUP_ID_NOT_FOUND, Some(message))
        }
    }
}

/// Whether the topology has topics that the caller must not know of.
fn hides_topics(cluster: &Cluster, caller: &Caller, group: &DescribedStreamsGroup) -> bool {
    let parts = group
        .topology
        .iter()
        .flat_map(|topology| topology.subtopologies.iter().flatten());
    let mut names = parts.flat_map(|part| {
        let repartition = part.repartition_source_topics.iter();
        let internal = repartition
            .chain(&part.state_changelog_topics)
            .map(|topic| &topic.name);
        part.source_topics
            .iter()
            .chain(&part.repartition_sink_topics)
            .chain(internal)
    });
    names.any(|name| !cluster.authorize(caller, Operation::Describe, ResourceType::Topic, name))
}
