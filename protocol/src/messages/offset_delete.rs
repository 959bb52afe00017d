//! OffsetDelete (API key 47).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure};

/// Offset delete request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = OffsetDelete, versions = 0..=0, response = OffsetDeleteResponse)]
pub struct OffsetDeleteRequest {
    /// Group id.
    pub group_id: StrBytes,
    /// Topics.
    pub topics: Vec<OffsetDeleteRequestTopic>,
}

/// Offset delete request topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetDeleteRequestTopic {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<OffsetDeleteRequestPartition>,
}

/// Offset delete request partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetDeleteRequestPartition {
    /// Partition index.
    pub partition_index: PartitionId,
}

/// Offset delete response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct OffsetDeleteResponse {
    /// Error code.
    pub error_code: ErrorCode,
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Topics.
    pub topics: Vec<OffsetDeleteResponseTopic>,
}

/// Offset delete response topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetDeleteResponseTopic {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<OffsetDeleteResponsePartition>,
}

/// Offset delete response partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetDeleteResponsePartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
}
