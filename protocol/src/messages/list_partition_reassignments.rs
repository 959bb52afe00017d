//! ListPartitionReassignments (API key 46).

use crate::{BrokerId, ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags};

/// List partition reassignments request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ListPartitionReassignments, versions = 0..=0, flexible = 0.., response = ListPartitionReassignmentsResponse)]
pub struct ListPartitionReassignmentsRequest {
    /// Timeout ms.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Topics.
    pub topics: Option<Vec<ListPartitionReassignmentsTopics>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// List partition reassignments topics.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListPartitionReassignmentsTopics {
    /// Name.
    pub name: StrBytes,
    /// Partition indexes.
    pub partition_indexes: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// List partition reassignments response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ListPartitionReassignmentsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Topics.
    pub topics: Vec<OngoingTopicReassignment>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Ongoing topic reassignment.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OngoingTopicReassignment {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<OngoingPartitionReassignment>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Ongoing partition reassignment.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OngoingPartitionReassignment {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Replicas.
    pub replicas: Vec<BrokerId>,
    /// Adding replicas.
    pub adding_replicas: Vec<BrokerId>,
    /// Removing replicas.
    pub removing_replicas: Vec<BrokerId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
