//! ShareGroupHeartbeat (API key 76).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Share group heartbeat request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ShareGroupHeartbeat, versions = 1..=1, flexible = 1.., response = ShareGroupHeartbeatResponse)]
pub struct ShareGroupHeartbeatRequest {
    /// Group id.
    pub group_id: StrBytes,
    /// Member id.
    pub member_id: StrBytes,
    /// Member epoch.
    pub member_epoch: i32,
    /// Rack id.
    pub rack_id: Option<StrBytes>,
    /// Subscribed topic names.
    pub subscribed_topic_names: Option<Vec<StrBytes>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share group heartbeat response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=1, flexible = 1..)]
pub struct ShareGroupHeartbeatResponse {
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
    pub assignment: Option<ShareGroupAssignment>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share group assignment.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareGroupAssignment {
    /// Topic partitions.
    pub topic_partitions: Vec<ShareGroupTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share group topic partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareGroupTopicPartitions {
    /// Topic id.
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
