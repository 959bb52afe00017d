//! OffsetForLeaderEpoch (API key 23).

use crate::{BrokerId, ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags};

/// Offset for leader epoch request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = OffsetForLeaderEpoch, versions = 2..=4, flexible = 4.., response = OffsetForLeaderEpochResponse)]
pub struct OffsetForLeaderEpochRequest {
    /// Replica id.
    #[field(versions = 3.., default = BrokerId(-2), ignorable)]
    pub replica_id: BrokerId,
    /// Topics.
    pub topics: Vec<OffsetForLeaderTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset for leader topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetForLeaderTopic {
    /// Topic.
    pub topic: StrBytes,
    /// Partitions.
    pub partitions: Vec<OffsetForLeaderPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset for leader partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetForLeaderPartition {
    /// Partition.
    pub partition: PartitionId,
    /// Current leader epoch.
    #[field(default = -1)]
    pub current_leader_epoch: i32,
    /// Leader epoch.
    pub leader_epoch: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset for leader epoch response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 2..=4, flexible = 4..)]
pub struct OffsetForLeaderEpochResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Topics.
    pub topics: Vec<OffsetForLeaderTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset for leader topic result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetForLeaderTopicResult {
    /// Topic.
    pub topic: StrBytes,
    /// Partitions.
    pub partitions: Vec<EpochEndOffset>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Epoch end offset.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct EpochEndOffset {
    /// Error code.
    pub error_code: ErrorCode,
    /// Partition.
    pub partition: PartitionId,
    /// Leader epoch.
    #[field(default = -1)]
    pub leader_epoch: i32,
    /// End offset.
    #[field(default = Offset(-1))]
    pub end_offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
