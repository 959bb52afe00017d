//! DescribeShareGroupOffsets (API key 90).

use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Describe share group offsets request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeShareGroupOffsets, versions = 0..=1, flexible = 0.., response = DescribeShareGroupOffsetsResponse)]
pub struct DescribeShareGroupOffsetsRequest {
    /// Groups.
    pub groups: Vec<DescribeShareGroupOffsetsRequestGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe share group offsets request group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeShareGroupOffsetsRequestGroup {
    /// Group id.
    pub group_id: StrBytes,
    /// Topics.
    #[field(default = Some(Vec::new()))]
    pub topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe share group offsets request topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeShareGroupOffsetsRequestTopic {
    /// Topic name.
    pub topic_name: StrBytes,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe share group offsets response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct DescribeShareGroupOffsetsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Groups.
    pub groups: Vec<DescribeShareGroupOffsetsResponseGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe share group offsets response group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeShareGroupOffsetsResponseGroup {
    /// Group id.
    pub group_id: StrBytes,
    /// Topics.
    pub topics: Vec<DescribeShareGroupOffsetsResponseTopic>,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe share group offsets response topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeShareGroupOffsetsResponseTopic {
    /// Topic name.
    pub topic_name: StrBytes,
    /// Topic id.
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<DescribeShareGroupOffsetsResponsePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe share group offsets response partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeShareGroupOffsetsResponsePartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Start offset.
    pub start_offset: Offset,
    /// Leader epoch.
    pub leader_epoch: i32,
    /// Lag.
    #[field(versions = 1.., default = -1, ignorable)]
    pub lag: i64,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
