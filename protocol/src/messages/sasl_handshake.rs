//! SaslHandshake (API key 17).

use crate::{ErrorCode, Message, StrBytes};

/// Sasl handshake request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = SaslHandshake, versions = 0..=1, response = SaslHandshakeResponse)]
pub struct SaslHandshakeRequest {
    /// Mechanism.
    pub mechanism: StrBytes,
}

/// Sasl handshake response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1)]
pub struct SaslHandshakeResponse {
    /// Error code.
    pub error_code: ErrorCode,
    /// Mechanisms.
    pub mechanisms: Vec<StrBytes>,
}
