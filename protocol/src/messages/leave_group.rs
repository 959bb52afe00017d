//! Leaves a classic group (LeaveGroup, API key 13).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Removes members from a classic group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = LeaveGroup, versions = 0..=5, flexible = 4.., response = LeaveGroupResponse)]
pub struct LeaveGroupRequest {
    /// The group.
    pub group_id: StrBytes,
    /// The member that leaves, up to version 2.
    #[field(versions = ..=2)]
    pub member_id: StrBytes,
    /// The members that leave, from version 3 on.
    #[field(versions = 3..)]
    pub members: Vec<MemberIdentity>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A member that leaves.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MemberIdentity {
    /// The member's id.
    pub member_id: StrBytes,
    /// The fixed name of a static member (`group.instance.id`), unchanged over restarts; `None` for
    /// a dynamic one.
    pub group_instance_id: Option<StrBytes>,
    /// Why, for the broker's log.
    #[field(versions = 5.., ignorable)]
    pub reason: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each member.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=5, flexible = 4..)]
pub struct LeaveGroupResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The results, one for each member, from version 3 on.
    #[field(versions = 3..)]
    pub members: Vec<MemberResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of a member that leaves.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MemberResponse {
    /// The member's id.
    pub member_id: StrBytes,
    /// The fixed name of a static member (`group.instance.id`), unchanged over restarts; `None` for
    /// a dynamic one.
    #[field(default = Some(StrBytes::new()))]
    pub group_instance_id: Option<StrBytes>,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
