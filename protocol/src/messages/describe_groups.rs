//! DescribeGroups (API key 15).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Describe groups request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeGroups, versions = 0..=6, flexible = 5.., response = DescribeGroupsResponse)]
pub struct DescribeGroupsRequest {
    /// Groups.
    pub groups: Vec<StrBytes>,
    /// Include authorized operations.
    #[field(versions = 3..)]
    pub include_authorized_operations: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe groups response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=6, flexible = 5..)]
pub struct DescribeGroupsResponse {
    /// Throttle time ms.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// Groups.
    pub groups: Vec<DescribedGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedGroup {
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(versions = 6.., ignorable)]
    pub error_message: Option<StrBytes>,
    /// Group id.
    pub group_id: StrBytes,
    /// Group state.
    pub group_state: StrBytes,
    /// Protocol type.
    pub protocol_type: StrBytes,
    /// Protocol data.
    pub protocol_data: StrBytes,
    /// Members.
    pub members: Vec<DescribedGroupMember>,
    /// Authorized operations.
    #[field(versions = 3.., default = i32::MIN)]
    pub authorized_operations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described group member.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedGroupMember {
    /// Member id.
    pub member_id: StrBytes,
    /// Group instance id.
    #[field(versions = 4.., ignorable)]
    pub group_instance_id: Option<StrBytes>,
    /// Client id.
    pub client_id: StrBytes,
    /// Client host.
    pub client_host: StrBytes,
    /// Member metadata.
    pub member_metadata: Bytes,
    /// Member assignment.
    pub member_assignment: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
