//! SaslAuthenticate (API key 36).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, UnknownTags};

/// Sasl authenticate request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = SaslAuthenticate, versions = 0..=2, flexible = 2.., response = SaslAuthenticateResponse)]
pub struct SaslAuthenticateRequest {
    /// Auth bytes.
    pub auth_bytes: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Sasl authenticate response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 2..)]
pub struct SaslAuthenticateResponse {
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Auth bytes.
    pub auth_bytes: Bytes,
    /// Session lifetime ms.
    #[field(versions = 1.., ignorable)]
    pub session_lifetime_ms: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
