//! Produce (API key 0).

use bytes::Bytes;

use super::{LeaderIdAndEpoch, NodeEndpoint};
use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Produce request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = Produce, versions = 3..=13, flexible = 9.., response = ProduceResponse)]
pub struct ProduceRequest {
    /// Transactional id.
    pub transactional_id: Option<StrBytes>,
    /// Acks.
    pub acks: i16,
    /// Timeout ms.
    pub timeout_ms: i32,
    /// Topic data.
    pub topic_data: Vec<TopicProduceData>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Topic produce data.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopicProduceData {
    /// Name.
    #[field(versions = ..=12, ignorable)]
    pub name: StrBytes,
    /// Topic id.
    #[field(versions = 13.., ignorable)]
    pub topic_id: Uuid,
    /// Partition data.
    pub partition_data: Vec<PartitionProduceData>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Partition produce data.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct PartitionProduceData {
    /// Index.
    pub index: PartitionId,
    /// Records.
    pub records: Option<Bytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Produce response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 3..=13, flexible = 9..)]
pub struct ProduceResponse {
    /// Responses.
    pub responses: Vec<TopicProduceResponse>,
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Node endpoints.
    #[field(versions = 10.., tag = 0)]
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Topic produce response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopicProduceResponse {
    /// Name.
    #[field(versions = ..=12, ignorable)]
    pub name: StrBytes,
    /// Topic id.
    #[field(versions = 13.., ignorable)]
    pub topic_id: Uuid,
    /// Partition responses.
    pub partition_responses: Vec<PartitionProduceResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Partition produce response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct PartitionProduceResponse {
    /// Index.
    pub index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Base offset.
    pub base_offset: Offset,
    /// Log append time ms.
    #[field(default = -1)]
    pub log_append_time_ms: i64,
    /// Log start offset.
    #[field(versions = 5.., default = Offset(-1), ignorable)]
    pub log_start_offset: Offset,
    /// Record errors.
    #[field(versions = 8.., ignorable)]
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// Error message.
    #[field(versions = 8.., ignorable)]
    pub error_message: Option<StrBytes>,
    /// Current leader.
    #[field(versions = 10.., tag = 0)]
    pub current_leader: LeaderIdAndEpoch,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Batch index and error message.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct BatchIndexAndErrorMessage {
    /// Batch index.
    pub batch_index: i32,
    /// Batch index error message.
    pub batch_index_error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
