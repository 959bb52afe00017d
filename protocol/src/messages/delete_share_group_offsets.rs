//! DeleteShareGroupOffsets (API key 92).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags, Uuid};

/// Delete share group offsets request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DeleteShareGroupOffsets, versions = 0..=0, flexible = 0.., response = DeleteShareGroupOffsetsResponse)]
pub struct DeleteShareGroupOffsetsRequest {
    /// Group id.
    pub group_id: StrBytes,
    /// Topics.
    pub topics: Vec<DeleteShareGroupOffsetsRequestTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete share group offsets request topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteShareGroupOffsetsRequestTopic {
    /// Topic name.
    pub topic_name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete share group offsets response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct DeleteShareGroupOffsetsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Responses.
    pub responses: Vec<DeleteShareGroupOffsetsResponseTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete share group offsets response topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteShareGroupOffsetsResponseTopic {
    /// Topic name.
    pub topic_name: StrBytes,
    /// Topic id.
    pub topic_id: Uuid,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
