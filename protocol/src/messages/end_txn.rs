//! EndTxn (API key 26).

use crate::{ErrorCode, Message, ProducerId, StrBytes, UnknownTags};

/// End txn request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = EndTxn, versions = 0..=5, flexible = 3.., response = EndTxnResponse)]
pub struct EndTxnRequest {
    /// Transactional id.
    pub transactional_id: StrBytes,
    /// Producer id.
    pub producer_id: ProducerId,
    /// Producer epoch.
    pub producer_epoch: i16,
    /// Committed.
    pub committed: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// End txn response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=5, flexible = 3..)]
pub struct EndTxnResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Producer id.
    #[field(versions = 5.., ignorable)]
    pub producer_id: ProducerId,
    /// Producer epoch.
    #[field(versions = 5.., default = -1, ignorable)]
    pub producer_epoch: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
