//! Tells who writes to partitions (DescribeProducers, API key 61).

use crate::{
    ErrorCode, Message, Offset, PartitionId, ProducerId, StrBytes, Structure, UnknownTags,
};

/// Asks for the idempotent and transactional producers of partitions, at their leaders (KIP-664).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeProducers, versions = 0..=0, flexible = 0..,
    response = DescribeProducersResponse
)]
pub struct DescribeProducersRequest {
    /// The topics.
    pub topics: Vec<DescribeProducersTopicRequest>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic asked for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeProducersTopicRequest {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partition_indexes: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The producers.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct DescribeProducersResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<DescribeProducersTopicResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The producers of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeProducersTopicResponse {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<DescribeProducersPartitionResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The producers of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeProducersPartitionResponse {
    /// The partition.
    pub partition_index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// The producers that wrote lately.
    pub active_producers: Vec<ProducerState>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What a partition's leader knows of a producer.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ProducerState {
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The producer's epoch, which fences older instances of it.
    pub producer_epoch: i32,
    /// The last sequence number written; -1 if there is none.
    #[field(default = -1)]
    pub last_sequence: i32,
    /// The last timestamp written, in milliseconds since 1970; -1 if there is none.
    #[field(default = -1)]
    pub last_timestamp: i64,
    /// The epoch of the transaction coordinator that wrote the last marker; -1 if there is none.
    pub coordinator_epoch: i32,
    /// Where the open transaction starts; -1 if there is none.
    #[field(default = Offset(-1))]
    pub current_txn_start_offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
