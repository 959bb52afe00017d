//! ListOffsets (API key 2).

use crate::{BrokerId, ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags};

/// List offsets request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ListOffsets, versions = 1..=11, flexible = 6.., response = ListOffsetsResponse)]
pub struct ListOffsetsRequest {
    /// Replica id.
    pub replica_id: BrokerId,
    /// Isolation level.
    #[field(versions = 2..)]
    pub isolation_level: i8,
    /// Topics.
    pub topics: Vec<ListOffsetsTopic>,
    /// Timeout ms.
    #[field(versions = 10.., ignorable)]
    pub timeout_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// List offsets topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListOffsetsTopic {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<ListOffsetsPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// List offsets partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListOffsetsPartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Current leader epoch.
    #[field(versions = 4.., default = -1, ignorable)]
    pub current_leader_epoch: i32,
    /// Timestamp.
    pub timestamp: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// List offsets response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=11, flexible = 6..)]
pub struct ListOffsetsResponse {
    /// Throttle time ms.
    #[field(versions = 2.., ignorable)]
    pub throttle_time_ms: i32,
    /// Topics.
    pub topics: Vec<ListOffsetsTopicResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// List offsets topic response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListOffsetsTopicResponse {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<ListOffsetsPartitionResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// List offsets partition response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListOffsetsPartitionResponse {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Timestamp.
    #[field(default = -1)]
    pub timestamp: i64,
    /// Offset.
    #[field(default = Offset(-1))]
    pub offset: Offset,
    /// Leader epoch.
    #[field(versions = 4.., default = -1)]
    pub leader_epoch: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
