//! Acknowledges records of a share group (ShareAcknowledge, API key 79).

use super::{AcknowledgementBatch, LeaderIdAndEpoch, NodeEndpoint};
use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Says what became of records that were acquired (KIP-932).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = ShareAcknowledge, versions = 1..=2, flexible = 1..,
    response = ShareAcknowledgeResponse
)]
pub struct ShareAcknowledgeRequest {
    /// The share group.
    pub group_id: Option<StrBytes>,
    /// The member's id; never `None` from a member.
    #[field(default = Some(StrBytes::new()))]
    pub member_id: Option<StrBytes>,
    /// The counter of the share session, raised with each request: 0 opens one, -1 closes it.
    pub share_session_epoch: i32,
    /// Whether some acknowledgements only extend the lock on records.
    #[field(versions = 2..)]
    pub is_renew_ack: bool,
    /// The acknowledgements.
    pub topics: Vec<AcknowledgeTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The acknowledgements of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AcknowledgeTopic {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<AcknowledgePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The acknowledgements of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AcknowledgePartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// What became of records that were acquired before.
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of the acknowledgements.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 1..)]
pub struct ShareAcknowledgeResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// Milliseconds after which records that were acquired and not acknowledged go to others.
    #[field(versions = 2.., ignorable)]
    pub acquisition_lock_timeout_ms: i32,
    /// The results, one for each topic.
    pub responses: Vec<ShareAcknowledgeTopicResponse>,
    /// Where to reach the brokers that are named as current leaders.
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareAcknowledgeTopicResponse {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<ShareAcknowledgePartitionData>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareAcknowledgePartitionData {
    /// The partition.
    pub partition_index: PartitionId,
    /// What became of the acknowledgements.
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// The leader to go to, where the broker asked is not the leader any more.
    pub current_leader: LeaderIdAndEpoch,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
