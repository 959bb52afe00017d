//! ShareFetch (API key 78).

use bytes::Bytes;

use super::{LeaderIdAndEpoch, NodeEndpoint};
use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Share fetch request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ShareFetch, versions = 1..=2, flexible = 1.., response = ShareFetchResponse)]
pub struct ShareFetchRequest {
    /// Group id.
    pub group_id: Option<StrBytes>,
    /// Member id.
    #[field(default = Some(StrBytes::new()))]
    pub member_id: Option<StrBytes>,
    /// Share session epoch.
    pub share_session_epoch: i32,
    /// Max wait ms.
    pub max_wait_ms: i32,
    /// Min bytes.
    pub min_bytes: i32,
    /// Max bytes.
    #[field(default = i32::MAX)]
    pub max_bytes: i32,
    /// Max records.
    pub max_records: i32,
    /// Batch size.
    pub batch_size: i32,
    /// Share acquire mode.
    #[field(versions = 2..)]
    pub share_acquire_mode: i8,
    /// Is renew ack.
    #[field(versions = 2..)]
    pub is_renew_ack: bool,
    /// Topics.
    pub topics: Vec<ShareFetchTopic>,
    /// Forgotten topics data.
    pub forgotten_topics_data: Vec<ShareForgottenTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share fetch topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareFetchTopic {
    /// Topic id.
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<ShareFetchPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share fetch partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareFetchPartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Acknowledgement batches.
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Acknowledgement batch.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AcknowledgementBatch {
    /// First offset.
    pub first_offset: Offset,
    /// Last offset.
    pub last_offset: Offset,
    /// Acknowledge types.
    pub acknowledge_types: Vec<i8>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share forgotten topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareForgottenTopic {
    /// Topic id.
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share fetch response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 1..)]
pub struct ShareFetchResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Acquisition lock timeout ms.
    pub acquisition_lock_timeout_ms: i32,
    /// Responses.
    pub responses: Vec<ShareFetchableTopicResponse>,
    /// Node endpoints.
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share fetchable topic response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareFetchableTopicResponse {
    /// Topic id.
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<ShareFetchPartitionData>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share fetch partition data.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareFetchPartitionData {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Acknowledge error code.
    pub acknowledge_error_code: ErrorCode,
    /// Acknowledge error message.
    pub acknowledge_error_message: Option<StrBytes>,
    /// Current leader.
    pub current_leader: LeaderIdAndEpoch,
    /// Records.
    #[field(nullable = ..=0)]
    pub records: Option<Bytes>,
    /// Acquired records.
    pub acquired_records: Vec<AcquiredRecords>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Acquired records.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AcquiredRecords {
    /// First offset.
    pub first_offset: Offset,
    /// Last offset.
    pub last_offset: Offset,
    /// Delivery count.
    pub delivery_count: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
