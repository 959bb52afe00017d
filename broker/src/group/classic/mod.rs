//! Classic groups: members that agree on an assignment among themselves, through the coordinator.
//!
//! ```text
//!            a member joins                 all have joined, or time is up
//!   Empty ──────────────────► PreparingRebalance ──────────────► CompletingRebalance
//!     ▲                         │      ▲   ▲                              │ the leader's
//!     └─────────────────────────┘      │   └────── a member joins, ───────┤ assignment
//!          nobody is left              │           leaves, is lost        ▼
//!                                      └─────────────────────────────── Stable
//! ```
//! A member's JoinGroup is answered when the group goes to CompletingRebalance, its SyncGroup when
//! the leader's has brought the assignment. A group whose first member joins waits a while for
//! others (`group.initial.rebalance.delay.ms`). States and rules are those of Kafka's
//! `ClassicGroup` and `GroupMetadataManager`; a group that is Dead is one that is not there.

mod describe;
mod heartbeat;
mod join;
mod leave;
mod member;
mod membership;
mod migration;
mod rebalance;
mod stored;
mod sync;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thalweg_protocol::{ErrorCode, StrBytes};

use super::journal::Change;
use super::kinds::{Claim, Group};
use super::{GroupTimer, Groups};
use crate::cluster::{Cluster, Now, Timer, TimerId, Timers};
use crate::settings::Settings;

pub(super) use heartbeat::{heartbeat, member_committed};
pub(super) use join::join;
pub(super) use leave::leave;
pub(crate) use member::Member;
pub(super) use member::{answer_join, answer_sync, protocols_of};
pub(super) use migration::{Migrant, found};
pub(crate) use rebalance::handle_timer;
pub(super) use sync::sync;

pub(crate) use stored::SavedClassicGroup;
use stored::Stored;

/// What a timer of a classic group is for.
#[derive(Debug)]
pub(crate) enum ClassicTimer {
    /// A member has not been heard of.
    Session(StrBytes),
    /// A member that was given its id has not joined with it.
    PendingMember(StrBytes),
    /// The first members have waited for others.
    InitialDelay { delay_ms: i32, remaining_ms: i32 },
    /// Members had time enough to join.
    Join,
    /// Members of a generation had time enough to ask for their assignment.
    Sync { generation: i32 },
}

/// Where a group is between two generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

impl State {
    /// Kafka's word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

/// A classic group.
#[derive(Debug)]
pub(crate) struct ClassicGroup {
    id: StrBytes,
    state: State,
    previous_state: State,
    /// Since when it is in this state.
    state_since_ms: i64,
    generation: i32,
    /// What kind of members it has; `None` as long as it had none.
    protocol_type: Option<StrBytes>,
    /// The assignor of this generation.
    protocol_name: Option<StrBytes>,
    leader: Option<StrBytes>,
    members: BTreeMap<StrBytes, Member>,
    /// Member ids by instance id.
    static_members: BTreeMap<StrBytes, StrBytes>,
    /// Ids that were given out and not joined with yet.
    pending_members: BTreeMap<StrBytes, TimerId>,
    /// Members of this generation that have not asked for their assignment.
    pending_sync: BTreeSet<StrBytes>,
    /// How many members support each protocol.
    supported: BTreeMap<StrBytes, usize>,
    /// How many members wait for the answer to their JoinGroup.
    awaiting_join: usize,
    /// Whether a member joined while the first ones wait for others.
    new_member_added: bool,
    /// What the members read, where they are consumers that say so.
    subscribed_topics: Option<BTreeSet<StrBytes>>,
    /// When the phase in which members join ends.
    join_timer: Option<TimerId>,
    sync_timer: Option<TimerId>,
    /// What another coordinator would know of it.
    stored: Stored,
}

/// What a group needs of the cluster.
pub(super) struct Scope<'a> {
    pub(super) group_id: StrBytes,
    pub(super) now: Now,
    pub(super) timers: &'a mut Timers<Timer>,
    pub(super) random: &'a mut fastrand::Rng,
    pub(super) settings: &'a Settings,
    pub(super) journal: &'a mut Vec<Change>,
}

impl Scope<'_> {
    fn set_timer(&mut self, after_ms: i32, timer: ClassicTimer) -> TimerId {
        let after = Duration::from_millis(u64::try_from(after_ms).unwrap_or(0));
        let timer = Timer::Group(GroupTimer::Classic(self.group_id.clone(), timer));
        self.timers.set(self.now.instant + after, timer)
    }

    fn cancel(&mut self, timer: Option<TimerId>) {
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
    }
}

/// Another coordinator takes over, or none, where there `is_one`.
pub(super) fn change_coordinator(cluster: &mut Cluster, group_id: &str, is_one: bool) {
    with_group(cluster, group_id, |group, scope| {
        group.change_coordinator(scope, is_one)
    });
}

/// Does something with a classic group; `None` where there is none of this id.
fn with_group<T>(
    cluster: &mut Cluster,
    group_id: &str,
    act: impl FnOnce(&mut ClassicGroup, &mut Scope<'_>) -> T,
) -> Option<T> {
    let Groups {
        by_id,
        journal,
        changes,
        ..
    } = &mut cluster.groups;
    let Group::Classic(group) = by_id.get_mut(group_id)? else {
        return None;
    };
    changes.note(|| group.id.clone());
    let mut scope = Scope {
        group_id: group.id.clone(),
        now: cluster.now,
        timers: &mut cluster.timers,
        random: &mut cluster.random,
        settings: &cluster.settings,
        journal,
    };
    Some(act(group, &mut scope))
}

impl ClassicGroup {
    /// A group without members.
    pub(crate) fn new(id: StrBytes, now_ms: i64) -> Self {
        ClassicGroup {
            id,
            state: State::Empty,
            previous_state: State::Empty,
            state_since_ms: now_ms,
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_members: BTreeMap::new(),
            pending_sync: BTreeSet::new(),
            supported: BTreeMap::new(),
            awaiting_join: 0,
            new_member_added: false,
            subscribed_topics: None,
            join_timer: None,
            sync_timer: None,
            stored: Stored::default(),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn protocol_type(&self) -> Option<&StrBytes> {
        self.protocol_type.as_ref()
    }

    fn move_to(&mut self, state: State, now: Now) {
        self.previous_state = self.state;
        self.state = state;
        self.state_since_ms = now.wall_ms;
    }

    /// Whether a request comes from a member that is not fenced.
    fn check_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(known) if known != member_id => return Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => {}
            }
        }
        match self.members.contains_key(member_id) {
            true => Ok(()),
            false => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        }
    }

    /// As [`check_member`](Self::check_member), and the generation.
    fn check_generation(&self, claim: Claim<'_>) -> Result<(), ErrorCode> {
        self.check_member(claim.member_id, claim.instance_id)?;
        match claim.generation == self.generation {
            true => Ok(()),
            false => Err(ErrorCode::ILLEGAL_GENERATION),
        }
    }

    /// Whether offsets may be committed in this name.
    pub(super) fn check_offset_commit(
        &self,
        claim: Claim<'_>,
        is_transactional: bool,
    ) -> Result<(), ErrorCode> {
        // From outside of the group: only while it has no members.
        if claim.generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        let is_named = !claim.member_id.is_empty() || claim.instance_id.is_some();
        if claim.generation >= 0 || is_named {
            self.check_generation(claim)?;
        } else if !is_transactional {
            // Old transactional commits name no member, and are accepted as they are.
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        match self.state {
            // The member knows of the generation and not yet of its assignment.
            State::CompletingRebalance if !is_transactional => {
                Err(ErrorCode::REBALANCE_IN_PROGRESS)
            }
            _ => Ok(()),
        }
    }
}
