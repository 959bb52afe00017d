//! AlterShareGroupOffsets (API key 91).

use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Alter share group offsets request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = AlterShareGroupOffsets, versions = 0..=0, flexible = 0.., response = AlterShareGroupOffsetsResponse)]
pub struct AlterShareGroupOffsetsRequest {
    /// Group id.
    pub group_id: StrBytes,
    /// Topics.
    pub topics: Vec<AlterShareGroupOffsetsRequestTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter share group offsets request topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterShareGroupOffsetsRequestTopic {
    /// Topic name.
    pub topic_name: StrBytes,
    /// Partitions.
    pub partitions: Vec<AlterShareGroupOffsetsRequestPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter share group offsets request partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterShareGroupOffsetsRequestPartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Start offset.
    pub start_offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter share group offsets response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct AlterShareGroupOffsetsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Responses.
    pub responses: Vec<AlterShareGroupOffsetsResponseTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter share group offsets response topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterShareGroupOffsetsResponseTopic {
    /// Topic name.
    pub topic_name: StrBytes,
    /// Topic id.
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<AlterShareGroupOffsetsResponsePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter share group offsets response partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterShareGroupOffsetsResponsePartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
