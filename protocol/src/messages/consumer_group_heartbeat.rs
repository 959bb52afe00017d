//! ConsumerGroupHeartbeat (API key 68).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Consumer group heartbeat request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ConsumerGroupHeartbeat, versions = 0..=1, flexible = 0.., response = ConsumerGroupHeartbeatResponse)]
pub struct ConsumerGroupHeartbeatRequest {
    /// Group id.
    pub group_id: StrBytes,
    /// Member id.
    pub member_id: StrBytes,
    /// Member epoch.
    pub member_epoch: i32,
    /// Instance id.
    pub instance_id: Option<StrBytes>,
    /// Rack id.
    pub rack_id: Option<StrBytes>,
    /// Rebalance timeout ms.
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    /// Subscribed topic names.
    pub subscribed_topic_names: Option<Vec<StrBytes>>,
    /// Subscribed topic regex.
    #[field(versions = 1..)]
    pub subscribed_topic_regex: Option<StrBytes>,
    /// Server assignor.
    pub server_assignor: Option<StrBytes>,
    /// Topic partitions.
    pub topic_partitions: Option<Vec<ConsumerGroupTopicPartitions>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Consumer group topic partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ConsumerGroupTopicPartitions {
    /// Topic id.
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Consumer group heartbeat response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct ConsumerGroupHeartbeatResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Member id.
    pub member_id: Option<StrBytes>,
    /// Member epoch.
    pub member_epoch: i32,
    /// Heartbeat interval ms.
    pub heartbeat_interval_ms: i32,
    /// Assignment.
    pub assignment: Option<ConsumerGroupAssignment>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Consumer group assignment.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ConsumerGroupAssignment {
    /// Topic partitions.
    pub topic_partitions: Vec<ConsumerGroupTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
