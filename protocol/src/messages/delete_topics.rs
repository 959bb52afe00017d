//! Deletes topics (DeleteTopics, API key 20).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags, Uuid};

/// Deletes topics and all their records.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DeleteTopics, versions = 1..=6, flexible = 4..,
    response = DeleteTopicsResponse
)]
pub struct DeleteTopicsRequest {
    /// The topics to delete, by name or id.
    #[field(versions = 6..)]
    pub topics: Vec<DeleteTopicState>,
    /// The topics to delete, by name.
    #[field(versions = ..=5, ignorable)]
    pub topic_names: Vec<StrBytes>,
    /// How many milliseconds the broker may take before it answers that it timed out.
    pub timeout_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic to delete.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteTopicState {
    /// The name of the topic; `None` if it is named by id.
    pub name: Option<StrBytes>,
    /// The topic's id; zero if it is named by name.
    pub topic_id: Uuid,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each topic.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=6, flexible = 4..)]
pub struct DeleteTopicsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The results, one for each topic.
    pub responses: Vec<DeletableTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeletableTopicResult {
    /// The name of the topic; `None` if it was named by id and not found.
    #[field(nullable = 6.., default = Some(StrBytes::new()))]
    pub name: Option<StrBytes>,
    /// The topic's id, from version 6 on.
    #[field(versions = 6.., ignorable)]
    pub topic_id: Uuid,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(versions = 5.., ignorable)]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
