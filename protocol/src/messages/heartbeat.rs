//! Heartbeat (API key 12).

use crate::{ErrorCode, Message, StrBytes, UnknownTags};

/// Heartbeat request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = Heartbeat, versions = 0..=4, flexible = 4.., response = HeartbeatResponse)]
pub struct HeartbeatRequest {
    /// Group id.
    pub group_id: StrBytes,
    /// Generation id.
    pub generation_id: i32,
    /// Member id.
    pub member_id: StrBytes,
    /// Group instance id.
    #[field(versions = 3..)]
    pub group_instance_id: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Heartbeat response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=4, flexible = 4..)]
pub struct HeartbeatResponse {
    /// Throttle time ms.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
