//! DeleteGroups (API key 42).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Delete groups request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DeleteGroups, versions = 0..=3, flexible = 2.., response = DeleteGroupsResponse)]
pub struct DeleteGroupsRequest {
    /// Groups names.
    pub groups_names: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete groups response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=3, flexible = 2..)]
pub struct DeleteGroupsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Results.
    pub results: Vec<DeletableGroupResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Deletable group result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeletableGroupResult {
    /// Group id.
    pub group_id: StrBytes,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(versions = 3.., ignorable)]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
