//! RenewDelegationToken (API key 39).

use bytes::Bytes;

use crate::{ErrorCode, Message, UnknownTags};

/// Renew delegation token request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = RenewDelegationToken, versions = 1..=2, flexible = 2.., response = RenewDelegationTokenResponse)]
pub struct RenewDelegationTokenRequest {
    /// Hmac.
    pub hmac: Bytes,
    /// Renew period ms.
    pub renew_period_ms: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Renew delegation token response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 2..)]
pub struct RenewDelegationTokenResponse {
    /// Error code.
    pub error_code: ErrorCode,
    /// Expiry timestamp ms.
    pub expiry_timestamp_ms: i64,
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
