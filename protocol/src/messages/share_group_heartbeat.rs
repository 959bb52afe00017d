//! Joins, keeps and leaves a share group (ShareGroupHeartbeat, API key 76).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Joins a share group, says what changed, and asks for what to read (KIP-932).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = ShareGroupHeartbeat, versions = 1..=1, flexible = 1..,
    response = ShareGroupHeartbeatResponse
)]
pub struct ShareGroupHeartbeatRequest {
    /// The group.
    pub group_id: StrBytes,
    /// The member's id: a random UUID the client chooses.
    pub member_id: StrBytes,
    /// The member's epoch, or: 0 to join, -1 to leave.
    pub member_epoch: i32,
    /// The rack of the member (`client.rack`); `None` for none, or unchanged.
    pub rack_id: Option<StrBytes>,
    /// The topics subscribed to; `None` if unchanged.
    pub subscribed_topic_names: Option<Vec<StrBytes>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What the member is to read and when to ask again.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=1, flexible = 1..)]
pub struct ShareGroupHeartbeatResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// The member's id, if the broker chose it.
    pub member_id: Option<StrBytes>,
    /// The member's epoch from now on.
    pub member_epoch: i32,
    /// Milliseconds from one heartbeat to the next.
    pub heartbeat_interval_ms: i32,
    /// The partitions the member is to read; `None` if unchanged.
    pub assignment: Option<ShareGroupAssignment>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The partitions of a member.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareGroupAssignment {
    /// The partitions by topic.
    pub topic_partitions: Vec<ShareGroupTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Partitions of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareGroupTopicPartitions {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
