//! Stores how far a group has read (OffsetCommit, API key 8).

use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Commits offsets of a group, at its group coordinator.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = OffsetCommit, versions = 2..=10, flexible = 8..,
    response = OffsetCommitResponse
)]
pub struct OffsetCommitRequest {
    /// The group.
    pub group_id: StrBytes,
    /// The generation of a classic group or the member's epoch in one of the newer kinds; -1 from
    /// outside the group.
    #[field(default = -1)]
    pub generation_id_or_member_epoch: i32,
    /// The member's id.
    pub member_id: StrBytes,
    /// The fixed name of a static member (`group.instance.id`), unchanged over restarts; `None` for
    /// a dynamic one.
    #[field(versions = 7..)]
    pub group_instance_id: Option<StrBytes>,
    /// Milliseconds to keep the offsets; -1 for the broker's default.
    #[field(versions = ..=4, default = -1, ignorable)]
    pub retention_time_ms: i64,
    /// The topics.
    pub topics: Vec<OffsetCommitRequestTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offsets to commit of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetCommitRequestTopic {
    /// The name of the topic, up to version 9.
    #[field(versions = ..=9, ignorable)]
    pub name: StrBytes,
    /// The topic's id, from version 10 on.
    #[field(versions = 10.., ignorable)]
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<OffsetCommitRequestPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offset to commit of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetCommitRequestPartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// The offset to commit: the next one to be read.
    pub committed_offset: Offset,
    /// The leader epoch of the last record read, by which a truncation is noticed later; -1 if it
    /// is not known.
    #[field(versions = 6.., default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    /// Any text to keep with the offset.
    #[field(default = Some(StrBytes::new()))]
    pub committed_metadata: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each offset.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 2..=10, flexible = 8..)]
pub struct OffsetCommitResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    #[field(versions = 3.., ignorable)]
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<OffsetCommitResponseTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of the offsets of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetCommitResponseTopic {
    /// The name of the topic, up to version 9.
    #[field(versions = ..=9, ignorable)]
    pub name: StrBytes,
    /// The topic's id, from version 10 on.
    #[field(versions = 10.., ignorable)]
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<OffsetCommitResponsePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of the offset of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetCommitResponsePartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
