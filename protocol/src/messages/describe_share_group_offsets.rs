//! Tells how far share groups have come (DescribeShareGroupOffsets, API key 90).

use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Asks where share groups begin to read (KIP-932).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeShareGroupOffsets, versions = 0..=1, flexible = 0..,
    response = DescribeShareGroupOffsetsResponse
)]
pub struct DescribeShareGroupOffsetsRequest {
    /// The groups.
    pub groups: Vec<DescribeShareGroupOffsetsRequestGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A group asked for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeShareGroupOffsetsRequestGroup {
    /// The group.
    pub group_id: StrBytes,
    /// The partitions; `None` for all that the group reads.
    #[field(default = Some(Vec::new()))]
    pub topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic asked for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeShareGroupOffsetsRequestTopic {
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Where they begin.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct DescribeShareGroupOffsetsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The groups.
    pub groups: Vec<DescribeShareGroupOffsetsResponseGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offsets of one group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeShareGroupOffsetsResponseGroup {
    /// The group.
    pub group_id: StrBytes,
    /// The topics.
    pub topics: Vec<DescribeShareGroupOffsetsResponseTopic>,
    /// An error of the group.
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offsets of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeShareGroupOffsetsResponseTopic {
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<DescribeShareGroupOffsetsResponsePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offset of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeShareGroupOffsetsResponsePartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// Where the share group begins: what lies before is done with; -1 if it has not begun.
    pub start_offset: Offset,
    /// The leader epoch of the partition.
    pub leader_epoch: i32,
    /// How many records the group has yet to do with; -1 if it is not known.
    #[field(versions = 1.., default = -1, ignorable)]
    pub lag: i64,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
