//! Adds a group's offsets to a transaction (AddOffsetsToTxn, API key 25).

use crate::{ErrorCode, Message, ProducerId, StrBytes, UnknownTags};

/// Says that a transaction will commit offsets of a group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = AddOffsetsToTxn, versions = 0..=4, flexible = 3..,
    response = AddOffsetsToTxnResponse
)]
pub struct AddOffsetsToTxnRequest {
    /// The transactional id.
    pub transactional_id: StrBytes,
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The producer's epoch, which fences older instances of it.
    pub producer_epoch: i16,
    /// The group.
    pub group_id: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Whether it may.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=4, flexible = 3..)]
pub struct AddOffsetsToTxnResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
