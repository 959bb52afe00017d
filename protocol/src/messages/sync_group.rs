//! SyncGroup (API key 14).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Sync group request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = SyncGroup, versions = 0..=5, flexible = 4.., response = SyncGroupResponse)]
pub struct SyncGroupRequest {
    /// Group id.
    pub group_id: StrBytes,
    /// Generation id.
    pub generation_id: i32,
    /// Member id.
    pub member_id: StrBytes,
    /// Group instance id.
    #[field(versions = 3..)]
    pub group_instance_id: Option<StrBytes>,
    /// Protocol type.
    #[field(versions = 5.., ignorable)]
    pub protocol_type: Option<StrBytes>,
    /// Protocol name.
    #[field(versions = 5.., ignorable)]
    pub protocol_name: Option<StrBytes>,
    /// Assignments.
    pub assignments: Vec<SyncGroupRequestAssignment>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Sync group request assignment.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct SyncGroupRequestAssignment {
    /// Member id.
    pub member_id: StrBytes,
    /// Assignment.
    pub assignment: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Sync group response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=5, flexible = 4..)]
pub struct SyncGroupResponse {
    /// Throttle time ms.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Protocol type.
    #[field(versions = 5.., ignorable)]
    pub protocol_type: Option<StrBytes>,
    /// Protocol name.
    #[field(versions = 5.., ignorable)]
    pub protocol_name: Option<StrBytes>,
    /// Assignment.
    pub assignment: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
