//! Describes partitions page by page (DescribeTopicPartitions, API key 75).

use crate::{BrokerId, ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Asks for topics and their partitions, page by page (KIP-966).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeTopicPartitions, versions = 0..=0, flexible = 0..,
    response = DescribeTopicPartitionsResponse
)]
pub struct DescribeTopicPartitionsRequest {
    /// The topics, by ascending name.
    pub topics: Vec<DescribeTopicPartitionsTopicRequest>,
    /// The most partitions in the response. 2000 by default.
    #[field(default = 2000)]
    pub response_partition_limit: i32,
    /// Where to go on; `None` to begin.
    pub cursor: Option<TopicPartitionsCursor>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic asked for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeTopicPartitionsTopicRequest {
    /// The name of the topic.
    pub name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A place in the list of partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopicPartitionsCursor {
    /// The topic to go on with.
    pub topic_name: StrBytes,
    /// The first partition to go on with.
    pub partition_index: PartitionId,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A page of topics and partitions.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct DescribeTopicPartitionsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    /// Where to go on with the next request; `None` at the end.
    pub next_cursor: Option<TopicPartitionsCursor>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeTopicPartitionsResponseTopic {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The name of the topic; `None` if it is not known.
    #[field(default = Some(StrBytes::new()))]
    pub name: Option<StrBytes>,
    /// The topic's id.
    pub topic_id: Uuid,
    /// Whether Kafka itself keeps state in the topic.
    pub is_internal: bool,
    /// The partitions of the topic.
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    /// What the caller may do with the topic: bit n is set wwith the topic ACL operation n is
    /// allowed; `i32::MIN` if it was not asked for.
    #[field(default = i32::MIN)]
    pub topic_authorized_operations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A partition, with its leader and replicas.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeTopicPartitionsResponsePartition {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The partition.
    pub partition_index: PartitionId,
    /// The broker that leads the partition; -1 if there is none.
    pub leader_id: BrokerId,
    /// The leader epoch, raised with each new leader; -1 if it is not known.
    #[field(default = -1)]
    pub leader_epoch: i32,
    /// The brokers that hold a replica; the preferred leader first.
    pub replica_nodes: Vec<BrokerId>,
    /// The brokers whose replicas are in sync.
    pub isr_nodes: Vec<BrokerId>,
    /// Replicas that are not in sync but have all that is committed (KIP-966).
    pub eligible_leader_replicas: Option<Vec<BrokerId>>,
    /// The replicas that were last known to have all that is committed.
    pub last_known_elr: Option<Vec<BrokerId>>,
    /// The brokers whose replicas are offline.
    pub offline_replicas: Vec<BrokerId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
