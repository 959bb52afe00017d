//! DeleteRecords (API key 21).

use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags};

/// Delete records request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DeleteRecords, versions = 0..=2, flexible = 2.., response = DeleteRecordsResponse)]
pub struct DeleteRecordsRequest {
    /// Topics.
    pub topics: Vec<DeleteRecordsTopic>,
    /// Timeout ms.
    pub timeout_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete records topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteRecordsTopic {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<DeleteRecordsPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete records partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteRecordsPartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Offset.
    pub offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete records response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 2..)]
pub struct DeleteRecordsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Topics.
    pub topics: Vec<DeleteRecordsTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete records topic result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteRecordsTopicResult {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<DeleteRecordsPartitionResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete records partition result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteRecordsPartitionResult {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Low watermark.
    pub low_watermark: Offset,
    /// Error code.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
