//! CreateDelegationToken (API key 38).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Create delegation token request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = CreateDelegationToken, versions = 1..=3, flexible = 2.., response = CreateDelegationTokenResponse)]
pub struct CreateDelegationTokenRequest {
    /// Owner principal type.
    #[field(versions = 3.., default = Some(StrBytes::new()))]
    pub owner_principal_type: Option<StrBytes>,
    /// Owner principal name.
    #[field(versions = 3.., default = Some(StrBytes::new()))]
    pub owner_principal_name: Option<StrBytes>,
    /// Renewers.
    pub renewers: Vec<CreatableRenewers>,
    /// Max lifetime ms.
    pub max_lifetime_ms: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Creatable renewers.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatableRenewers {
    /// Principal type.
    pub principal_type: StrBytes,
    /// Principal name.
    pub principal_name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Create delegation token response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=3, flexible = 2..)]
pub struct CreateDelegationTokenResponse {
    /// Error code.
    pub error_code: ErrorCode,
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
    /// Issue timestamp ms.
    pub issue_timestamp_ms: i64,
    /// Expiry timestamp ms.
    pub expiry_timestamp_ms: i64,
    /// Max timestamp ms.
    pub max_timestamp_ms: i64,
    /// Token id.
    pub token_id: StrBytes,
    /// Hmac.
    pub hmac: Bytes,
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
