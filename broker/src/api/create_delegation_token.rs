//! CreateDelegationToken: a new token. There are none: as with Kafka without a secret key (KIP-48).

use thalweg_protocol::messages::{CreateDelegationTokenRequest, CreateDelegationTokenResponse};

use super::fault::without_tokens;
use crate::cluster::{Caller, Cluster};

/// Refuses.
pub(super) fn create_delegation_token(
    _cluster: &mut Cluster,
    caller: &Caller,
    _request: CreateDelegationTokenRequest,
) -> CreateDelegationTokenResponse {
    // As if by and for whoever asks, which is what the answer shows.
    let principal = caller.principal.as_ref();
    let (requester_type, requester_name) = match caller.version {
        // Who asks, beside whom for, is told from version 3 on.
        3.. => (principal.kind.clone(), principal.name.clone()),
        _ => Default::default(),
    };
    CreateDelegationTokenResponse {
        error_code: without_tokens(caller),
        principal_type: principal.kind.clone(),
        principal_name: principal.name.clone(),
        token_requester_principal_type: requester_type,
        token_requester_principal_name: requester_name,
        issue_timestamp_ms: -1,
        expiry_timestamp_ms: -1,
        max_timestamp_ms: -1,
        ..Default::default()
    }
}
