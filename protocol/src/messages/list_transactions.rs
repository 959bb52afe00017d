//! Lists transactions (ListTransactions, API key 66).

use crate::{ErrorCode, Message, ProducerId, StrBytes, Structure, UnknownTags};

/// Asks a broker for the transactions that it coordinates.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = ListTransactions, versions = 0..=2, flexible = 0..,
    response = ListTransactionsResponse
)]
pub struct ListTransactionsRequest {
    /// The states to list, in Kafka's words; empty for all.
    pub state_filters: Vec<StrBytes>,
    /// The producers to list; empty for all.
    pub producer_id_filters: Vec<ProducerId>,
    /// List only transactions open for at least so many milliseconds; -1 for all.
    #[field(versions = 1.., default = -1)]
    pub duration_filter: i64,
    /// A regular expression (RE2) the transactional id must match; `None` for all.
    #[field(versions = 2..)]
    pub transactional_id_pattern: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The transactions.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 0..)]
pub struct ListTransactionsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The states asked for that the broker does not know.
    pub unknown_state_filters: Vec<StrBytes>,
    /// The transactions that match.
    pub transaction_states: Vec<ListedTransaction>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A transaction.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListedTransaction {
    /// The transactional id.
    pub transactional_id: StrBytes,
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The state in Kafka's words: `Ongoing`, `PrepareCommit`, `CompleteAbort` and so on.
    pub transaction_state: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
