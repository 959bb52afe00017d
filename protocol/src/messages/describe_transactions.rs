//! DescribeTransactions (API key 65).

use crate::{ErrorCode, Message, PartitionId, ProducerId, StrBytes, Structure, UnknownTags};

/// Describe transactions request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeTransactions, versions = 0..=0, flexible = 0.., response = DescribeTransactionsResponse)]
pub struct DescribeTransactionsRequest {
    /// Transactional ids.
    pub transactional_ids: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe transactions response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct DescribeTransactionsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Transaction states.
    pub transaction_states: Vec<DescribedTransaction>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described transaction.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedTransaction {
    /// Error code.
    pub error_code: ErrorCode,
    /// Transactional id.
    pub transactional_id: StrBytes,
    /// Transaction state.
    pub transaction_state: StrBytes,
    /// Transaction timeout ms.
    pub transaction_timeout_ms: i32,
    /// Transaction start time ms.
    pub transaction_start_time_ms: i64,
    /// Producer id.
    pub producer_id: ProducerId,
    /// Producer epoch.
    pub producer_epoch: i16,
    /// Topics.
    pub topics: Vec<TransactionTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Transaction topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TransactionTopic {
    /// Topic.
    pub topic: StrBytes,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
