//! DescribeShareGroupOffsets: how far share groups have come (KIP-932, KIP-1226).

use std::collections::BTreeMap;

use thalweg_protocol::messages::{
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequestGroup,
    DescribeShareGroupOffsetsRequestTopic, DescribeShareGroupOffsetsResponse,
    DescribeShareGroupOffsetsResponseGroup, DescribeShareGroupOffsetsResponsePartition,
    DescribeShareGroupOffsetsResponseTopic,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId, StrBytes, Uuid};

use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::group::check_coordinator;

/// Describes each group.
pub(super) fn describe_share_group_offsets(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DescribeShareGroupOffsetsRequest,
) -> DescribeShareGroupOffsetsResponse {
    let describe = |asked: DescribeShareGroupOffsetsRequestGroup| {
        let (topics, error_code) = match group(cluster, caller, &asked) {
            Ok(topics) => (topics, ErrorCode::NONE),
            Err(error_code) => (Vec::new(), error_code),
        };
        DescribeShareGroupOffsetsResponseGroup {
            group_id: asked.group_id,
            topics,
            error_code,
            error_message: None,
            ..Default::default()
        }
    };
    DescribeShareGroupOffsetsResponse {
        groups: request.groups.into_iter().map(describe).collect(),
        ..Default::default()
    }
}

fn group(
    cluster: &Cluster,
    caller: &Caller,
    asked: &DescribeShareGroupOffsetsRequestGroup,
) -> Result<Vec<DescribeShareGroupOffsetsResponseTopic>, ErrorCode> {
    let group_id = &asked.group_id;
    cluster.check_group(caller, Operation::Describe, group_id)?;
    check_coordinator(cluster, group_id, caller)?;
    let may_see =
        |name: &str| cluster.authorize(caller, Operation::Describe, ResourceType::Topic, name);
    if let Some(topics) = &asked.topics {
        let named = topics.iter().map(|topic| match may_see(&topic.topic_name) {
            true => named_topic(cluster, group_id, topic),
            false => hidden_topic(topic),
        });
        return Ok(named.collect());
    }
    let mut begun: BTreeMap<Uuid, Vec<PartitionId>> = BTreeMap::new();
    for (topic_id, index) in cluster.shares.places(group_id) {
        begun.entry(topic_id).or_default().push(index);
    }
    let topics = begun.into_iter().filter_map(|(topic_id, indices)| {
        let name = cluster.topics.name_of(&topic_id)?;
        may_see(name).then(|| topic(cluster, group_id, name.clone(), topic_id, &indices))
    });
    Ok(topics.collect())
}

fn named_topic(
    cluster: &Cluster,
    group_id: &str,
    asked: &DescribeShareGroupOffsetsRequestTopic,
) -> DescribeShareGroupOffsetsResponseTopic {
    let found = cluster.topics.topic(&asked.topic_name);
    let topic_id = found.map_or(Uuid::ZERO, |topic| topic.id);
    let name = asked.topic_name.clone();
    topic(cluster, group_id, name, topic_id, &asked.partitions)
}

fn hidden_topic(
    asked: &DescribeShareGroupOffsetsRequestTopic,
) -> DescribeShareGroupOffsetsResponseTopic {
    let part = |index: &PartitionId| DescribeShareGroupOffsetsResponsePartition {
        error_code: ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        ..unknown(*index)
    };
    DescribeShareGroupOffsetsResponseTopic {
        topic_name: asked.topic_name.clone(),
        partitions: asked.partitions.iter().map(part).collect(),
        ..Default::default()
    }
}

fn topic(
    cluster: &Cluster,
    group_id: &str,
    topic_name: StrBytes,
    topic_id: Uuid,
    indices: &[PartitionId],
) -> DescribeShareGroupOffsetsResponseTopic {
    let part = |index: &PartitionId| {
        let state = cluster.shares.state(group_id, &(topic_id, *index));
        let partition = cluster.topics.partition(&topic_name, *index);
        let (Some(state), Some(partition)) = (state, partition) else {
            return unknown(*index);
        };
        let lag = partition.log.high_watermark() - state.start() - state.done();
        DescribeShareGroupOffsetsResponsePartition {
            start_offset: Offset(state.start()),
            leader_epoch: partition.leader_epoch,
            lag: lag.max(0),
            ..unknown(*index)
        }
    };
    DescribeShareGroupOffsetsResponseTopic {
        partitions: indices.iter().map(part).collect(),
        topic_name,
        topic_id,
        ..Default::default()
    }
}

/// What the group has not begun.
fn unknown(partition_index: PartitionId) -> DescribeShareGroupOffsetsResponsePartition {
    DescribeShareGroupOffsetsResponsePartition {
        partition_index,
        start_offset: Offset(-1),
        lag: -1,
        error_message: None,
        ..Default::default()
    }
}
