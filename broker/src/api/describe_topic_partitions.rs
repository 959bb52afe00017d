//! DescribeTopicPartitions: partitions by pages, in the order of names (KIP-966).

use std::collections::BTreeSet;

use thalweg_protocol::messages::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
    TopicPartitionsCursor,
};
use thalweg_protocol::{ErrorCode, PartitionId, StrBytes, Uuid};

use super::fault::{Fault, invalid};
use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::topic::{Partition, name_fault};

/// Describes partitions from the cursor on, until there are as many as asked for.
pub(super) fn describe_topic_partitions(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let all = request.topics.is_empty();
    let names = match asked_for(cluster, &request) {
        Ok(names) => names,
        Err((error_code, _)) => return failed(request, error_code),
    };
    // Kafka's max.request.partition.size.limit.
    let mut room = usize::try_from(request.response_partition_limit).unwrap_or(0);
    room = room.clamp(1, 2000);
    let mut response = DescribeTopicPartitionsResponse::default();
    let mut denied = Vec::new();
    for name in names {
        if !cluster.authorize(caller, Operation::Describe, ResourceType::Topic, &name) {
            let error_code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
            denied.extend((!all).then(|| bare(name, error_code)));
            continue;
        }
        if room == 0 {
            response.next_cursor = Some(cursor_at(name, 0));
            break;
        }
        let Some(topic) = cluster.topics.topic(&name) else {
            let error_code = match name_fault(&name) {
                Some((code, _)) => code,
                None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            };
            let operations = cluster.authorized_operations(caller, ResourceType::Topic, &name);
            response.topics.push(DescribeTopicPartitionsResponseTopic {
                topic_authorized_operations: operations,
                ..bare(name, error_code)
            });
            continue;
        };
        let first = match &request.cursor {
            Some(cursor) if cursor.topic_name == name => cursor.partition_index.0,
            _ => 0,
        };
        let first = usize::try_from(first).unwrap_or(0);
        let partitions = topic.partitions.iter().zip(0..).skip(first).take(room);
        let partitions: Vec<_> = partitions
            .map(|(partition, index)| describe(cluster, partition, PartitionId(index)))
            .collect();
        room -= partitions.len();
        let next = first + partitions.len();
        let more = next < topic.partitions.len();
        let operations = cluster.authorized_operations(caller, ResourceType::Topic, &name);
        response.topics.push(DescribeTopicPartitionsResponseTopic {
            name: Some(name.clone()),
            topic_id: topic.id,
            is_internal: topic.is_internal,
            partitions,
            topic_authorized_operations: operations,
            ..Default::default()
        });
        if more {
            response.next_cursor = Some(cursor_at(name, next));
            break;
        }
    }
    response.topics.extend(denied);
    response
}

/// The names to look at, in order, from the cursor on.
fn asked_for(
    cluster: &Cluster,
    request: &DescribeTopicPartitionsRequest,
) -> Result<BTreeSet<StrBytes>, Fault> {
    let cursor = request.cursor.as_ref();
    let from = cursor.map_or("", |cursor| cursor.topic_name.as_str());
    let after = |name: &&StrBytes| name.as_str() >= from;
    let names: BTreeSet<StrBytes> = if request.topics.is_empty() {
        let names = cluster.topics.iter().map(|(name, _)| name);
        names.filter(after).cloned().collect()
    } else {
        let names = request.topics.iter().map(|topic| &topic.name);
        names.filter(after).cloned().collect()
    };
    let Some(cursor) = cursor else {
        return Ok(names);
    };
    if !request.topics.is_empty() && !names.contains(&cursor.topic_name) {
        return Err(invalid("the cursor's topic is not among those asked for"));
    }
    if cursor.partition_index.0 < 0 {
        return Err(invalid("the cursor's partition is negative"));
    }
    Ok(names)
}

fn failed(
    request: DescribeTopicPartitionsRequest,
    error_code: ErrorCode,
) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.into_iter();
    let topics = topics.map(|topic| DescribeTopicPartitionsResponseTopic {
        name: Some(topic.name),
        error_code,
        ..Default::default()
    });
    DescribeTopicPartitionsResponse {
        topics: topics.collect(),
        ..Default::default()
    }
}

/// A topic nothing is told about.
fn bare(name: StrBytes, error_code: ErrorCode) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        error_code,
        name: Some(name),
        topic_id: Uuid::ZERO,
        ..Default::default()
    }
}

fn cursor_at(topic_name: StrBytes, partition: usize) -> TopicPartitionsCursor {
    TopicPartitionsCursor {
        topic_name,
        partition_index: PartitionId(i32::try_from(partition).unwrap_or(i32::MAX)),
        ..Default::default()
    }
}

fn describe(
    cluster: &Cluster,
    partition: &Partition,
    partition_index: PartitionId,
) -> DescribeTopicPartitionsResponsePartition {
    let replicas = partition.replicas.iter().copied();
    DescribeTopicPartitionsResponsePartition {
        error_code: match partition.leader {
            Some(_) => ErrorCode::NONE,
            None => ErrorCode::LEADER_NOT_AVAILABLE,
        },
        partition_index,
        leader_id: partition.leader.unwrap_or_default(),
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.clone(),
        isr_nodes: partition.in_sync.clone(),
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        offline_replicas: replicas.filter(|id| !cluster.nodes.is_alive(*id)).collect(),
        ..Default::default()
    }
}
