//! CreatePartitions (API key 37).

use crate::{BrokerId, ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Create partitions request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = CreatePartitions, versions = 0..=3, flexible = 2.., response = CreatePartitionsResponse)]
pub struct CreatePartitionsRequest {
    /// Topics.
    pub topics: Vec<CreatePartitionsTopic>,
    /// Timeout ms.
    pub timeout_ms: i32,
    /// Validate only.
    pub validate_only: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Create partitions topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatePartitionsTopic {
    /// Name.
    pub name: StrBytes,
    /// Count.
    pub count: i32,
    /// Assignments.
    #[field(default = Some(Vec::new()))]
    pub assignments: Option<Vec<CreatePartitionsAssignment>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Create partitions assignment.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatePartitionsAssignment {
    /// Broker ids.
    pub broker_ids: Vec<BrokerId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Create partitions response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=3, flexible = 2..)]
pub struct CreatePartitionsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Results.
    pub results: Vec<CreatePartitionsTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Create partitions topic result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatePartitionsTopicResult {
    /// Name.
    pub name: StrBytes,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
