//! Adds partitions to topics (CreatePartitions, API key 37).

use crate::{BrokerId, ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Adds partitions to topics. Keys then map to other partitions than before.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = CreatePartitions, versions = 0..=3, flexible = 2..,
    response = CreatePartitionsResponse
)]
pub struct CreatePartitionsRequest {
    /// The topics.
    pub topics: Vec<CreatePartitionsTopic>,
    /// How many milliseconds the broker may take before it answers that it timed out.
    pub timeout_ms: i32,
    /// Whether to check the request only and change nothing.
    pub validate_only: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic and how many partitions it is to have.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatePartitionsTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The number of partitions to have in all.
    pub count: i32,
    /// Where the replicas of each new partition go; `None` to let the broker choose.
    #[field(default = Some(Vec::new()))]
    pub assignments: Option<Vec<CreatePartitionsAssignment>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Where the replicas of one new partition go.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatePartitionsAssignment {
    /// The brokers that are to hold a replica; the preferred leader first.
    pub broker_ids: Vec<BrokerId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each topic.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=3, flexible = 2..)]
pub struct CreatePartitionsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The results, in the order of the request.
    pub results: Vec<CreatePartitionsTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatePartitionsTopicResult {
    /// The name of the topic.
    pub name: StrBytes,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
