//! DescribeLogDirs (API key 35).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags};

/// Describe log dirs request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeLogDirs, versions = 1..=5, flexible = 2.., response = DescribeLogDirsResponse)]
pub struct DescribeLogDirsRequest {
    /// Topics.
    #[field(default = Some(Vec::new()))]
    pub topics: Option<Vec<DescribableLogDirTopic>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describable log dir topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribableLogDirTopic {
    /// Topic.
    pub topic: StrBytes,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe log dirs response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=5, flexible = 2..)]
pub struct DescribeLogDirsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    #[field(versions = 3.., ignorable)]
    pub error_code: ErrorCode,
    /// Results.
    pub results: Vec<DescribeLogDirsResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe log dirs result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeLogDirsResult {
    /// Error code.
    pub error_code: ErrorCode,
    /// Log dir.
    pub log_dir: StrBytes,
    /// Topics.
    pub topics: Vec<DescribeLogDirsTopic>,
    /// Total bytes.
    #[field(versions = 4.., default = -1, ignorable)]
    pub total_bytes: i64,
    /// Usable bytes.
    #[field(versions = 4.., default = -1, ignorable)]
    pub usable_bytes: i64,
    /// Is cordoned.
    #[field(versions = 5.., ignorable)]
    pub is_cordoned: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe log dirs topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeLogDirsTopic {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<DescribeLogDirsPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe log dirs partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeLogDirsPartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Partition size.
    pub partition_size: i64,
    /// Offset lag.
    pub offset_lag: i64,
    /// Is future key.
    pub is_future_key: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
