//! Sets how far a share group has come (AlterShareGroupOffsets, API key 91).

use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Sets where a share group without members begins to read (KIP-932).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = AlterShareGroupOffsets, versions = 0..=0, flexible = 0..,
    response = AlterShareGroupOffsetsResponse
)]
pub struct AlterShareGroupOffsetsRequest {
    /// The group.
    pub group_id: StrBytes,
    /// The topics.
    pub topics: Vec<AlterShareGroupOffsetsRequestTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offsets to set of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterShareGroupOffsetsRequestTopic {
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<AlterShareGroupOffsetsRequestPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offset to set of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterShareGroupOffsetsRequestPartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// Where the share group is to begin.
    pub start_offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each partition.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct AlterShareGroupOffsetsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// The results, one for each topic.
    pub responses: Vec<AlterShareGroupOffsetsResponseTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterShareGroupOffsetsResponseTopic {
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<AlterShareGroupOffsetsResponsePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterShareGroupOffsetsResponsePartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
