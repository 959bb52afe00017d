//! Deletes the older records of partitions (DeleteRecords, API key 21).

use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags};

/// Deletes the records before an offset, at the partitions' leaders.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DeleteRecords, versions = 0..=2, flexible = 2..,
    response = DeleteRecordsResponse
)]
pub struct DeleteRecordsRequest {
    /// The topics.
    pub topics: Vec<DeleteRecordsTopic>,
    /// How many milliseconds the broker may take before it answers that it timed out.
    pub timeout_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic to delete records of.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteRecordsTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<DeleteRecordsPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A partition to delete records of.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteRecordsPartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// The first offset to keep; -1 to delete all up to the high watermark.
    pub offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The new start of each partition.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 2..)]
pub struct DeleteRecordsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<DeleteRecordsTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteRecordsTopicResult {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<DeleteRecordsPartitionResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteRecordsPartitionResult {
    /// The partition.
    pub partition_index: PartitionId,
    /// The new start of the partition; -1 if there was an error.
    pub low_watermark: Offset,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
