//! ListTransactions (API key 66).

use crate::{ErrorCode, Message, ProducerId, StrBytes, Structure, UnknownTags};

/// List transactions request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ListTransactions, versions = 0..=2, flexible = 0.., response = ListTransactionsResponse)]
pub struct ListTransactionsRequest {
    /// State filters.
    pub state_filters: Vec<StrBytes>,
    /// Producer id filters.
    pub producer_id_filters: Vec<ProducerId>,
    /// Duration filter.
    #[field(versions = 1.., default = -1)]
    pub duration_filter: i64,
    /// Transactional id pattern.
    #[field(versions = 2..)]
    pub transactional_id_pattern: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// List transactions response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 0..)]
pub struct ListTransactionsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Unknown state filters.
    pub unknown_state_filters: Vec<StrBytes>,
    /// Transaction states.
    pub transaction_states: Vec<ListedTransaction>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Listed transaction.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ListedTransaction {
    /// Transactional id.
    pub transactional_id: StrBytes,
    /// Producer id.
    pub producer_id: ProducerId,
    /// Transaction state.
    pub transaction_state: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
