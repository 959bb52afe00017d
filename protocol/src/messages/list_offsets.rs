//! Finds offsets by time (ListOffsets, API key 2).

use crate::{BrokerId, ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags};

/// Looks for the first offsets at or after a time, or for the ends of partitions.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ListOffsets, versions = 1..=11, flexible = 6.., response = ListOffsetsResponse)]
pub struct ListOffsetsRequest {
    /// The broker that asks as a follower; -1 for a client.
    pub replica_id: BrokerId,
    /// 0 reads everything (read_uncommitted), 1 only what is committed (read_committed).
    #[field(versions = 2..)]
    pub isolation_level: i8,
    /// The topics.
    pub topics: Vec<ListOffsetsTopic>,
    /// How many milliseconds the broker may take to look into remote storage.
    #[field(versions = 10.., ignorable)]
    pub timeout_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic to look into.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListOffsetsTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<ListOffsetsPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What to look for in one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListOffsetsPartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// The leader epoch the client believes in; the broker refuses an older or newer one. -1 for no
    /// check.
    #[field(versions = 4.., default = -1, ignorable)]
    pub current_leader_epoch: i32,
    /// The time to look for, in milliseconds since 1970, or: -1 the end, -2 the start, -3 the
    /// record with the greatest timestamp, -4 the start of local storage, -5 the end of remote
    /// storage.
    pub timestamp: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offsets found.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=11, flexible = 6..)]
pub struct ListOffsetsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    #[field(versions = 2.., ignorable)]
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<ListOffsetsTopicResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What was found in one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListOffsetsTopicResponse {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<ListOffsetsPartitionResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What was found in one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListOffsetsPartitionResponse {
    /// The partition.
    pub partition_index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The timestamp of the record found, in milliseconds since 1970; -1 for none.
    #[field(default = -1)]
    pub timestamp: i64,
    /// The offset found; -1 for none.
    #[field(default = Offset(-1))]
    pub offset: Offset,
    /// The leader epoch, raised with each new leader; -1 if it is not known.
    #[field(versions = 4.., default = -1)]
    pub leader_epoch: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
