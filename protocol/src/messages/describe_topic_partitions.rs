//! DescribeTopicPartitions (API key 75).

use crate::{BrokerId, ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Describe topic partitions request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeTopicPartitions, versions = 0..=0, flexible = 0.., response = DescribeTopicPartitionsResponse)]
pub struct DescribeTopicPartitionsRequest {
    /// Topics.
    pub topics: Vec<DescribeTopicPartitionsTopicRequest>,
    /// Response partition limit.
    #[field(default = 2000)]
    pub response_partition_limit: i32,
    /// Cursor.
    pub cursor: Option<TopicPartitionsCursor>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe topic partitions topic request.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeTopicPartitionsTopicRequest {
    /// Name.
    pub name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Topic partitions cursor.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopicPartitionsCursor {
    /// Topic name.
    pub topic_name: StrBytes,
    /// Partition index.
    pub partition_index: PartitionId,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe topic partitions response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct DescribeTopicPartitionsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Topics.
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    /// Next cursor.
    pub next_cursor: Option<TopicPartitionsCursor>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe topic partitions response topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeTopicPartitionsResponseTopic {
    /// Error code.
    pub error_code: ErrorCode,
    /// Name.
    #[field(default = Some(StrBytes::new()))]
    pub name: Option<StrBytes>,
    /// Topic id.
    pub topic_id: Uuid,
    /// Is internal.
    pub is_internal: bool,
    /// Partitions.
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    /// Topic authorized operations.
    #[field(default = i32::MIN)]
    pub topic_authorized_operations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe topic partitions response partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeTopicPartitionsResponsePartition {
    /// Error code.
    pub error_code: ErrorCode,
    /// Partition index.
    pub partition_index: PartitionId,
    /// Leader id.
    pub leader_id: BrokerId,
    /// Leader epoch.
    #[field(default = -1)]
    pub leader_epoch: i32,
    /// Replica nodes.
    pub replica_nodes: Vec<BrokerId>,
    /// Isr nodes.
    pub isr_nodes: Vec<BrokerId>,
    /// Eligible leader replicas.
    pub eligible_leader_replicas: Option<Vec<BrokerId>>,
    /// Last known elr.
    pub last_known_elr: Option<Vec<BrokerId>>,
    /// Offline replicas.
    pub offline_replicas: Vec<BrokerId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
