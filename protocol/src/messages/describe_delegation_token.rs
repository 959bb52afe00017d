//! Lists delegation tokens (DescribeDelegationToken, API key 41).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks for the delegation tokens of owners.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeDelegationToken, versions = 1..=3, flexible = 2..,
    response = DescribeDelegationTokenResponse
)]
pub struct DescribeDelegationTokenRequest {
    /// Whose tokens to describe; `None` for all.
    #[field(default = Some(Vec::new()))]
    pub owners: Option<Vec<DescribeDelegationTokenOwner>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// An owner of tokens.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeDelegationTokenOwner {
    /// The kind of principal: `User`.
    pub principal_type: StrBytes,
    /// The owner's name.
    pub principal_name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The tokens.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=3, flexible = 2..)]
pub struct DescribeDelegationTokenResponse {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The tokens.
    pub tokens: Vec<DescribedDelegationToken>,
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedDelegationToken {
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
    pub issue_timestamp: i64,
    /// When the token expires unless it is renewed, in milliseconds since 1970.
    pub expiry_timestamp: i64,
    /// When the token expires for good, in milliseconds since 1970.
    pub max_timestamp: i64,
    /// The token's public id.
    pub token_id: StrBytes,
    /// The token's secret, by which it is also named.
    pub hmac: Bytes,
    /// Who else may renew the token before it expires.
    pub renewers: Vec<DescribedDelegationTokenRenewer>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A principal that may renew the token.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedDelegationTokenRenewer {
    /// The kind of principal: `User`.
    pub principal_type: StrBytes,
    /// The principal's name.
    pub principal_name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
