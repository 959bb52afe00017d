//! ShareAcknowledge (API key 79).

use super::{AcknowledgementBatch, LeaderIdAndEpoch, NodeEndpoint};
use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Share acknowledge request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ShareAcknowledge, versions = 1..=2, flexible = 1.., response = ShareAcknowledgeResponse)]
pub struct ShareAcknowledgeRequest {
    /// Group id.
    pub group_id: Option<StrBytes>,
    /// Member id.
    #[field(default = Some(StrBytes::new()))]
    pub member_id: Option<StrBytes>,
    /// Share session epoch.
    pub share_session_epoch: i32,
    /// Is renew ack.
    #[field(versions = 2..)]
    pub is_renew_ack: bool,
    /// Topics.
    pub topics: Vec<AcknowledgeTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Acknowledge topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AcknowledgeTopic {
    /// Topic id.
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<AcknowledgePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Acknowledge partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AcknowledgePartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Acknowledgement batches.
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share acknowledge response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 1..)]
pub struct ShareAcknowledgeResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Acquisition lock timeout ms.
    #[field(versions = 2.., ignorable)]
    pub acquisition_lock_timeout_ms: i32,
    /// Responses.
    pub responses: Vec<ShareAcknowledgeTopicResponse>,
    /// Node endpoints.
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share acknowledge topic response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareAcknowledgeTopicResponse {
    /// Topic id.
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<ShareAcknowledgePartitionData>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share acknowledge partition data.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareAcknowledgePartitionData {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Current leader.
    pub current_leader: LeaderIdAndEpoch,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
