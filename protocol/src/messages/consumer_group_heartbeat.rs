//! Joins, keeps and leaves a consumer group of the new protocol (ConsumerGroupHeartbeat, API key
//! 68).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Joins a group, says what changed, and asks for what to have (KIP-848).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = ConsumerGroupHeartbeat, versions = 0..=1, flexible = 0..,
    response = ConsumerGroupHeartbeatResponse
)]
pub struct ConsumerGroupHeartbeatRequest {
    /// The group.
    pub group_id: StrBytes,
    /// The member's id: a random UUID the client chooses (version 0: empty to be given one).
    pub member_id: StrBytes,
    /// The member's epoch, or: 0 to join, -1 to leave, -2 to leave for a while as a static member.
    pub member_epoch: i32,
    /// The fixed name of a static member (`group.instance.id`); `None` for a dynamic one, or
    /// unchanged.
    pub instance_id: Option<StrBytes>,
    /// The rack of the member (`client.rack`); `None` for none, or unchanged.
    pub rack_id: Option<StrBytes>,
    /// How many milliseconds a member has to give up partitions and rejoin in a rebalance
    /// (`max.poll.interval.ms`); -1 if it has not changed.
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    /// The topics subscribed to; `None` if unchanged.
    pub subscribed_topic_names: Option<Vec<StrBytes>>,
    /// A regular expression (RE2) of topics subscribed to; `None` for none, or unchanged.
    #[field(versions = 1..)]
    pub subscribed_topic_regex: Option<StrBytes>,
    /// The assignor on the broker to be used; `None` for its default, or unchanged.
    pub server_assignor: Option<StrBytes>,
    /// The partitions the member has; `None` if unchanged.
    pub topic_partitions: Option<Vec<ConsumerGroupTopicPartitions>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Partitions of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ConsumerGroupTopicPartitions {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What the member is to have and when to ask again.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct ConsumerGroupHeartbeatResponse {
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
    /// The partitions the member is to have; `None` if unchanged.
    pub assignment: Option<ConsumerGroupAssignment>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The partitions of a member.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ConsumerGroupAssignment {
    /// The partitions by topic.
    pub topic_partitions: Vec<ConsumerGroupTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
