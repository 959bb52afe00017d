//! JoinGroup (API key 11).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Join group request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = JoinGroup, versions = 0..=9, flexible = 6.., response = JoinGroupResponse)]
pub struct JoinGroupRequest {
    /// Group id.
    pub group_id: StrBytes,
    /// Session timeout ms.
    pub session_timeout_ms: i32,
    /// Rebalance timeout ms.
    #[field(versions = 1.., default = -1, ignorable)]
    pub rebalance_timeout_ms: i32,
    /// Member id.
    pub member_id: StrBytes,
    /// Group instance id.
    #[field(versions = 5..)]
    pub group_instance_id: Option<StrBytes>,
    /// Protocol type.
    pub protocol_type: StrBytes,
    /// Protocols.
    pub protocols: Vec<JoinGroupRequestProtocol>,
    /// Reason.
    #[field(versions = 8.., ignorable)]
    pub reason: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Join group request protocol.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct JoinGroupRequestProtocol {
    /// Name.
    pub name: StrBytes,
    /// Metadata.
    pub metadata: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Join group response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=9, flexible = 6..)]
pub struct JoinGroupResponse {
    /// Throttle time ms.
    #[field(versions = 2.., ignorable)]
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Generation id.
    #[field(default = -1)]
    pub generation_id: i32,
    /// Protocol type.
    #[field(versions = 7.., ignorable)]
    pub protocol_type: Option<StrBytes>,
    /// Protocol name.
    #[field(nullable = 7.., default = Some(StrBytes::new()))]
    pub protocol_name: Option<StrBytes>,
    /// Leader.
    pub leader: StrBytes,
    /// Skip assignment.
    #[field(versions = 9..)]
    pub skip_assignment: bool,
    /// Member id.
    pub member_id: StrBytes,
    /// Members.
    pub members: Vec<JoinGroupResponseMember>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Join group response member.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct JoinGroupResponseMember {
    /// Member id.
    pub member_id: StrBytes,
    /// Group instance id.
    #[field(versions = 5.., ignorable)]
    pub group_instance_id: Option<StrBytes>,
    /// Metadata.
    pub metadata: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
