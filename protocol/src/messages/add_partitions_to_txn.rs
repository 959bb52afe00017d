//! AddPartitionsToTxn (API key 24).

use crate::{ErrorCode, Message, PartitionId, ProducerId, StrBytes, Structure, UnknownTags};

/// Add partitions to txn request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = AddPartitionsToTxn, versions = 0..=5, flexible = 3.., response = AddPartitionsToTxnResponse)]
pub struct AddPartitionsToTxnRequest {
    /// Transactions.
    #[field(versions = 4..)]
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    /// V3 and below transactional id.
    #[field(versions = ..=3)]
    pub v3_and_below_transactional_id: StrBytes,
    /// V3 and below producer id.
    #[field(versions = ..=3)]
    pub v3_and_below_producer_id: ProducerId,
    /// V3 and below producer epoch.
    #[field(versions = ..=3)]
    pub v3_and_below_producer_epoch: i16,
    /// V3 and below topics.
    #[field(versions = ..=3)]
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Add partitions to txn transaction.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AddPartitionsToTxnTransaction {
    /// Transactional id.
    pub transactional_id: StrBytes,
    /// Producer id.
    pub producer_id: ProducerId,
    /// Producer epoch.
    pub producer_epoch: i16,
    /// Verify only.
    pub verify_only: bool,
    /// Topics.
    pub topics: Vec<AddPartitionsToTxnTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Add partitions to txn topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AddPartitionsToTxnTopic {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Add partitions to txn response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=5, flexible = 3..)]
pub struct AddPartitionsToTxnResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    #[field(versions = 4.., ignorable)]
    pub error_code: ErrorCode,
    /// Results by transaction.
    #[field(versions = 4..)]
    pub results_by_transaction: Vec<AddPartitionsToTxnResult>,
    /// Results by topic v3 and below.
    #[field(versions = ..=3)]
    pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Add partitions to txn result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AddPartitionsToTxnResult {
    /// Transactional id.
    pub transactional_id: StrBytes,
    /// Topic results.
    pub topic_results: Vec<AddPartitionsToTxnTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Add partitions to txn topic result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AddPartitionsToTxnTopicResult {
    /// Name.
    pub name: StrBytes,
    /// Results by partition.
    pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Add partitions to txn partition result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AddPartitionsToTxnPartitionResult {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Partition error code.
    pub partition_error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
