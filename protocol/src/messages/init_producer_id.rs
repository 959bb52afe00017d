//! Gives out producer ids (InitProducerId, API key 22).

use crate::{ErrorCode, Message, ProducerId, StrBytes, UnknownTags};

/// Asks for a producer id and epoch. With a transactional id it fences older instances and ends
/// their open transaction.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = InitProducerId, versions = 0..=6, unstable = 6, flexible = 2..,
    response = InitProducerIdResponse
)]
pub struct InitProducerIdRequest {
    /// The transactional id; `None` for a producer that is idempotent only.
    #[field(default = Some(StrBytes::new()))]
    pub transactional_id: Option<StrBytes>,
    /// Milliseconds after which the broker aborts a transaction that is still open
    /// (`transaction.timeout.ms`).
    pub transaction_timeout_ms: i32,
    /// The id the producer has and wants to keep (KIP-360); -1 for a new one.
    #[field(versions = 3..)]
    pub producer_id: ProducerId,
    /// The epoch the producer has; -1 if it has none.
    #[field(versions = 3.., default = -1)]
    pub producer_epoch: i16,
    /// Whether the transaction takes part in a two-phase commit of another system (KIP-939).
    #[field(versions = 6..)]
    pub enable2_pc: bool,
    /// Whether to keep a prepared transaction instead of aborting it (KIP-939).
    #[field(versions = 6..)]
    pub keep_prepared_txn: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The producer id and epoch.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=6, unstable = 6, flexible = 2..)]
pub struct InitProducerIdResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The producer's epoch, which fences older instances of it.
    pub producer_epoch: i16,
    /// The producer id of the transaction that is prepared; -1 if there is none.
    #[field(versions = 6.., ignorable)]
    pub ongoing_txn_producer_id: ProducerId,
    /// The producer epoch of the transaction that is prepared; -1 if there is none.
    #[field(versions = 6.., default = -1, ignorable)]
    pub ongoing_txn_producer_epoch: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
