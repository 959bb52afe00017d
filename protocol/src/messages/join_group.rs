//! Joins a classic group (JoinGroup, API key 11).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Joins a classic group or rejoins it for a rebalance. The answer comes when all members have
/// joined.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = JoinGroup, versions = 0..=9, flexible = 6.., response = JoinGroupResponse)]
pub struct JoinGroupRequest {
    /// The group.
    pub group_id: StrBytes,
    /// Milliseconds without a heartbeat after which the member is removed (`session.timeout.ms`).
    pub session_timeout_ms: i32,
    /// How many milliseconds a member has to give up partitions and rejoin in a rebalance
    /// (`max.poll.interval.ms`); -1 if it has not changed.
    #[field(versions = 1.., default = -1, ignorable)]
    pub rebalance_timeout_ms: i32,
    /// The member's id; empty to be given one.
    pub member_id: StrBytes,
    /// The fixed name of a static member (`group.instance.id`), unchanged over restarts; `None` for
    /// a dynamic one.
    #[field(versions = 5..)]
    pub group_instance_id: Option<StrBytes>,
    /// What kind of group it is: `consumer` for consumers.
    pub protocol_type: StrBytes,
    /// The assignors the member supports, the preferred one first.
    pub protocols: Vec<JoinGroupRequestProtocol>,
    /// Why, for the broker's log.
    #[field(versions = 8.., ignorable)]
    pub reason: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// An assignor, and what the member tells it.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct JoinGroupRequestProtocol {
    /// The assignor.
    pub name: StrBytes,
    /// What the member tells it: for consumers, a consumer protocol subscription.
    pub metadata: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The generation that begins, and to the leader all its members.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=9, flexible = 6..)]
pub struct JoinGroupResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    #[field(versions = 2.., ignorable)]
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The generation of the group, raised with each rebalance; -1 outside one.
    #[field(default = -1)]
    pub generation_id: i32,
    /// What kind of group it is; `None` if there was an error.
    #[field(versions = 7.., ignorable)]
    pub protocol_type: Option<StrBytes>,
    /// The assignor that all members support and the group chose; `None` if there was an error.
    #[field(nullable = 7.., default = Some(StrBytes::new()))]
    pub protocol_name: Option<StrBytes>,
    /// The member that makes the assignment.
    pub leader: StrBytes,
    /// Whether the leader need not make an assignment, as the old one stands (KIP-814).
    #[field(versions = 9..)]
    pub skip_assignment: bool,
    /// The member's id, given now if the request had none.
    pub member_id: StrBytes,
    /// The members and what they told the assignor; empty for all but the leader.
    pub members: Vec<JoinGroupResponseMember>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A member, and what it told the assignor.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct JoinGroupResponseMember {
    /// The member's id.
    pub member_id: StrBytes,
    /// The fixed name of a static member (`group.instance.id`), unchanged over restarts; `None` for
    /// a dynamic one.
    #[field(versions = 5.., ignorable)]
    pub group_instance_id: Option<StrBytes>,
    /// What the member told the assignor: for consumers, a consumer protocol subscription.
    pub metadata: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
