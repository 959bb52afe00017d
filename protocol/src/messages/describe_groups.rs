//! Describes classic groups (DescribeGroups, API key 15).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks for the state and members of classic groups, at their group coordinator.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeGroups, versions = 0..=6, flexible = 5..,
    response = DescribeGroupsResponse
)]
pub struct DescribeGroupsRequest {
    /// The groups to describe.
    pub groups: Vec<StrBytes>,
    /// Whether to tell what the caller may do with each group.
    #[field(versions = 3..)]
    pub include_authorized_operations: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The groups.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=6, flexible = 5..)]
pub struct DescribeGroupsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// The groups.
    pub groups: Vec<DescribedGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A classic group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedGroup {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(versions = 6.., ignorable)]
    pub error_message: Option<StrBytes>,
    /// The group.
    pub group_id: StrBytes,
    /// The state of the group in Kafka's words: `Stable`, `Empty`, `Dead` and so on.
    pub group_state: StrBytes,
    /// What kind of group it is: `consumer` for consumers.
    pub protocol_type: StrBytes,
    /// The assignor in use.
    pub protocol_data: StrBytes,
    /// The members.
    pub members: Vec<DescribedGroupMember>,
    /// What the caller may do here: bit n is set where ACL operation n is allowed; `i32::MIN` if it
    /// was not asked for.
    #[field(versions = 3.., default = i32::MIN)]
    pub authorized_operations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A member of a classic group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedGroupMember {
    /// The member's id.
    pub member_id: StrBytes,
    /// The fixed name of a static member (`group.instance.id`), unchanged over restarts; `None` for
    /// a dynamic one.
    #[field(versions = 4.., ignorable)]
    pub group_instance_id: Option<StrBytes>,
    /// The client's own name (`client.id`).
    pub client_id: StrBytes,
    /// The address the member connects from.
    pub client_host: StrBytes,
    /// What the member told the assignor: for consumers, a consumer protocol subscription.
    pub member_metadata: Bytes,
    /// What the member was assigned: for consumers, a consumer protocol assignment.
    pub member_assignment: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
