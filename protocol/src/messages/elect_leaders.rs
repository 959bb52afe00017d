//! ElectLeaders (API key 43).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags};

/// Elect leaders request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ElectLeaders, versions = 0..=2, flexible = 2.., response = ElectLeadersResponse)]
pub struct ElectLeadersRequest {
    /// Election type.
    #[field(versions = 1..)]
    pub election_type: i8,
    /// Topic partitions.
    #[field(default = Some(Vec::new()))]
    pub topic_partitions: Option<Vec<ElectLeadersTopicPartitions>>,
    /// Timeout ms.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Elect leaders topic partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ElectLeadersTopicPartitions {
    /// Topic.
    pub topic: StrBytes,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Elect leaders response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 2..)]
pub struct ElectLeadersResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    #[field(versions = 1..)]
    pub error_code: ErrorCode,
    /// Replica election results.
    pub replica_election_results: Vec<ReplicaElectionResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Replica election result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ReplicaElectionResult {
    /// Topic.
    pub topic: StrBytes,
    /// Partition result.
    pub partition_result: Vec<PartitionResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Partition result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct PartitionResult {
    /// Partition id.
    pub partition_id: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
