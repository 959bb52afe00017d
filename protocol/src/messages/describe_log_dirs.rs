//! Tells what lies in the directories of a broker (DescribeLogDirs, API key 35).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags};

/// Asks which replicas lie in the broker's log directories, and how large they are.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeLogDirs, versions = 1..=5, flexible = 2..,
    response = DescribeLogDirsResponse
)]
pub struct DescribeLogDirsRequest {
    /// The partitions to look for; `None` for all.
    #[field(default = Some(Vec::new()))]
    pub topics: Option<Vec<DescribableLogDirTopic>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic to look for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribableLogDirTopic {
    /// The name of the topic.
    pub topic: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The directories.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=5, flexible = 2..)]
pub struct DescribeLogDirsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    #[field(versions = 3.., ignorable)]
    pub error_code: ErrorCode,
    /// The log directories.
    pub results: Vec<DescribeLogDirsResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A log directory.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeLogDirsResult {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The directory, as an absolute path on the broker.
    pub log_dir: StrBytes,
    /// The partitions in the directory.
    pub topics: Vec<DescribeLogDirsTopic>,
    /// The size of the directory's volume; -1 if it is not known.
    #[field(versions = 4.., default = -1, ignorable)]
    pub total_bytes: i64,
    /// The free bytes on the directory's volume; -1 if it is not known.
    #[field(versions = 4.., default = -1, ignorable)]
    pub usable_bytes: i64,
    /// Whether no new replicas are placed there.
    #[field(versions = 5.., ignorable)]
    pub is_cordoned: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic within it.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeLogDirsTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<DescribeLogDirsPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A replica within it.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeLogDirsPartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// The bytes of the partition's log segments there.
    pub partition_size: i64,
    /// How many offsets the replica is behind: behind the high watermark, or behind the current
    /// replica if it is being moved here.
    pub offset_lag: i64,
    /// Whether the replica is being moved here and will replace the current one.
    pub is_future_key: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
