//! Lists groups (ListGroups, API key 16).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks a broker for the groups that it coordinates.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ListGroups, versions = 0..=5, flexible = 3.., response = ListGroupsResponse)]
pub struct ListGroupsRequest {
    /// The states to list, in Kafka's words; empty for all.
    #[field(versions = 4..)]
    pub states_filter: Vec<StrBytes>,
    /// The types to list: `classic`, `consumer`, `share`, `streams`; empty for all.
    #[field(versions = 5..)]
    pub types_filter: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The groups.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=5, flexible = 3..)]
pub struct ListGroupsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The groups.
    pub groups: Vec<ListedGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListedGroup {
    /// The group.
    pub group_id: StrBytes,
    /// What kind of group it is: `consumer` for consumers, empty for offsets alone.
    pub protocol_type: StrBytes,
    /// The state of the group in Kafka's words: `Stable`, `Empty`, `Dead` and so on.
    #[field(versions = 4.., ignorable)]
    pub group_state: StrBytes,
    /// The type: `classic`, `consumer`, `share` or `streams`.
    #[field(versions = 5.., ignorable)]
    pub group_type: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
