//! Elects leaders of partitions (ElectLeaders, API key 43).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags};

/// Elects leaders: the preferred replicas, or in need ones that are not in sync.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = ElectLeaders, versions = 0..=2, flexible = 2..,
    response = ElectLeadersResponse
)]
pub struct ElectLeadersRequest {
    /// 0 makes the preferred replica leader, 1 allows one that is not in sync and so may lose
    /// records.
    #[field(versions = 1..)]
    pub election_type: i8,
    /// The partitions; `None` for all.
    #[field(default = Some(Vec::new()))]
    pub topic_partitions: Option<Vec<ElectLeadersTopicPartitions>>,
    /// How many milliseconds to wait for the new leaders; 60000 by default.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The partitions of one topic to elect leaders for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ElectLeadersTopicPartitions {
    /// The name of the topic.
    pub topic: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each partition.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 2..)]
pub struct ElectLeadersResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    #[field(versions = 1..)]
    pub error_code: ErrorCode,
    /// The results, one for each topic.
    pub replica_election_results: Vec<ReplicaElectionResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ReplicaElectionResult {
    /// The name of the topic.
    pub topic: StrBytes,
    /// The results, one for each partition.
    pub partition_result: Vec<ElectLeadersPartitionResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ElectLeadersPartitionResult {
    /// The partition.
    pub partition_id: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
