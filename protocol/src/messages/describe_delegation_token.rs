//! DescribeDelegationToken (API key 41).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Describe delegation token request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeDelegationToken, versions = 1..=3, flexible = 2.., response = DescribeDelegationTokenResponse)]
pub struct DescribeDelegationTokenRequest {
    /// Owners.
    #[field(default = Some(Vec::new()))]
    pub owners: Option<Vec<DescribeDelegationTokenOwner>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe delegation token owner.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeDelegationTokenOwner {
    /// Principal type.
    pub principal_type: StrBytes,
    /// Principal name.
    pub principal_name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe delegation token response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=3, flexible = 2..)]
pub struct DescribeDelegationTokenResponse {
    /// Error code.
    pub error_code: ErrorCode,
    /// Tokens.
    pub tokens: Vec<DescribedDelegationToken>,
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described delegation token.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedDelegationToken {
    /// Principal type.
    pub principal_type: StrBytes,
    /// Principal name.
    pub principal_name: StrBytes,
    /// Token requester principal type.
    #[field(versions = 3..)]
    pub token_requester_principal_type: StrBytes,
    /// Token requester principal name.
    #[field(versions = 3..)]
    pub token_requester_principal_name: StrBytes,
    /// Issue timestamp.
    pub issue_timestamp: i64,
    /// Expiry timestamp.
    pub expiry_timestamp: i64,
    /// Max timestamp.
    pub max_timestamp: i64,
    /// Token id.
    pub token_id: StrBytes,
    /// Hmac.
    pub hmac: Bytes,
    /// Renewers.
    pub renewers: Vec<DescribedDelegationTokenRenewer>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described delegation token renewer.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedDelegationTokenRenewer {
    /// Principal type.
    pub principal_type: StrBytes,
    /// Principal name.
    pub principal_name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
