//! Metadata: brokers, topics, leaders.

use thalweg_protocol::messages::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use thalweg_protocol::{BrokerId, ErrorCode, PartitionId, StrBytes, Uuid};

use crate::acl::{CLUSTER_NAME, Operation, ResourceType};
use crate::cluster::new_topic::create_missing;
use crate::cluster::{Caller, Cluster};
use crate::topic::{Partition, Topic, name_fault};

/// Describes the topics asked for, or all; makes missing ones where that is switched on.
pub(super) fn metadata(
    cluster: &mut Cluster,
    caller: &Caller,
    request: MetadataRequest,
) -> MetadataResponse {
    if let Some(error_code) = refusal(&request, caller.version) {
        return refused(request, error_code);
    }
    let with_operations = request.include_topic_authorized_operations;
    let of_cluster = request.include_cluster_authorized_operations;
    let mut topics = match request.topics {
        None => all_topics(cluster, caller),
        // In version 0 no topic means all of them.
        Some(topics) if topics.is_empty() && caller.version == 0 => all_topics(cluster, caller),
        Some(topics) => {
            let create = request.allow_auto_topic_creation || caller.version < 4;
            let asked = topics.into_iter();
            asked
                .map(|topic| one_topic(cluster, caller, topic, create))
                .collect()
        }
    };
    if with_operations {
        add_operations(cluster, caller, &mut topics);
    }
    let broker = |(node_id, node): (BrokerId, &crate::cluster::Node)| MetadataResponseBroker {
        node_id,
        host: node.host.clone(),
        port: i32::from(node.port),
        rack: node.rack.clone(),
        ..Default::default()
    };
    let cluster_authorized_operations = match of_cluster {
        false => i32::MIN,
        true if !cluster.authorize_cluster(caller, Operation::Describe) => 0,
        true => cluster.authorized_operations(caller, ResourceType::Cluster, CLUSTER_NAME),
    };
    MetadataResponse {
        brokers: cluster.nodes.alive().map(broker).collect(),
        cluster_id: Some(cluster.id.clone()),
        controller_id: cluster.nodes.controller().unwrap_or_default(),
        topics,
        cluster_authorized_operations,
        ..Default::default()
    }
}

/// Why Kafka fails over a request as a whole.
fn refusal(request: &MetadataRequest, version: i16) -> Option<ErrorCode> {
    let mut topics = request.topics.iter().flatten();
    // Ids are there in versions 10 and 11, and not to be used yet; a name has to be.
    if version < 12 && topics.any(|topic| topic.name.is_none() || !topic.topic_id.is_zero()) {
        return Some(ErrorCode::INVALID_REQUEST);
    }
    topics
        .any(|topic| topic.name.is_none() && topic.topic_id.is_zero())
        .then_some(ErrorCode::UNKNOWN_SERVER_ERROR)
}

/// The error for every topic, and nothing about the cluster.
fn refused(request: MetadataRequest, error_code: ErrorCode) -> MetadataResponse {
    let topics = request.topics.unwrap_or_default().into_iter();
    let failed = |topic: MetadataRequestTopic| {
        bare(
            error_code,
            Some(topic.name.unwrap_or_default()),
            topic.topic_id,
        )
    };
    MetadataResponse {
        topics: topics.map(failed).collect(),
        ..Default::default()
    }
}

fn may_describe(cluster: &Cluster, caller: &Caller, name: &str) -> bool {
    cluster.authorize(caller, Operation::Describe, ResourceType::Topic, name)
}

fn all_topics(cluster: &Cluster, caller: &Caller) -> Vec<MetadataResponseTopic> {
    let topics = cluster.topics.iter();
    topics
        .filter(|(name, _)| may_describe(cluster, caller, name))
        .map(|(name, topic)| describe(cluster, name, topic))
        .collect()
}

/// Says what the caller may do to the topics that they may see.
fn add_operations(cluster: &Cluster, caller: &Caller, topics: &mut [MetadataResponseTopic]) {
    let denied = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    for topic in topics {
        let shown = topic.name.as_ref();
        let Some(name) = shown.filter(|_| topic.error_code != denied) else {
            continue;
        };
        topic.topic_authorized_operations =
            cluster.authorized_operations(caller, ResourceType::Topic, name);
    }
}

/// A topic nothing is told about.
fn bare(error_code: ErrorCode, name: Option<StrBytes>, topic_id: Uuid) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code,
        name,
        topic_id,
        ..Default::default()
    }
}

fn one_topic(
    cluster: &mut Cluster,
    caller: &Caller,
    asked: MetadataRequestTopic,
    create: bool,
) -> MetadataResponseTopic {
    let id = asked.topic_id;
    if !id.is_zero() {
        let Some(name) = cluster.topics.name_of(&id) else {
            return bare(ErrorCode::UNKNOWN_TOPIC_ID, None, id);
        };
        // The id is no secret, the name is.
        if !may_describe(cluster, caller, name) {
            return bare(ErrorCode::TOPIC_AUTHORIZATION_FAILED, None, id);
        }
        return match cluster.topics.topic(name) {
            Some(topic) => describe(cluster, name, topic),
            None => bare(ErrorCode::UNKNOWN_TOPIC_ID, None, id),
        };
    }
    let name = asked.name.unwrap_or_default().detached();
    let failed = |error_code| bare(error_code, Some(name.clone()), Uuid::ZERO);
    if !may_describe(cluster, caller, &name) {
        return failed(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    }
    if let Some(topic) = cluster.topics.topic(&name) {
        return describe(cluster, &name, topic);
    }
    if name_fault(&name).is_some() {
        return failed(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    if !create || !cluster.settings.flag("auto.create.topics.enable") {
        return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    if !cluster.authorize_cluster(caller, Operation::Create)
        && !cluster.authorize(caller, Operation::Create, ResourceType::Topic, &name)
    {
        return failed(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    }
    match create_missing(cluster, &name) {
        // As Kafka does: the topic is being made, and is there when the client asks again.
        Ok(()) => failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        Err((error_code, _)) => failed(error_code),
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
