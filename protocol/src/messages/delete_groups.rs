//! Deletes groups (DeleteGroups, API key 42).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Deletes groups without members, with their offsets.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DeleteGroups, versions = 0..=3, flexible = 2..,
    response = DeleteGroupsResponse
)]
pub struct DeleteGroupsRequest {
    /// The groups to delete.
    pub groups_names: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=3, flexible = 2..)]
pub struct DeleteGroupsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The results, in the order of the request.
    pub results: Vec<DeletableGroupResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeletableGroupResult {
    /// The group.
    pub group_id: StrBytes,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(versions = 3.., ignorable)]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
