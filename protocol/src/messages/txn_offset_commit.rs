//! Stores how far a group has read, within a transaction (TxnOffsetCommit, API key 28).

use crate::{
    ErrorCode, Message, Offset, PartitionId, ProducerId, StrBytes, Structure, UnknownTags, Uuid,
};

/// Commits offsets of a group as part of a transaction, at the group coordinator.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = TxnOffsetCommit, versions = 0..=6, flexible = 3..,
    response = TxnOffsetCommitResponse
)]
pub struct TxnOffsetCommitRequest {
    /// The transactional id.
    pub transactional_id: StrBytes,
    /// The group.
    pub group_id: StrBytes,
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The producer's epoch, which fences older instances of it.
    pub producer_epoch: i16,
    /// The generation of a classic group or the member's epoch in one of the newer kinds; -1 from
    /// outside the group.
    #[field(versions = 3.., default = -1)]
    pub generation_id_or_member_epoch: i32,
    /// The member's id.
    #[field(versions = 3..)]
    pub member_id: StrBytes,
    /// The fixed name of a static member (`group.instance.id`), unchanged over restarts; `None` for
    /// a dynamic one.
    #[field(versions = 3..)]
    pub group_instance_id: Option<StrBytes>,
    /// The topics.
    pub topics: Vec<TxnOffsetCommitRequestTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offsets to commit of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TxnOffsetCommitRequestTopic {
    /// The name of the topic, up to version 5.
    #[field(versions = ..=5, ignorable)]
    pub name: StrBytes,
    /// The topic's id, from version 6 on.
    #[field(versions = 6.., ignorable)]
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<TxnOffsetCommitRequestPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offset to commit of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TxnOffsetCommitRequestPartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// The offset to commit: the next one to be read.
    pub committed_offset: Offset,
    /// The leader epoch of the last record read, by which a truncation is noticed later; -1 if it
    /// is not known.
    #[field(versions = 2.., default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    /// Any text to keep with the offset.
    #[field(default = Some(StrBytes::new()))]
    pub committed_metadata: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each offset.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=6, flexible = 3..)]
pub struct TxnOffsetCommitResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<TxnOffsetCommitResponseTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of the offsets of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TxnOffsetCommitResponseTopic {
    /// The name of the topic, up to version 5.
    #[field(versions = ..=5, ignorable)]
    pub name: StrBytes,
    /// The topic's id, from version 6 on.
    #[field(versions = 6.., ignorable)]
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<TxnOffsetCommitResponsePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of the offset of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TxnOffsetCommitResponsePartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
