//! Writes record batches (Produce, API key 0).

use bytes::Bytes;

use super::{LeaderIdAndEpoch, NodeEndpoint};
use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Writes record batches to partitions whose leader the broker is.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = Produce, versions = 3..=13, flexible = 9.., response = ProduceResponse)]
pub struct ProduceRequest {
    /// The transactional id; `None` outside transactions.
    pub transactional_id: Option<StrBytes>,
    /// Who must have written the records before the broker answers: 0 nobody (there is no answer),
    /// 1 the leader, -1 all in-sync replicas.
    pub acks: i16,
    /// How many milliseconds to wait for the replicas that `acks` asks for.
    pub timeout_ms: i32,
    /// The topics to write to.
    pub topic_data: Vec<TopicProduceData>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The record batches for one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopicProduceData {
    /// The name of the topic, up to version 12.
    #[field(versions = ..=12, ignorable)]
    pub name: StrBytes,
    /// The topic's id, from version 13 on.
    #[field(versions = 13.., ignorable)]
    pub topic_id: Uuid,
    /// The partitions to write to.
    pub partition_data: Vec<PartitionProduceData>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The record batch for one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct PartitionProduceData {
    /// The partition.
    pub index: PartitionId,
    /// One record batch.
    pub records: Option<Bytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offsets the batches got, or why they were refused. There is none for `acks = 0`.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 3..=13, flexible = 9..)]
pub struct ProduceResponse {
    /// The results, one for each topic.
    pub responses: Vec<TopicProduceResponse>,
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// Where to reach the brokers that are named as current leaders.
    #[field(versions = 10.., tag = 0)]
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of the batches for one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopicProduceResponse {
    /// The name of the topic, up to version 12.
    #[field(versions = ..=12, ignorable)]
    pub name: StrBytes,
    /// The topic's id, from version 13 on.
    #[field(versions = 13.., ignorable)]
    pub topic_id: Uuid,
    /// The results, one for each partition.
    pub partition_responses: Vec<PartitionProduceResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of the batch for one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct PartitionProduceResponse {
    /// The partition.
    pub index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The offset of the first record; -1 if nothing was written.
    pub base_offset: Offset,
    /// The timestamp given to all records, in milliseconds since 1970, where the topic uses the
    /// time of appending; else -1.
    #[field(default = -1)]
    pub log_append_time_ms: i64,
    /// The first offset that is still there; -1 if it is not known.
    #[field(versions = 5.., default = Offset(-1), ignorable)]
    pub log_start_offset: Offset,
    /// The records that made the broker refuse the batch.
    #[field(versions = 8.., ignorable)]
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(versions = 8.., ignorable)]
    pub error_message: Option<StrBytes>,
    /// The leader to go to, where the broker asked is not the leader any more.
    #[field(versions = 10.., tag = 0)]
    pub current_leader: LeaderIdAndEpoch,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A record that the broker refuses.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct BatchIndexAndErrorMessage {
    /// The place of the record within the batch, counted from 0.
    pub batch_index: i32,
    /// What is wrong with it.
    pub batch_index_error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
