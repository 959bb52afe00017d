//! DescribeDelegationToken: the tokens that there are. There are none: as with Kafka without a secret key (KIP-48).

use thalweg_protocol::messages::{DescribeDelegationTokenRequest, DescribeDelegationTokenResponse};

use super::fault::without_tokens;
use crate::cluster::{Caller, Cluster};

/// Refuses.
pub(super) fn describe_delegation_token(
    _cluster: &mut Cluster,
    caller: &Caller,
    _request: DescribeDelegationTokenRequest,
) -> DescribeDelegationTokenResponse {
    DescribeDelegationTokenResponse {
        error_code: without_tokens(caller),
        ..Default::default()
    }
}
