//! Tells how far groups have read (OffsetFetch, API key 9).

use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Asks for the committed offsets of groups, at their group coordinator.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = OffsetFetch, versions = 1..=10, flexible = 6.., response = OffsetFetchResponse)]
pub struct OffsetFetchRequest {
    /// The group, up to version 7.
    #[field(versions = ..=7)]
    pub group_id: StrBytes,
    /// The partitions, up to version 7; `None` for all of the group.
    #[field(versions = ..=7, nullable = 2.., default = Some(Vec::new()))]
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    /// The groups, from version 8 on.
    #[field(versions = 8..)]
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// Whether to refuse partitions with offsets in a transaction that is not decided yet
    /// (KIP-447).
    #[field(versions = 7..)]
    pub require_stable: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic asked for, up to version 7.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchRequestTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partition_indexes: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A group asked for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchRequestGroup {
    /// The group.
    pub group_id: StrBytes,
    /// The member that asks; `None` from outside the group.
    #[field(versions = 9.., ignorable)]
    pub member_id: Option<StrBytes>,
    /// The epoch of the member that asks; -1 from outside the group.
    #[field(versions = 9.., default = -1, ignorable)]
    pub member_epoch: i32,
    /// The partitions; `None` for all of the group.
    #[field(default = Some(Vec::new()))]
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic asked for, from version 8 on.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchRequestTopics {
    /// The name of the topic, up to version 9.
    #[field(versions = ..=9, ignorable)]
    pub name: StrBytes,
    /// The topic's id, from version 10 on.
    #[field(versions = 10.., ignorable)]
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partition_indexes: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The committed offsets.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=10, flexible = 6..)]
pub struct OffsetFetchResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    #[field(versions = 3.., ignorable)]
    pub throttle_time_ms: i32,
    /// The partitions, up to version 7.
    #[field(versions = ..=7)]
    pub topics: Vec<OffsetFetchResponseTopic>,
    /// An error of the group, up to version 7.
    #[field(versions = 2..=7, ignorable)]
    pub error_code: ErrorCode,
    /// The groups, from version 8 on.
    #[field(versions = 8..)]
    pub groups: Vec<OffsetFetchResponseGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offsets of one topic, up to version 7.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchResponseTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<OffsetFetchResponsePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offset of one partition, up to version 7.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchResponsePartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// The committed offset: the next one to be read; -1 if none is committed.
    pub committed_offset: Offset,
    /// The leader epoch of the last record read, by which a truncation is noticed later; -1 if it
    /// is not known.
    #[field(versions = 5.., default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    /// The text that was committed with the offset.
    #[field(default = Some(StrBytes::new()))]
    pub metadata: Option<StrBytes>,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offsets of one group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchResponseGroup {
    /// The group.
    pub group_id: StrBytes,
    /// The topics.
    pub topics: Vec<OffsetFetchResponseTopics>,
    /// An error of the group.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offsets of one topic, from version 8 on.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchResponseTopics {
    /// The name of the topic, up to version 9.
    #[field(versions = ..=9, ignorable)]
    pub name: StrBytes,
    /// The topic's id, from version 10 on.
    #[field(versions = 10.., ignorable)]
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<OffsetFetchResponsePartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offset of one partition, from version 8 on.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchResponsePartitions {
    /// The partition.
    pub partition_index: PartitionId,
    /// The committed offset: the next one to be read; -1 if none is committed.
    pub committed_offset: Offset,
    /// The leader epoch of the last record read, by which a truncation is noticed later; -1 if it
    /// is not known.
    #[field(default = -1)]
    pub committed_leader_epoch: i32,
    /// The text that was committed with the offset.
    #[field(default = Some(StrBytes::new()))]
    pub metadata: Option<StrBytes>,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
