//! Moves the replicas of partitions to other brokers (AlterPartitionReassignments, API key 45).

use crate::{BrokerId, ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags};

/// Says on which brokers the replicas of partitions are to be, or cancels such a move (KIP-455).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = AlterPartitionReassignments, versions = 0..=1, flexible = 0..,
    response = AlterPartitionReassignmentsResponse
)]
pub struct AlterPartitionReassignmentsRequest {
    /// How many milliseconds the broker may take before it answers that it timed out; 60000 by
    /// default.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Whether a partition may get more or fewer replicas than it had.
    #[field(versions = 1.., default = true)]
    pub allow_replication_factor_change: bool,
    /// The topics.
    pub topics: Vec<ReassignableTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic to reassign.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ReassignableTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<ReassignablePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A partition and where its replicas are to be.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ReassignablePartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// The brokers that are to hold a replica, the preferred leader first; `None` to cancel a
    /// reassignment.
    pub replicas: Option<Vec<BrokerId>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each partition.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct AlterPartitionReassignmentsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// Whether a partition may get more or fewer replicas than it had.
    #[field(versions = 1.., default = true, ignorable)]
    pub allow_replication_factor_change: bool,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// The results, one for each topic.
    pub responses: Vec<ReassignableTopicResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ReassignableTopicResponse {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<ReassignablePartitionResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ReassignablePartitionResponse {
    /// The partition.
    pub partition_index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
