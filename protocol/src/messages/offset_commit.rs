//! OffsetCommit (API key 8).

use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Offset commit request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = OffsetCommit, versions = 2..=10, flexible = 8.., response = OffsetCommitResponse)]
pub struct OffsetCommitRequest {
    /// Group id.
    pub group_id: StrBytes,
    /// Generation id or member epoch.
    #[field(default = -1)]
    pub generation_id_or_member_epoch: i32,
    /// Member id.
    pub member_id: StrBytes,
    /// Group instance id.
    #[field(versions = 7..)]
    pub group_instance_id: Option<StrBytes>,
    /// Retention time ms.
    #[field(versions = ..=4, default = -1, ignorable)]
    pub retention_time_ms: i64,
    /// Topics.
    pub topics: Vec<OffsetCommitRequestTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset commit request topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetCommitRequestTopic {
    /// Name.
    #[field(versions = ..=9, ignorable)]
    pub name: StrBytes,
    /// Topic id.
    #[field(versions = 10.., ignorable)]
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<OffsetCommitRequestPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset commit request partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetCommitRequestPartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Committed offset.
    pub committed_offset: Offset,
    /// Committed leader epoch.
    #[field(versions = 6.., default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    /// Committed metadata.
    #[field(default = Some(StrBytes::new()))]
    pub committed_metadata: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset commit response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 2..=10, flexible = 8..)]
pub struct OffsetCommitResponse {
    /// Throttle time ms.
    #[field(versions = 3.., ignorable)]
    pub throttle_time_ms: i32,
    /// Topics.
    pub topics: Vec<OffsetCommitResponseTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset commit response topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetCommitResponseTopic {
    /// Name.
    #[field(versions = ..=9, ignorable)]
    pub name: StrBytes,
    /// Topic id.
    #[field(versions = 10.., ignorable)]
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<OffsetCommitResponsePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Offset commit response partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OffsetCommitResponsePartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
