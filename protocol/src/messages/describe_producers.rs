//! DescribeProducers (API key 61).

use crate::{
    ErrorCode, Message, Offset, PartitionId, ProducerId, StrBytes, Structure, UnknownTags,
};

/// Describe producers request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeProducers, versions = 0..=0, flexible = 0.., response = DescribeProducersResponse)]
pub struct DescribeProducersRequest {
    /// Topics.
    pub topics: Vec<DescribeProducersTopicRequest>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe producers topic request.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeProducersTopicRequest {
    /// Name.
    pub name: StrBytes,
    /// Partition indexes.
    pub partition_indexes: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe producers response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct DescribeProducersResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Topics.
    pub topics: Vec<TopicResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Topic response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopicResponse {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<PartitionResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Partition response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct PartitionResponse {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Active producers.
    pub active_producers: Vec<ProducerState>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Producer state.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ProducerState {
    /// Producer id.
    pub producer_id: ProducerId,
    /// Producer epoch.
    pub producer_epoch: i32,
    /// Last sequence.
    #[field(default = -1)]
    pub last_sequence: i32,
    /// Last timestamp.
    #[field(default = -1)]
    pub last_timestamp: i64,
    /// Coordinator epoch.
    pub coordinator_epoch: i32,
    /// Current txn start offset.
    #[field(default = Offset(-1))]
    pub current_txn_start_offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
