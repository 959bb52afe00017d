//! ListGroups (API key 16).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// List groups request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ListGroups, versions = 0..=5, flexible = 3.., response = ListGroupsResponse)]
pub struct ListGroupsRequest {
    /// States filter.
    #[field(versions = 4..)]
    pub states_filter: Vec<StrBytes>,
    /// Types filter.
    #[field(versions = 5..)]
    pub types_filter: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// List groups response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=5, flexible = 3..)]
pub struct ListGroupsResponse {
    /// Throttle time ms.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Groups.
    pub groups: Vec<ListedGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Listed group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListedGroup {
    /// Group id.
    pub group_id: StrBytes,
    /// Protocol type.
    pub protocol_type: StrBytes,
    /// Group state.
    #[field(versions = 4.., ignorable)]
    pub group_state: StrBytes,
    /// Group type.
    #[field(versions = 5.., ignorable)]
    pub group_type: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
