//! LeaveGroup (API key 13).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Leave group request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = LeaveGroup, versions = 0..=5, flexible = 4.., response = LeaveGroupResponse)]
pub struct LeaveGroupRequest {
    /// Group id.
    pub group_id: StrBytes,
    /// Member id.
    #[field(versions = ..=2)]
    pub member_id: StrBytes,
    /// Members.
    #[field(versions = 3..)]
    pub members: Vec<MemberIdentity>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Member identity.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MemberIdentity {
    /// Member id.
    pub member_id: StrBytes,
    /// Group instance id.
    pub group_instance_id: Option<StrBytes>,
    /// Reason.
    #[field(versions = 5.., ignorable)]
    pub reason: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Leave group response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=5, flexible = 4..)]
pub struct LeaveGroupResponse {
    /// Throttle time ms.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Members.
    #[field(versions = 3..)]
    pub members: Vec<MemberResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Member response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MemberResponse {
    /// Member id.
    pub member_id: StrBytes,
    /// Group instance id.
    #[field(default = Some(StrBytes::new()))]
    pub group_instance_id: Option<StrBytes>,
    /// Error code.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
