//! Finds where leader epochs end (OffsetForLeaderEpoch, API key 23).

use crate::{BrokerId, ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags};

/// Asks where leader epochs end, to find out whether a log was truncated (KIP-320).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = OffsetForLeaderEpoch, versions = 2..=4, flexible = 4..,
    response = OffsetForLeaderEpochResponse
)]
pub struct OffsetForLeaderEpochRequest {
    /// The broker that asks as a follower; -1 for a client.
    #[field(versions = 3.., default = BrokerId(-2), ignorable)]
    pub replica_id: BrokerId,
    /// The topics.
    pub topics: Vec<OffsetForLeaderTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic to look into.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetForLeaderTopic {
    /// The name of the topic.
    pub topic: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<OffsetForLeaderPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The leader epoch to look up in one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetForLeaderPartition {
    /// The partition.
    pub partition: PartitionId,
    /// The leader epoch the client believes in; the broker refuses an older or newer one. -1 for no
    /// check.
    #[field(default = -1)]
    pub current_leader_epoch: i32,
    /// The leader epoch to look up.
    pub leader_epoch: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Where they end.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 2..=4, flexible = 4..)]
pub struct OffsetForLeaderEpochResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<OffsetForLeaderTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What was found in one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetForLeaderTopicResult {
    /// The name of the topic.
    pub topic: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<EpochEndOffset>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Where a leader epoch ends.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct EpochEndOffset {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The partition.
    pub partition: PartitionId,
    /// The greatest leader epoch that is not above the one asked for; -1 if there is none.
    #[field(default = -1)]
    pub leader_epoch: i32,
    /// Where that epoch ends in the log; -1 if it is not known.
    #[field(default = Offset(-1))]
    pub end_offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
