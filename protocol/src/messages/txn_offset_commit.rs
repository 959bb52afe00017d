//! TxnOffsetCommit (API key 28).

use crate::{
    ErrorCode, Message, Offset, PartitionId, ProducerId, StrBytes, Structure, UnknownTags, Uuid,
};

/// Txn offset commit request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = TxnOffsetCommit, versions = 0..=6, flexible = 3.., response = TxnOffsetCommitResponse)]
pub struct TxnOffsetCommitRequest {
    /// Transactional id.
    pub transactional_id: StrBytes,
    /// Group id.
    pub group_id: StrBytes,
    /// Producer id.
    pub producer_id: ProducerId,
    /// Producer epoch.
    pub producer_epoch: i16,
    /// Generation id or member epoch.
    #[field(versions = 3.., default = -1)]
    pub generation_id_or_member_epoch: i32,
    /// Member id.
    #[field(versions = 3..)]
    pub member_id: StrBytes,
    /// Group instance id.
    #[field(versions = 3..)]
    pub group_instance_id: Option<StrBytes>,
    /// Topics.
    pub topics: Vec<TxnOffsetCommitRequestTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Txn offset commit request topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TxnOffsetCommitRequestTopic {
    /// Name.
    #[field(versions = ..=5, ignorable)]
    pub name: StrBytes,
    /// Topic id.
    #[field(versions = 6.., ignorable)]
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<TxnOffsetCommitRequestPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Txn offset commit request partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TxnOffsetCommitRequestPartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Committed offset.
    pub committed_offset: Offset,
    /// Committed leader epoch.
    #[field(versions = 2.., default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    /// Committed metadata.
    #[field(default = Some(StrBytes::new()))]
    pub committed_metadata: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Txn offset commit response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=6, flexible = 3..)]
pub struct TxnOffsetCommitResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Topics.
    pub topics: Vec<TxnOffsetCommitResponseTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Txn offset commit response topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TxnOffsetCommitResponseTopic {
    /// Name.
    #[field(versions = ..=5, ignorable)]
    pub name: StrBytes,
    /// Topic id.
    #[field(versions = 6.., ignorable)]
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<TxnOffsetCommitResponsePartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Txn offset commit response partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TxnOffsetCommitResponsePartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
