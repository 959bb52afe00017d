//! ExpireDelegationToken (API key 40).

use bytes::Bytes;

use crate::{ErrorCode, Message, UnknownTags};

/// Expire delegation token request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ExpireDelegationToken, versions = 1..=2, flexible = 2.., response = ExpireDelegationTokenResponse)]
pub struct ExpireDelegationTokenRequest {
    /// Hmac.
    pub hmac: Bytes,
    /// Expiry time period ms.
    pub expiry_time_period_ms: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Expire delegation token response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 2..)]
pub struct ExpireDelegationTokenResponse {
    /// Error code.
    pub error_code: ErrorCode,
    /// Expiry timestamp ms.
    pub expiry_timestamp_ms: i64,
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
