//! AddOffsetsToTxn (API key 25).

use crate::{ErrorCode, Message, ProducerId, StrBytes, UnknownTags};

/// Add offsets to txn request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = AddOffsetsToTxn, versions = 0..=4, flexible = 3.., response = AddOffsetsToTxnResponse)]
pub struct AddOffsetsToTxnRequest {
    /// Transactional id.
    pub transactional_id: StrBytes,
    /// Producer id.
    pub producer_id: ProducerId,
    /// Producer epoch.
    pub producer_epoch: i16,
    /// Group id.
    pub group_id: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Add offsets to txn response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=4, flexible = 3..)]
pub struct AddOffsetsToTxnResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
