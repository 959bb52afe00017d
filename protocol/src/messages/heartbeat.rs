//! Keeps a member in a classic group (Heartbeat, API key 12).

use crate::{ErrorCode, Message, StrBytes, UnknownTags};

/// Says that a member of a classic group is alive.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = Heartbeat, versions = 0..=4, flexible = 4.., response = HeartbeatResponse)]
pub struct HeartbeatRequest {
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
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Whether the member may go on or must rejoin.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=4, flexible = 4..)]
pub struct HeartbeatResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
