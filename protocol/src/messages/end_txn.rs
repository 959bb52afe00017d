//! Ends a transaction (EndTxn, API key 26).

use crate::{ErrorCode, Message, ProducerId, StrBytes, UnknownTags};

/// Commits or aborts a transaction.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = EndTxn, versions = 0..=5, flexible = 3.., response = EndTxnResponse)]
pub struct EndTxnRequest {
    /// The transactional id.
    pub transactional_id: StrBytes,
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The producer's epoch, which fences older instances of it.
    pub producer_epoch: i16,
    /// Whether to commit; else to abort.
    pub committed: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Whether the end is certain, and from version 5 on the id and epoch for the next transaction.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=5, flexible = 3..)]
pub struct EndTxnResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The id to go on with, which changes when the epochs are used up; -1 before version 5.
    #[field(versions = 5.., ignorable)]
    pub producer_id: ProducerId,
    /// The epoch to go on with, raised with each transaction; -1 before version 5.
    #[field(versions = 5.., default = -1, ignorable)]
    pub producer_epoch: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
