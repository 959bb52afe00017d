//! The next step of a member towards its target (Kafka's `CurrentAssignmentBuilder` for streams).
//!
//! As in consumer groups, an active task is told to a member only after whoever had it has given it
//! up. Members of one process share its state directory, so none may take a task in any role while
//! another of the same process has it. A member that changes its own role over a task does so in one
//! step: an active task may become a spare at once, a spare stays one until it may be active.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::{PartitionId, StrBytes};

use super::member::{Member, MemberState};
use super::tasks::{self, HeldTasks, TaskSet, Tasks};

/// The processes that have a task.
#[derive(Debug, Default)]
struct Holders {
    active: BTreeSet<StrBytes>,
    standby: BTreeSet<StrBytes>,
}

/// Which processes have which tasks.
#[derive(Debug, Default)]
pub(super) struct HeldBy(BTreeMap<(StrBytes, PartitionId), Holders>);

impl HeldBy {
    /// What these members have, to be given up or not.
    pub(super) fn members<'a>(members: impl Iterator<Item = &'a Member>) -> Self {
        let mut all = HeldBy::default();
        for member in members {
            for held in [&member.assigned, &member.pending_revocation] {
                for (id, task) in tasks::each(&held.active_set()) {
                    let holders = all.0.entry((id.clone(), task)).or_default();
                    holders.active.insert(member.process_id.clone());
                }
                for (id, task) in tasks::each(&held.standby) {
                    let holders = all.0.entry((id.clone(), task)).or_default();
                    holders.standby.insert(member.process_id.clone());
                }
            }
        }
        all
    }

    fn of(&self, id: &StrBytes, task: PartitionId) -> Option<&Holders> {
        self.0.get(&(id.clone(), task))
    }
}

/// What a member's next step depends on.
pub(super) struct Reconcile<'a> {
    pub(super) target: &'a Tasks,
    pub(super) target_epoch: i32,
    /// What it says that it has; `None` where it does not say.
    pub(super) reported: Option<&'a Tasks>,
    pub(super) held_by: &'a HeldBy,
}

/// What changes for a member in one role.
#[derive(Default)]
struct Change {
    kept: TaskSet,
    to_revoke: TaskSet,
    to_grant: TaskSet,
    /// Whether something of the target is not free yet.
    unreleased: bool,
}

impl Change {
    fn new(
        has: &TaskSet,
        target: &TaskSet,
        is_free: impl Fn(&StrBytes, PartitionId) -> bool,
    ) -> Self {
        let mut change = Change::default();
        for (id, task) in tasks::each(has) {
            let keeps = tasks::contains(target, id, task);
            let set = if keeps {
                &mut change.kept
            } else {
                &mut change.to_revoke
            };
            tasks::insert(set, id, task);
        }
        for (id, task) in tasks::each(target) {
            if tasks::contains(has, id, task) {
                continue;
            }
            if is_free(id, task) {
                tasks::insert(&mut change.to_grant, id, task);
            } else {
                change.unreleased = true;
            }
        }
        change
    }
}

impl Reconcile<'_> {
    /// The member after its next step.
    pub(super) fn step(&self, member: &Member) -> Member {
        match member.state {
            MemberState::Stable if member.member_epoch == self.target_epoch => member.clone(),
            MemberState::UnrevokedTasks => {
                if self.still_has(&member.pending_revocation) {
                    return member.clone();
                }
                self.next_assignment(member, member.member_epoch + 1)
            }
            MemberState::Stable | MemberState::UnreleasedTasks => {
                self.next_assignment(member, member.member_epoch)
            }
        }
    }

    /// Whether the member has not yet said that it gave up all of this.
    fn still_has(&self, pending: &HeldTasks) -> bool {
        self.reported
            .is_none_or(|reported| pending.intersects(reported))
    }

    fn next_assignment(&self, member: &Member, member_epoch: i32) -> Member {
        let own = &member.process_id;
        let (has_active, has_standby) = (member.assigned.active_set(), &member.assigned.standby);
        let spare_elsewhere_in_process = |id: &StrBytes, task| {
            let holders = self.held_by.of(id, task);
            holders.is_some_and(|holders| holders.standby.contains(own))
                && !tasks::contains(has_standby, id, task)
        };
        let active = Change::new(&has_active, &self.target.active, |id, task| {
            let holders = self.held_by.of(id, task);
            holders.is_none_or(|holders| holders.active.is_empty())
                && !spare_elsewhere_in_process(id, task)
        });
        let mut standby = Change::new(has_standby, &self.target.standby, |id, task| {
            let Some(holders) = self.held_by.of(id, task) else {
                return true;
            };
            let runs_elsewhere =
                holders.active.contains(own) && !tasks::contains(&has_active, id, task);
            !runs_elsewhere && !holders.standby.contains(own)
        });
        // Active so far, a spare from now on: no need to wait for itself.
        for (id, task) in tasks::each(&has_active) {
            if tasks::contains(&standby.to_grant, id, task) {
                tasks::remove(&mut standby.to_grant, id, task);
                tasks::insert(&mut standby.kept, id, task);
            }
        }
        // A spare so far, active as soon as it may be: it need not be given up in between.
        for (id, task) in tasks::each(has_standby) {
            if tasks::contains(&self.target.active, id, task) {
                tasks::remove(&mut standby.to_revoke, id, task);
            }
        }
        let dated = |set: &TaskSet| {
            let mut held = member.assigned.active.clone();
            held.retain(|id, dated| {
                dated.retain(|task, _| tasks::contains(set, id, *task));
                !dated.is_empty()
            });
            held
        };
        let pending_revocation = HeldTasks {
            active: dated(&active.to_revoke),
            standby: standby.to_revoke.clone(),
        };
        let must_revoke = !pending_revocation.is_empty() && self.still_has(&pending_revocation);
        for (id, task) in tasks::each(has_standby) {
            let promoted = !must_revoke && tasks::contains(&active.to_grant, id, task);
            if tasks::contains(&self.target.active, id, task) && !promoted {
                tasks::insert(&mut standby.kept, id, task);
            }
        }
        let mut next = member.clone();
        next.previous_member_epoch = member.member_epoch;
        next.assigned = HeldTasks {
            active: dated(&active.kept),
            standby: standby.kept,
        };
        if must_revoke {
            next.state = MemberState::UnrevokedTasks;
            next.member_epoch = member_epoch;
            next.pending_revocation = pending_revocation;
            return next;
        }
        for (id, task) in tasks::each(&active.to_grant) {
            let dated = next.assigned.active.entry(id.clone()).or_default();
            dated.insert(task, self.target_epoch);
        }
        for (id, task) in tasks::each(&standby.to_grant) {
            tasks::insert(&mut next.assigned.standby, id, task);
        }
        next.state = match active.unreleased || standby.unreleased {
            true => MemberState::UnreleasedTasks,
            false => MemberState::Stable,
        };
        next.member_epoch = self.target_epoch;
        next.pending_revocation = HeldTasks::default();
        next
    }
}
