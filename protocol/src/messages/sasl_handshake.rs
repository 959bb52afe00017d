//! Chooses a SASL mechanism (SaslHandshake, API key 17).

use crate::{ErrorCode, Message, StrBytes};

/// Names the SASL mechanism the client wants to use.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = SaslHandshake, versions = 0..=1, response = SaslHandshakeResponse)]
pub struct SaslHandshakeRequest {
    /// The mechanism the client wants to use: `SCRAM-SHA-512`, for example.
    pub mechanism: StrBytes,
}

/// Whether the broker has it, and which it has.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1)]
pub struct SaslHandshakeResponse {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The mechanisms the broker offers.
    pub mechanisms: Vec<StrBytes>,
}
