//! RenewDelegationToken: a longer life for a token. There are none: as with Kafka without a secret key (KIP-48).

use thalweg_protocol::messages::{RenewDelegationTokenRequest, RenewDelegationTokenResponse};

use super::fault::without_tokens;
use crate::cluster::{Caller, Cluster};

/// Refuses.
pub(super) fn renew_delegation_token(
    _cluster: &mut Cluster,
    caller: &Caller,
    _request: RenewDelegationTokenRequest,
) -> RenewDelegationTokenResponse {
    RenewDelegationTokenResponse {
        error_code: without_tokens(caller),
        expiry_timestamp_ms: -1,
        ..Default::default()
    }
}
