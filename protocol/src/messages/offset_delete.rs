//! Deletes committed offsets (OffsetDelete, API key 47).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure};

/// Deletes offsets that a group has committed, of topics it does not read any more.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = OffsetDelete, versions = 0..=0, response = OffsetDeleteResponse)]
pub struct OffsetDeleteRequest {
    /// The group.
    pub group_id: StrBytes,
    /// The topics.
    pub topics: Vec<OffsetDeleteRequestTopic>,
}

/// The offsets to delete of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetDeleteRequestTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<OffsetDeleteRequestPartition>,
}

/// A partition whose offset to delete.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetDeleteRequestPartition {
    /// The partition.
    pub partition_index: PartitionId,
}

/// What became of each offset.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct OffsetDeleteResponse {
    /// An error of the group.
    pub error_code: ErrorCode,
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<OffsetDeleteResponseTopic>,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetDeleteResponseTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<OffsetDeleteResponsePartition>,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetDeleteResponsePartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
}
