//! Moves replicas between the directories of a broker (AlterReplicaLogDirs, API key 34).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags};

/// Moves replicas between the log directories of the broker.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = AlterReplicaLogDirs, versions = 1..=2, flexible = 2..,
    response = AlterReplicaLogDirsResponse
)]
pub struct AlterReplicaLogDirsRequest {
    /// The directories to move replicas to.
    pub dirs: Vec<AlterReplicaLogDir>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A directory and the replicas to move there.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterReplicaLogDir {
    /// The directory, as an absolute path on the broker.
    pub path: StrBytes,
    /// The topics.
    pub topics: Vec<AlterReplicaLogDirTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The partitions of one topic to move.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterReplicaLogDirTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each partition.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 2..)]
pub struct AlterReplicaLogDirsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The results, one for each topic.
    pub results: Vec<AlterReplicaLogDirTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterReplicaLogDirTopicResult {
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<AlterReplicaLogDirPartitionResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterReplicaLogDirPartitionResult {
    /// The partition.
    pub partition_index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
