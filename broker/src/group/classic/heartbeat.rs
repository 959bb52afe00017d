//! Heartbeat: members of a classic group stay, and learn of rebalances.

use thalweg_protocol::ErrorCode;

use super::{ClassicGroup, Scope, State, with_group};
use crate::cluster::Cluster;
use crate::group::Claim;

/// Handles a Heartbeat that came to the right broker.
pub(in crate::group) fn heartbeat(
    cluster: &mut Cluster,
    group_id: &str,
    claim: Claim<'_>,
) -> ErrorCode {
    let beat = |group: &mut ClassicGroup, scope: &mut Scope<'_>| group.heartbeat(scope, claim);
    match with_group(cluster, group_id, beat) {
        Some(Ok(())) => ErrorCode::NONE,
        Some(Err(error)) => error,
        None => ErrorCode::UNKNOWN_MEMBER_ID,
    }
}

/// A member that commits offsets is as alive as one that sends a heartbeat.
pub(in crate::group) fn member_committed(cluster: &mut Cluster, group_id: &str, member_id: &str) {
    with_group(cluster, group_id, |group, scope| {
        if matches!(group.state, State::Stable | State::PreparingRebalance) {
            group.renew_session(scope, member_id);
        }
    });
}

impl ClassicGroup {
    fn heartbeat(&mut self, scope: &mut Scope<'_>, claim: Claim<'_>) -> Result<(), ErrorCode> {
        self.check_generation(claim)?;
        match self.state {
            State::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            State::PreparingRebalance => {
                self.renew_session(scope, claim.member_id);
                Err(ErrorCode::REBALANCE_IN_PROGRESS)
            }
            State::CompletingRebalance | State::Stable => {
                self.renew_session(scope, claim.member_id);
                Ok(())
            }
        }
    }
}
