//! Adds partitions to a transaction (AddPartitionsToTxn, API key 24).

use crate::{ErrorCode, Message, PartitionId, ProducerId, StrBytes, Structure, UnknownTags};

/// Adds partitions to a transaction before it writes to them. Clients use versions up to 3; those
/// above are for brokers.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = AddPartitionsToTxn, versions = 0..=5, flexible = 3..,
    response = AddPartitionsToTxnResponse
)]
pub struct AddPartitionsToTxnRequest {
    /// The transactions.
    #[field(versions = 4..)]
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    /// The transactional id, up to version 3.
    #[field(versions = ..=3)]
    pub v3_and_below_transactional_id: StrBytes,
    /// The producer's id, up to version 3.
    #[field(versions = ..=3)]
    pub v3_and_below_producer_id: ProducerId,
    /// The producer's epoch, up to version 3.
    #[field(versions = ..=3)]
    pub v3_and_below_producer_epoch: i16,
    /// The partitions to add, up to version 3.
    #[field(versions = ..=3)]
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A transaction to add partitions to.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AddPartitionsToTxnTransaction {
    /// The transactional id.
    pub transactional_id: StrBytes,
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The producer's epoch, which fences older instances of it.
    pub producer_epoch: i16,
    /// Whether to check only that the partitions are in the transaction.
    pub verify_only: bool,
    /// The partitions to add.
    pub topics: Vec<AddPartitionsToTxnTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The partitions of one topic to add.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AddPartitionsToTxnTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each partition.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=5, flexible = 3..)]
pub struct AddPartitionsToTxnResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// An error of the request as a whole, from version 4 on.
    #[field(versions = 4.., ignorable)]
    pub error_code: ErrorCode,
    /// The results, one for each transaction, from version 4 on.
    #[field(versions = 4..)]
    pub results_by_transaction: Vec<AddPartitionsToTxnResult>,
    /// The results, one for each topic, up to version 3.
    #[field(versions = ..=3)]
    pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one transaction.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AddPartitionsToTxnResult {
    /// The transactional id.
    pub transactional_id: StrBytes,
    /// The results, one for each topic.
    pub topic_results: Vec<AddPartitionsToTxnTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AddPartitionsToTxnTopicResult {
    /// The name of the topic.
    pub name: StrBytes,
    /// The results, one for each partition.
    pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AddPartitionsToTxnPartitionResult {
    /// The partition.
    pub partition_index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub partition_error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
