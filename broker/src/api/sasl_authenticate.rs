//! SaslAuthenticate where it has no place; see [`sasl_handshake`](super::sasl_handshake).

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{SaslAuthenticateRequest, SaslAuthenticateResponse};

use crate::cluster::{Caller, Cluster};

/// Refuses.
pub(super) fn sasl_authenticate(
    _cluster: &mut Cluster,
    _caller: &Caller,
    _request: SaslAuthenticateRequest,
) -> SaslAuthenticateResponse {
    let message = "SaslAuthenticate request received after successful authentication";
    SaslAuthenticateResponse {
        error_code: ErrorCode::ILLEGAL_SASL_STATE,
        error_message: Some(message.into()),
        ..Default::default()
    }
}
