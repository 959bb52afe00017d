//! AlterReplicaLogDirs (API key 34).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags};

/// Alter replica log dirs request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = AlterReplicaLogDirs, versions = 1..=2, flexible = 2.., response = AlterReplicaLogDirsResponse)]
pub struct AlterReplicaLogDirsRequest {
    /// Dirs.
    pub dirs: Vec<AlterReplicaLogDir>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter replica log dir.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterReplicaLogDir {
    /// Path.
    pub path: StrBytes,
    /// Topics.
    pub topics: Vec<AlterReplicaLogDirTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter replica log dir topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterReplicaLogDirTopic {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter replica log dirs response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 2..)]
pub struct AlterReplicaLogDirsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Results.
    pub results: Vec<AlterReplicaLogDirTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter replica log dir topic result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterReplicaLogDirTopicResult {
    /// Topic name.
    pub topic_name: StrBytes,
    /// Partitions.
    pub partitions: Vec<AlterReplicaLogDirPartitionResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter replica log dir partition result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterReplicaLogDirPartitionResult {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
