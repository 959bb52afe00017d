//! DeleteTopics (API key 20).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags, Uuid};

/// Delete topics request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DeleteTopics, versions = 1..=6, flexible = 4.., response = DeleteTopicsResponse)]
pub struct DeleteTopicsRequest {
    /// Topics.
    #[field(versions = 6..)]
    pub topics: Vec<DeleteTopicState>,
    /// Topic names.
    #[field(versions = ..=5, ignorable)]
    pub topic_names: Vec<StrBytes>,
    /// Timeout ms.
    pub timeout_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete topic state.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteTopicState {
    /// Name.
    pub name: Option<StrBytes>,
    /// Topic id.
    pub topic_id: Uuid,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete topics response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=6, flexible = 4..)]
pub struct DeleteTopicsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Responses.
    pub responses: Vec<DeletableTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Deletable topic result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeletableTopicResult {
    /// Name.
    #[field(nullable = 6.., default = Some(StrBytes::new()))]
    pub name: Option<StrBytes>,
    /// Topic id.
    #[field(versions = 6.., ignorable)]
    pub topic_id: Uuid,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(versions = 5.., ignorable)]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
