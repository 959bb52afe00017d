//! SaslHandshake where it has no place: the connection has nothing to say about itself, or has said
//! it. Where it has one, [`SaslSession`](crate::security::SaslSession) answers it.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{SaslHandshakeRequest, SaslHandshakeResponse};

use crate::cluster::{Caller, Cluster};

/// Refuses.
pub(super) fn sasl_handshake(
    _cluster: &mut Cluster,
    _caller: &Caller,
    _request: SaslHandshakeRequest,
) -> SaslHandshakeResponse {
    SaslHandshakeResponse {
        error_code: ErrorCode::ILLEGAL_SASL_STATE,
        ..Default::default()
    }
}
