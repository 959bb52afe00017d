//! Distributes the assignment of a classic group (SyncGroup, API key 14).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Brings the leader's assignment to the group coordinator, and asks for one's own.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = SyncGroup, versions = 0..=5, flexible = 4.., response = SyncGroupResponse)]
pub struct SyncGroupRequest {
    /// The group.
    pub group_id: StrBytes,
    /// The generation of the group, raised with each rebalance; -1 outside one.
    pub generation_id: i32,
    /// The member's id.
    pub member_id: StrBytes,
    /// The fixed name of a static member (`group.instance.id`), unchanged over restarts; `None` for
    /// a dynamic one.
    #[field(versions = 3..)]
    pub group_instance_id: Option<StrBytes>,
    /// The kind of group the member believes in; `None` for no check.
    #[field(versions = 5.., ignorable)]
    pub protocol_type: Option<StrBytes>,
    /// The assignor the member believes in; `None` for no check.
    #[field(versions = 5.., ignorable)]
    pub protocol_name: Option<StrBytes>,
    /// What each member is to get; empty from all but the leader.
    pub assignments: Vec<SyncGroupRequestAssignment>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What one member gets.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct SyncGroupRequestAssignment {
    /// The member's id.
    pub member_id: StrBytes,
    /// What it gets: for consumers, a consumer protocol assignment.
    pub assignment: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What the member gets.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=5, flexible = 4..)]
pub struct SyncGroupResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// What kind of group it is; `None` if there was an error.
    #[field(versions = 5.., ignorable)]
    pub protocol_type: Option<StrBytes>,
    /// The assignor in use; `None` if there was an error.
    #[field(versions = 5.., ignorable)]
    pub protocol_name: Option<StrBytes>,
    /// What the member gets: for consumers, a consumer protocol assignment.
    pub assignment: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
