//! AlterPartitionReassignments (API key 45).

use crate::{BrokerId, ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags};

/// Alter partition reassignments request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = AlterPartitionReassignments, versions = 0..=1, flexible = 0.., response = AlterPartitionReassignmentsResponse)]
pub struct AlterPartitionReassignmentsRequest {
    /// Timeout ms.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Allow replication factor change.
    #[field(versions = 1.., default = true)]
    pub allow_replication_factor_change: bool,
    /// Topics.
    pub topics: Vec<ReassignableTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Reassignable topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ReassignableTopic {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<ReassignablePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Reassignable partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ReassignablePartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Replicas.
    pub replicas: Option<Vec<BrokerId>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter partition reassignments response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct AlterPartitionReassignmentsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Allow replication factor change.
    #[field(versions = 1.., default = true, ignorable)]
    pub allow_replication_factor_change: bool,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Responses.
    pub responses: Vec<ReassignableTopicResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Reassignable topic response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ReassignableTopicResponse {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<ReassignablePartitionResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Reassignable partition response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ReassignablePartitionResponse {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
