//! LeaveGroup: members of a classic group go, or are put out by an admin.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::MemberIdentity;

use super::{ClassicGroup, Scope, State, with_group};
use crate::cluster::Cluster;

/// Removes members from a group, and says of each what is against it. All at once: the group
/// rebalances once.
pub(in crate::group) fn leave(
    cluster: &mut Cluster,
    group_id: &str,
    members: &[MemberIdentity],
) -> Vec<ErrorCode> {
    let errors = with_group(cluster, group_id, |group, scope| {
        group.leave(scope, members)
    });
    let unknown = || vec![ErrorCode::UNKNOWN_MEMBER_ID; members.len()];
    errors.unwrap_or_else(unknown)
}

impl ClassicGroup {
    fn leave(&mut self, scope: &mut Scope<'_>, members: &[MemberIdentity]) -> Vec<ErrorCode> {
        let errors: Vec<ErrorCode> = members
            .iter()
            .map(|member| match self.leave_one(scope, member) {
                Ok(()) => ErrorCode::NONE,
                Err(error) => error,
            })
            .collect();
        if errors.iter().any(|error| error.is_none()) {
            match self.state {
                State::Stable | State::CompletingRebalance => self.prepare_rebalance(scope),
                State::PreparingRebalance => self.maybe_complete_join_phase(scope),
                State::Empty => {}
            }
        }
        errors
    }

    fn leave_one(
        &mut self,
        scope: &mut Scope<'_>,
        member: &MemberIdentity,
    ) -> Result<(), ErrorCode> {
        let instance_id = member.group_instance_id.as_deref();
        let member_id = if member.member_id.is_empty() {
            // An admin names static members by their instance id alone.
            let known = instance_id.and_then(|id| self.static_members.get(id));
            known.cloned().ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?
        } else {
            let is_pending = self.pending_members.contains_key(&member.member_id);
            if !is_pending {
                self.check_member(&member.member_id, instance_id)?;
            }
            member.member_id.clone()
        };
        tracing::debug!(
            group = &*self.id,
            member = &*member_id,
            reason = member.reason.as_deref(),
            "leaves"
        );
        self.remove(scope, &member_id, ErrorCode::UNKNOWN_MEMBER_ID);
        Ok(())
    }
}
