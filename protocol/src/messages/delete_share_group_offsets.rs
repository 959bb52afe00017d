//! Forgets how far a share group has come (DeleteShareGroupOffsets, API key 92).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags, Uuid};

/// Deletes what a share group without members has kept of topics (KIP-932).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DeleteShareGroupOffsets, versions = 0..=0, flexible = 0..,
    response = DeleteShareGroupOffsetsResponse
)]
pub struct DeleteShareGroupOffsetsRequest {
    /// The group.
    pub group_id: StrBytes,
    /// The topics.
    pub topics: Vec<DeleteShareGroupOffsetsRequestTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic whose offsets to delete.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteShareGroupOffsetsRequestTopic {
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each topic.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct DeleteShareGroupOffsetsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// The results, one for each topic.
    pub responses: Vec<DeleteShareGroupOffsetsResponseTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteShareGroupOffsetsResponseTopic {
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// The topic's id.
    pub topic_id: Uuid,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
