//! JoinGroup: into a classic group, or back into it.

use bytes::Bytes;
use thalweg_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::member::{Member, answer_join, protocols_of};
use super::{ClassicGroup, ClassicTimer, Scope, State, with_group};
use crate::cluster::{Caller, Cluster, Reply};
use crate::group::{Group, insert};

/// From this version on a member joins twice: the first answer brings its id, so that joins that are
/// given up by their client leave no member behind.
const KNOWN_MEMBER_ID: i16 = 4;
/// From this version on a leader can be told to leave the assignment as it is.
const SKIP_ASSIGNMENT: i16 = 9;

/// How long a member that has never been answered may wait for that.
const NEW_MEMBER_JOIN_TIMEOUT_MS: i32 = 5 * 60 * 1000;

/// Handles a JoinGroup that came to the right broker, for a group that is classic or not there.
pub(in crate::group) fn join(
    cluster: &mut Cluster,
    caller: &Caller,
    request: JoinGroupRequest,
    reply: Reply<JoinGroupRequest>,
) {
    let group_id = request.group_id.detached();
    let found = cluster.groups.group(&group_id);
    if found.is_some_and(|group| !group.gives_way() && !matches!(group, Group::Classic(_))) {
        let response = failed(request.member_id, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        return answer_join(reply, response);
    }
    if !matches!(found, Some(Group::Classic(_))) {
        if !request.member_id.is_empty() {
            let response = failed(request.member_id, ErrorCode::UNKNOWN_MEMBER_ID);
            return answer_join(reply, response);
        }
        let group = ClassicGroup::new(group_id.clone(), cluster.now.wall_ms);
        let group = Group::Classic(group);
        insert(cluster, group_id.clone(), group);
    }
    let attempt = Attempt {
        caller,
        request: &request,
    };
    let mut reply = Some(reply);
    with_group(cluster, &group_id, |group, scope| {
        if let Some(reply) = reply.take() {
            group.join(scope, &attempt, reply);
        }
    });
    // The group is of another kind.
    if let Some(reply) = reply {
        let error_code = ErrorCode::INCONSISTENT_GROUP_PROTOCOL;
        answer_join(reply, failed(request.member_id, error_code));
    }
}

/// A JoinGroup that is refused, or cannot be granted yet.
pub(super) fn failed(member_id: StrBytes, error_code: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code,
        member_id,
        ..Default::default()
    }
}

/// What a member sent.
struct Attempt<'a> {
    caller: &'a Caller,
    request: &'a JoinGroupRequest,
}

impl ClassicGroup {
    fn join(
        &mut self,
        scope: &mut Scope<'_>,
        attempt: &Attempt<'_>,
        reply: Reply<JoinGroupRequest>,
    ) {
        let request = attempt.request;
        if !self.has_room(scope, &request.member_id) {
            self.remove(scope, &request.member_id, ErrorCode::GROUP_MAX_SIZE_REACHED);
            let response = failed(StrBytes::new(), ErrorCode::GROUP_MAX_SIZE_REACHED);
            answer_join(reply, response);
        } else if !self.supports(request) {
            let response = failed(
                request.member_id.clone(),
                ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
            );
            answer_join(reply, response);
        } else if request.member_id.is_empty() {
            self.join_as_new_member(scope, attempt, reply);
        } else {
            self.join_as_known_member(scope, attempt, reply);
        }
    }

    /// While a rebalance is on its way those count that have joined already: who comes last is out.
    fn has_room(&self, scope: &Scope<'_>, member_id: &str) -> bool {
        let max = usize::try_from(scope.settings.number32("group.max.size")).unwrap_or(usize::MAX);
        let member = self.members.get(member_id);
        match self.state {
            State::Empty => true,
            State::PreparingRebalance => {
                let has_joined = member.is_some_and(|member| member.awaiting_join.is_some());
                has_joined || self.awaiting_join < max
            }
            State::CompletingRebalance | State::Stable => {
                member.is_some() || self.members.len() < max
            }
        }
    }

    fn join_as_new_member(
        &mut self,
        scope: &mut Scope<'_>,
        attempt: &Attempt<'_>,
        reply: Reply<JoinGroupRequest>,
    ) {
        let request = attempt.request;
        let prefix = match &request.group_instance_id {
            Some(instance_id) => instance_id.clone(),
            None => attempt.caller.client_id(),
        };
        let member_id = new_member_id(scope, &prefix);
        if let Some(instance_id) = &request.group_instance_id {
            return match self.static_members.get(instance_id).cloned() {
                Some(old_id) => {
                    let ids = (instance_id.detached(), old_id, member_id);
                    self.rejoin_as_static_member(scope, attempt, ids, reply);
                }
                None => self.add_and_rebalance(scope, attempt, member_id, reply),
            };
        }
        if attempt.caller.version < KNOWN_MEMBER_ID {
            return self.add_and_rebalance(scope, attempt, member_id, reply);
        }
        let timer = ClassicTimer::PendingMember(member_id.clone());
        let timer = scope.set_timer(request.session_timeout_ms, timer);
        self.pending_members.insert(member_id.clone(), timer);
        let mut response = failed(member_id, ErrorCode::MEMBER_ID_REQUIRED);
        response.protocol_name = None;
        answer_join(reply, response);
    }

    fn join_as_known_member(
        &mut self,
        scope: &mut Scope<'_>,
        attempt: &Attempt<'_>,
        reply: Reply<JoinGroupRequest>,
    ) {
        let request = attempt.request;
        let member_id = request.member_id.detached();
        let instance_id = request.group_instance_id.as_deref();
        if instance_id.is_none() && self.pending_members.contains_key(&member_id) {
            return self.add_and_rebalance(scope, attempt, member_id, reply);
        }
        if let Err(error) = self.check_member(&member_id, instance_id) {
            let mut response = failed(member_id, error);
            response.protocol_name = None;
            return answer_join(reply, response);
        }
        let member = self.members.get(&member_id);
        let is_same = member.is_some_and(|member| member.matches(&request.protocols));
        let rebalances = match self.state {
            State::PreparingRebalance => true,
            // It may have missed the answer to an earlier JoinGroup.
            State::CompletingRebalance => !is_same,
            // A leader asks for a rebalance this way, when topics have changed.
            State::Stable => !is_same || self.is_leader(&member_id),
            State::Empty => {
                let response = failed(member_id, ErrorCode::UNKNOWN_MEMBER_ID);
                return answer_join(reply, response);
            }
        };
        if rebalances {
            self.update(&member_id, request, reply);
            self.rebalance_or_complete_join(scope);
        } else {
            answer_join(reply, self.joined(&member_id));
        }
    }

    fn add_and_rebalance(
        &mut self,
        scope: &mut Scope<'_>,
        attempt: &Attempt<'_>,
        member_id: StrBytes,
        reply: Reply<JoinGroupRequest>,
    ) {
        let Attempt { caller, request } = attempt;
        let member = Member {
            instance_id: request.group_instance_id.as_ref().map(StrBytes::detached),
            client_id: caller.client_id().detached(),
            client_host: caller.client_host(),
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            protocols: protocols_of(&request.protocols),
            assignment: Bytes::new(),
            is_new: true,
            awaiting_join: Some(reply),
            awaiting_sync: None,
            session_timer: None,
        };
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.detached());
        }
        self.add(scope, member_id.clone(), member);
        // It sends no heartbeats before it has been answered: time enough for any rebalance.
        self.renew_session_for(scope, &member_id, NEW_MEMBER_JOIN_TIMEOUT_MS);
        let is_initial = self.previous_state == State::Empty;
        if self.state == State::PreparingRebalance && is_initial {
            self.new_member_added = true;
        }
        self.rebalance_or_complete_join(scope);
    }

    /// A static member is back under its name, with a new id in the place of the one it had. In a
    /// stable group it takes its assignment up again, as long as nothing changes for the others.
    fn rejoin_as_static_member(
        &mut self,
        scope: &mut Scope<'_>,
        attempt: &Attempt<'_>,
        (instance_id, old_id, member_id): (StrBytes, StrBytes, StrBytes),
        reply: Reply<JoinGroupRequest>,
    ) {
        let old_leader = self.leader.clone().unwrap_or_default();
        self.replace_static_member(scope, &instance_id, &old_id, &member_id);
        self.renew_session(scope, &member_id);
        self.update(&member_id, attempt.request, reply);
        match self.state {
            State::Stable if self.vote() == self.protocol_name => {
                self.store(scope);
                let mut response = self.joined(&member_id);
                if attempt.caller.version >= SKIP_ASSIGNMENT {
                    response.skip_assignment = self.is_leader(&member_id);
                } else {
                    // Told that someone else leads, it does not assign anew.
                    response.leader = old_leader;
                    response.members.clear();
                }
                self.complete_join(&member_id, response);
            }
            // The leader may be assigning to the old id right now.
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(scope),
            State::PreparingRebalance => self.maybe_complete_join_phase(scope),
            // A group without members has no static ones.
            State::Empty => {}
        }
    }
}

/// A name and a random UUID as Java writes it.
fn new_member_id(scope: &mut Scope<'_>, prefix: &str) -> StrBytes {
    let bits = scope.random.u128(..);
    // Version 4, variant 1.
    let bits = bits & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let hex = format!("{bits:032x}");
    let part = |range| hex.get(range).unwrap_or_default();
    StrBytes::from(format!(
        "{prefix}-{}-{}-{}-{}-{}",
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32)
    ))
}
