//! Metadata: brokers, topics, leaders.

use thalweg_protocol::messages::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use thalweg_protocol::{BrokerId, ErrorCode, PartitionId, StrBytes};

use super::create_topics::create_missing;
use crate::cluster::{Caller, Cluster};
use crate::topic::{Partition, Topic, name_fault};

/// Describes the topics asked for, or all; makes missing ones where that is switched on.
pub(super) fn metadata(
    cluster: &mut Cluster,
    caller: &Caller,
    request: MetadataRequest,
) -> MetadataResponse {
    let topics = match request.topics {
        None => all_topics(cluster),
        // In version 0 no topic means all of them.
        Some(topics) if topics.is_empty() && caller.version == 0 => all_topics(cluster),
        Some(topics) => {
            let create = request.allow_auto_topic_creation || caller.version < 4;
            let asked = topics.into_iter();
            asked
                .map(|topic| one_topic(cluster, topic, create))
                .collect()
        }
    };
    let broker = |(node_id, node): (BrokerId, &crate::cluster::Node)| MetadataResponseBroker {
        node_id,
        host: node.host.clone(),
        port: i32::from(node.port),
        rack: node.rack.clone(),
        ..Default::default()
    };
    MetadataResponse {
        brokers: cluster.nodes.alive().map(broker).collect(),
        cluster_id: Some(cluster.id.clone()),
        controller_id: cluster.nodes.controller().unwrap_or_default(),
        topics,
        ..Default::default()
    }
}

fn all_topics(cluster: &Cluster) -> Vec<MetadataResponseTopic> {
    let topics = cluster.topics.iter();
    topics
        .map(|(name, topic)| describe(cluster, name, topic))
        .collect()
}

fn one_topic(
    cluster: &mut Cluster,
    asked: MetadataRequestTopic,
    create: bool,
) -> MetadataResponseTopic {
    let failed = |error_code, asked: MetadataRequestTopic| MetadataResponseTopic {
        error_code,
        name: asked.name,
        topic_id: asked.topic_id,
        ..Default::default()
    };
    let by_id = asked.name.as_deref().unwrap_or_default().is_empty() && !asked.topic_id.is_zero();
    let name = if by_id {
        match cluster.topics.name_of(&asked.topic_id) {
            Some(name) => name.clone(),
            None => return failed(ErrorCode::UNKNOWN_TOPIC_ID, asked),
        }
    } else {
        asked.name.clone().unwrap_or_default().detached()
    };
    if let Some(topic) = cluster.topics.topic(&name) {
        return describe(cluster, &name, topic);
    }
    if name_fault(&name).is_some() {
        return failed(ErrorCode::INVALID_TOPIC_EXCEPTION, asked);
    }
    if !create || !cluster.settings.flag("auto.create.topics.enable") {
        return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, asked);
    }
    match create_missing(cluster, &name) {
        // As Kafka does: the topic is being made, and is there when the client asks again.
        Ok(()) => failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, asked),
        Err((error_code, _)) => failed(error_code, asked),
    }
}

fn describe(cluster: &Cluster, name: &StrBytes, topic: &Topic) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().zip(0..);
    MetadataResponseTopic {
        name: Some(name.clone()),
        topic_id: topic.id,
        is_internal: topic.is_internal,
        partitions: partitions
            .map(|(partition, index)| describe_partition(cluster, partition, PartitionId(index)))
            .collect(),
        ..Default::default()
    }
}

fn describe_partition(
    cluster: &Cluster,
    partition: &Partition,
    partition_index: PartitionId,
) -> MetadataResponsePartition {
    let dead = |node: &BrokerId| !cluster.nodes.is_alive(*node);
    let error_code = match partition.leader {
        Some(_) => ErrorCode::NONE,
        None => ErrorCode::LEADER_NOT_AVAILABLE,
    };
    MetadataResponsePartition {
        error_code,
        partition_index,
        leader_id: partition.leader.unwrap_or_default(),
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.clone(),
        isr_nodes: partition.in_sync.clone(),
        offline_replicas: partition.replicas.iter().copied().filter(dead).collect(),
        ..Default::default()
    }
}
