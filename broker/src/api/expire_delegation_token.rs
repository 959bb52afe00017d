//! ExpireDelegationToken: the end of a token. There are none: as with Kafka without a secret key (KIP-48).

use thalweg_protocol::messages::{ExpireDelegationTokenRequest, ExpireDelegationTokenResponse};

use super::fault::without_tokens;
use crate::cluster::{Caller, Cluster};

/// Refuses.
pub(super) fn expire_delegation_token(
    _cluster: &mut Cluster,
    caller: &Caller,
    _request: ExpireDelegationTokenRequest,
) -> ExpireDelegationTokenResponse {
    ExpireDelegationTokenResponse {
        error_code: without_tokens(caller),
        expiry_timestamp_ms: -1,
        ..Default::default()
    }
}
