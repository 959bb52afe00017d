//! Carries the messages of a SASL mechanism (SaslAuthenticate, API key 36).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, UnknownTags};

/// The client's next message to the mechanism.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = SaslAuthenticate, versions = 0..=2, flexible = 2..,
    response = SaslAuthenticateResponse
)]
pub struct SaslAuthenticateRequest {
    /// A message of the SASL mechanism.
    pub auth_bytes: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The broker's next message from the mechanism.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 2..)]
pub struct SaslAuthenticateResponse {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// A message of the SASL mechanism.
    pub auth_bytes: Bytes,
    /// Milliseconds until the client must authenticate anew; 0 for never.
    #[field(versions = 1.., ignorable)]
    pub session_lifetime_ms: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
