//! From one generation of a classic group to the next.

use thalweg_protocol::messages::JoinGroupResponse;
use thalweg_protocol::{ErrorCode, StrBytes};

use super::member::answer_sync;
use super::membership::sync_failed;
use super::{ClassicGroup, ClassicTimer, Scope, State, with_group};
use crate::cluster::Cluster;

/// How long a group in which nobody joined waits at least before it looks again: members may give
/// themselves no time at all.
const LOOK_AGAIN_MS: i32 = 100;

/// Does what a timer was set for. The group may have gone on, or be gone.
pub(crate) fn handle_timer(cluster: &mut Cluster, group_id: &str, timer: ClassicTimer) {
    with_group(cluster, group_id, |group, scope| match timer {
        ClassicTimer::Session(member_id) => group.session_ran_out(scope, &member_id),
        ClassicTimer::PendingMember(member_id) => group.pending_member_ran_out(scope, &member_id),
        ClassicTimer::InitialDelay {
            delay_ms,
            remaining_ms,
        } => group.initial_delay_ran_out(scope, delay_ms, remaining_ms),
        ClassicTimer::Join => {
            group.join_timer = None;
            group.complete_join_phase(scope);
        }
        ClassicTimer::Sync { generation } => group.sync_ran_out(scope, generation),
    });
}

impl ClassicGroup {
    /// Begins a rebalance, unless one is on its way, which may be complete now.
    pub(super) fn rebalance_or_complete_join(&mut self, scope: &mut Scope<'_>) {
        match self.state {
            State::PreparingRebalance => self.maybe_complete_join_phase(scope),
            State::Empty | State::CompletingRebalance | State::Stable => {
                self.prepare_rebalance(scope);
            }
        }
    }

    /// Begins a rebalance: from now on members have to join again.
    pub(super) fn prepare_rebalance(&mut self, scope: &mut Scope<'_>) {
        if self.state == State::CompletingRebalance {
            self.reset_assignments(scope, ErrorCode::REBALANCE_IN_PROGRESS);
        }
        self.end_sync_phase(scope);
        let is_initial = self.state == State::Empty;
        self.move_to(State::PreparingRebalance, scope.now);
        tracing::debug!(
            group = &*self.id,
            generation = self.generation,
            "rebalances"
        );
        if is_initial {
            let delay_ms = scope.settings.number32("group.initial.rebalance.delay.ms");
            let remaining_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms).max(0);
            self.new_member_added = false;
            self.set_join_timer(
                scope,
                delay_ms,
                ClassicTimer::InitialDelay {
                    delay_ms,
                    remaining_ms,
                },
            );
        } else if self.all_have_joined() {
            self.complete_join_phase(scope);
        } else {
            let timeout_ms = self.rebalance_timeout_ms();
            self.set_join_timer(scope, timeout_ms, ClassicTimer::Join);
        }
    }

    fn set_join_timer(&mut self, scope: &mut Scope<'_>, after_ms: i32, timer: ClassicTimer) {
        scope.cancel(self.join_timer.take());
        self.join_timer = Some(scope.set_timer(after_ms, timer));
    }

    /// Ends the phase in which members join, if all have. The first one waits for its time.
    pub(super) fn maybe_complete_join_phase(&mut self, scope: &mut Scope<'_>) {
        let is_initial = self.previous_state == State::Empty;
        if self.state == State::PreparingRebalance && !is_initial && self.all_have_joined() {
            self.complete_join_phase(scope);
        }
    }

    /// The first members have waited: longer if others came meanwhile, up to the time they have.
    fn initial_delay_ran_out(&mut self, scope: &mut Scope<'_>, delay_ms: i32, remaining_ms: i32) {
        self.join_timer = None;
        if !self.new_member_added || remaining_ms == 0 {
            return self.complete_join_phase(scope);
        }
        self.new_member_added = false;
        let initial_ms = scope.settings.number32("group.initial.rebalance.delay.ms");
        let next_ms = initial_ms.min(remaining_ms);
        let timer = ClassicTimer::InitialDelay {
            delay_ms: next_ms,
            remaining_ms: (remaining_ms - delay_ms).max(0),
        };
        self.set_join_timer(scope, next_ms, timer);
    }

    /// Ends the phase in which members join: who has not is no member any more, unless it is
    /// static; the others learn of the generation.
    pub(super) fn complete_join_phase(&mut self, scope: &mut Scope<'_>) {
        scope.cancel(self.join_timer.take());
        if self.state != State::PreparingRebalance {
            return;
        }
        let late = self
            .members
            .iter()
            .filter(|(_, member)| member.awaiting_join.is_none() && member.instance_id.is_none());
        let late: Vec<StrBytes> = late.map(|(id, _)| id.clone()).collect();
        for member_id in &late {
            self.remove(scope, member_id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if !self.elect_joined_leader() && !self.members.is_empty() {
            // Static members only, and none has joined: until their sessions run out.
            let timeout_ms = self.rebalance_timeout_ms().max(LOOK_AGAIN_MS);
            return self.set_join_timer(scope, timeout_ms, ClassicTimer::Join);
        }
        self.begin_generation(scope);
    }

    fn begin_generation(&mut self, scope: &mut Scope<'_>) {
        // Kafka's generations are Java's integers.
        self.generation = self.generation.wrapping_add(1).max(0);
        self.pending_sync.clear();
        self.protocol_name = self.vote();
        self.subscribed_topics = self.find_subscribed_topics();
        if self.members.is_empty() {
            self.move_to(State::Empty, scope.now);
            return self.store(scope);
        }
        self.move_to(State::CompletingRebalance, scope.now);
        let ids: Vec<StrBytes> = self.members.keys().cloned().collect();
        for member_id in ids {
            let response = self.joined(&member_id);
            self.complete_join(&member_id, response);
            self.renew_session(scope, &member_id);
            if let Some(member) = self.members.get_mut(&member_id) {
                member.is_new = false;
            }
            self.pending_sync.insert(member_id);
        }
        let timeout_ms = self.rebalance_timeout_ms();
        let generation = self.generation;
        let timer = scope.set_timer(timeout_ms, ClassicTimer::Sync { generation });
        scope.cancel(self.sync_timer.replace(timer));
    }

    /// What a member is told of this generation.
    pub(super) fn joined(&self, member_id: &StrBytes) -> JoinGroupResponse {
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: member_id.clone(),
            members: match self.is_leader(member_id) {
                true => self.for_the_leader(),
                false => Vec::new(),
            },
            ..Default::default()
        }
    }

    /// Takes the assignments of a generation back, and tells those who wait for theirs.
    pub(super) fn reset_assignments(&mut self, scope: &mut Scope<'_>, error: ErrorCode) {
        let mut told = Vec::new();
        for (id, member) in &mut self.members {
            member.assignment.clear();
            if let Some(reply) = member.awaiting_sync.take() {
                answer_sync(reply, &sync_failed(error));
                told.push(id.clone());
            }
        }
        for id in told {
            self.renew_session(scope, &id);
        }
    }

    /// From now on nobody has to ask for an assignment of this generation.
    pub(super) fn end_sync_phase(&mut self, scope: &mut Scope<'_>) {
        self.pending_sync.clear();
        scope.cancel(self.sync_timer.take());
    }

    fn sync_ran_out(&mut self, scope: &mut Scope<'_>, generation: i32) {
        self.sync_timer = None;
        let is_synced = matches!(self.state, State::CompletingRebalance | State::Stable);
        if generation != self.generation || !is_synced || self.pending_sync.is_empty() {
            return;
        }
        for member_id in std::mem::take(&mut self.pending_sync) {
            self.remove(scope, &member_id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.prepare_rebalance(scope);
    }

    fn session_ran_out(&mut self, scope: &mut Scope<'_>, member_id: &str) {
        let Some(member) = self.members.get_mut(member_id) else {
            return;
        };
        member.session_timer = None;
        if !member.is_waiting() {
            tracing::debug!(group = &*self.id, member_id, "session ran out");
            self.remove_and_go_on(scope, member_id);
        }
    }

    fn remove_and_go_on(&mut self, scope: &mut Scope<'_>, member_id: &str) {
        self.remove(scope, member_id, ErrorCode::UNKNOWN_MEMBER_ID);
        match self.state {
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(scope),
            State::PreparingRebalance if self.all_have_joined() => self.complete_join_phase(scope),
            State::PreparingRebalance | State::Empty => {}
        }
    }

    fn pending_member_ran_out(&mut self, scope: &mut Scope<'_>, member_id: &str) {
        self.pending_members.remove(member_id);
        if self.state == State::PreparingRebalance && self.all_have_joined() {
            self.complete_join_phase(scope);
        }
    }
}
