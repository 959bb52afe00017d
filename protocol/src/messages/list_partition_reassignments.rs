//! Lists the moves of replicas that are under way (ListPartitionReassignments, API key 46).

use crate::{BrokerId, ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags};

/// Asks which partitions are being reassigned.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = ListPartitionReassignments, versions = 0..=0, flexible = 0..,
    response = ListPartitionReassignmentsResponse
)]
pub struct ListPartitionReassignmentsRequest {
    /// How many milliseconds the broker may take before it answers that it timed out; 60000 by
    /// default.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// The partitions asked for; `None` for all.
    pub topics: Option<Vec<ListPartitionReassignmentsTopics>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic asked for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListPartitionReassignmentsTopics {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partition_indexes: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The partitions that are being reassigned.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ListPartitionReassignmentsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// The partitions that are being reassigned.
    pub topics: Vec<OngoingTopicReassignment>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic that is being reassigned.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OngoingTopicReassignment {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<OngoingPartitionReassignment>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A partition that is being reassigned.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OngoingPartitionReassignment {
    /// The partition.
    pub partition_index: PartitionId,
    /// The brokers that hold a replica; the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// The brokers that get a replica.
    pub adding_replicas: Vec<BrokerId>,
    /// The brokers that lose theirs.
    pub removing_replicas: Vec<BrokerId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
