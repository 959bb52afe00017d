//! Renews a delegation token (RenewDelegationToken, API key 39).

use bytes::Bytes;

use crate::{ErrorCode, Message, UnknownTags};

/// Puts off the time at which a delegation token expires.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = RenewDelegationToken, versions = 1..=2, flexible = 2..,
    response = RenewDelegationTokenResponse
)]
pub struct RenewDelegationTokenRequest {
    /// The token's secret, by which it is also named.
    pub hmac: Bytes,
    /// Milliseconds from now until the token expires; -1 for the broker's default.
    pub renew_period_ms: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// When the token expires now.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 2..)]
pub struct RenewDelegationTokenResponse {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// When the token expires unless it is renewed, in milliseconds since 1970.
    pub expiry_timestamp_ms: i64,
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
