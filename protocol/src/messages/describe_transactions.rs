//! Describes transactions (DescribeTransactions, API key 65).

use crate::{ErrorCode, Message, PartitionId, ProducerId, StrBytes, Structure, UnknownTags};

/// Asks for the state of transactional ids, at their transaction coordinator.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeTransactions, versions = 0..=0, flexible = 0..,
    response = DescribeTransactionsResponse
)]
pub struct DescribeTransactionsRequest {
    /// The transactional ids to describe.
    pub transactional_ids: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The transactions.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct DescribeTransactionsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The transactions, in the order of the request.
    pub transaction_states: Vec<DescribedTransaction>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A transaction.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedTransaction {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The transactional id.
    pub transactional_id: StrBytes,
    /// The state in Kafka's words: `Ongoing`, `PrepareCommit`, `CompleteAbort` and so on.
    pub transaction_state: StrBytes,
    /// Milliseconds after which the broker aborts a transaction that is still open
    /// (`transaction.timeout.ms`).
    pub transaction_timeout_ms: i32,
    /// When the transaction began, in milliseconds since 1970; -1 if none is open.
    pub transaction_start_time_ms: i64,
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The producer's epoch, which fences older instances of it.
    pub producer_epoch: i16,
    /// The partitions in the transaction.
    pub topics: Vec<TransactionTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The partitions of one topic in a transaction.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TransactionTopic {
    /// The name of the topic.
    pub topic: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
