//! OffsetFetch (API key 9).

use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Offset fetch request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = OffsetFetch, versions = 1..=10, flexible = 6.., response = OffsetFetchResponse)]
pub struct OffsetFetchRequest {
    /// Group id.
    #[field(versions = ..=7)]
    pub group_id: StrBytes,
    /// Topics.
    #[field(versions = ..=7, nullable = 2.., default = Some(Vec::new()))]
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    /// Groups.
    #[field(versions = 8..)]
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// Require stable.
    #[field(versions = 7..)]
    pub require_stable: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset fetch request topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchRequestTopic {
    /// Name.
    pub name: StrBytes,
    /// Partition indexes.
    pub partition_indexes: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset fetch request group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchRequestGroup {
    /// Group id.
    pub group_id: StrBytes,
    /// Member id.
    #[field(versions = 9.., ignorable)]
    pub member_id: Option<StrBytes>,
    /// Member epoch.
    #[field(versions = 9.., default = -1, ignorable)]
    pub member_epoch: i32,
    /// Topics.
    #[field(default = Some(Vec::new()))]
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset fetch request topics.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchRequestTopics {
    /// Name.
    #[field(versions = ..=9, ignorable)]
    pub name: StrBytes,
    /// Topic id.
    #[field(versions = 10.., ignorable)]
    pub topic_id: Uuid,
    /// Partition indexes.
    pub partition_indexes: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset fetch response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=10, flexible = 6..)]
pub struct OffsetFetchResponse {
    /// Throttle time ms.
    #[field(versions = 3.., ignorable)]
    pub throttle_time_ms: i32,
    /// Topics.
    #[field(versions = ..=7)]
    pub topics: Vec<OffsetFetchResponseTopic>,
    /// Error code.
    #[field(versions = 2..=7, ignorable)]
    pub error_code: ErrorCode,
    /// Groups.
    #[field(versions = 8..)]
    pub groups: Vec<OffsetFetchResponseGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset fetch response topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchResponseTopic {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<OffsetFetchResponsePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset fetch response partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchResponsePartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Committed offset.
    pub committed_offset: Offset,
    /// Committed leader epoch.
    #[field(versions = 5.., default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    /// Metadata.
    #[field(default = Some(StrBytes::new()))]
    pub metadata: Option<StrBytes>,
    /// Error code.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset fetch response group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchResponseGroup {
    /// Group id.
    pub group_id: StrBytes,
    /// Topics.
    pub topics: Vec<OffsetFetchResponseTopics>,
    /// Error code.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset fetch response topics.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchResponseTopics {
    /// Name.
    #[field(versions = ..=9, ignorable)]
    pub name: StrBytes,
    /// Topic id.
    #[field(versions = 10.., ignorable)]
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<OffsetFetchResponsePartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset fetch response partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetFetchResponsePartitions {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Committed offset.
    pub committed_offset: Offset,
    /// Committed leader epoch.
    #[field(default = -1)]
    pub committed_leader_epoch: i32,
    /// Metadata.
    #[field(default = Some(StrBytes::new()))]
    pub metadata: Option<StrBytes>,
    /// Error code.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
