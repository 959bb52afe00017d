//! Makes a delegation token (CreateDelegationToken, API key 38).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks for a delegation token (KIP-48).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = CreateDelegationToken, versions = 1..=3, flexible = 2..,
    response = CreateDelegationTokenResponse
)]
pub struct CreateDelegationTokenRequest {
    /// The kind of principal that is to own the token; `None` for the caller.
    #[field(versions = 3.., default = Some(StrBytes::new()))]
    pub owner_principal_type: Option<StrBytes>,
    /// The name of the principal that is to own the token; `None` for the caller.
    #[field(versions = 3.., default = Some(StrBytes::new()))]
    pub owner_principal_name: Option<StrBytes>,
    /// Who else may renew the token before it expires.
    pub renewers: Vec<CreatableRenewers>,
    /// Milliseconds after which the token cannot be renewed any more; -1 for the broker's default.
    pub max_lifetime_ms: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A principal that may renew the token.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatableRenewers {
    /// The kind of principal: `User`.
    pub principal_type: StrBytes,
    /// The principal's name.
    pub principal_name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The token.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=3, flexible = 2..)]
pub struct CreateDelegationTokenResponse {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The kind of principal that owns the token.
    pub principal_type: StrBytes,
    /// The name of the principal that owns the token.
    pub principal_name: StrBytes,
    /// The kind of principal that asked for the token.
    #[field(versions = 3..)]
    pub token_requester_principal_type: StrBytes,
    /// The name of the principal that asked for the token.
    #[field(versions = 3..)]
    pub token_requester_principal_name: StrBytes,
    /// When the token was made, in milliseconds since 1970.
    pub issue_timestamp_ms: i64,
    /// When the token expires unless it is renewed, in milliseconds since 1970.
    pub expiry_timestamp_ms: i64,
    /// When the token expires for good, in milliseconds since 1970.
    pub max_timestamp_ms: i64,
    /// The token's public id.
    pub token_id: StrBytes,
    /// The token's secret, by which it is also named.
    pub hmac: Bytes,
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
