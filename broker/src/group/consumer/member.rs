//! A member of a consumer group.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use thalweg_protocol::{ErrorCode, PartitionId, StrBytes, Uuid};

use crate::group::assignor::Assignor;

/// The epoch a static member has while it is away for a while.
pub(crate) const AWAY_EPOCH: i32 = -2;

/// Partitions by topic, each with the member epoch in which the member got it.
pub(crate) type Owned = BTreeMap<Uuid, BTreeMap<PartitionId, i32>>;

/// How far a member is on its way to its target.
///
/// ```text
///             has to give something up                others hold what it is to get
///  Stable ───────────────► UnrevokedPartitions ──┐  ┌──► UnreleasedPartitions ──┐
///    ▲  └──────────────────────────────────────► ▼  │         │                 │
///    └── has all, and the target's epoch ◄── next assignment ◄┘                 │
///                                                   ▲                           │
///                                                   └─── they released some ────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberState {
    /// It has all it is to have in its epoch.
    Stable,
    /// It has to give partitions up, and stays in its epoch until it has.
    UnrevokedPartitions,
    /// It is in the new epoch, but others have not given up all it is to get.
    UnreleasedPartitions,
}

/// What is known of a member that uses the classic protocol beyond what others say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClassicTerms {
    pub(crate) session_timeout_ms: i32,
    /// The assignors it supports, and what it says to each; the preferred one first.
    pub(crate) protocols: Vec<(StrBytes, Bytes)>,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: StrBytes,
    pub(crate) member_epoch: i32,
    pub(crate) previous_member_epoch: i32,
    pub(crate) state: MemberState,
    pub(crate) instance_id: Option<StrBytes>,
    pub(crate) rack_id: Option<StrBytes>,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) client_id: StrBytes,
    pub(crate) client_host: StrBytes,
    pub(crate) topic_names: BTreeSet<StrBytes>,
    /// The regular expression of topics; empty for none.
    pub(crate) topic_regex: StrBytes,
    pub(crate) assignor: Option<Assignor>,
    /// What it has, or may take now.
    pub(crate) assigned: Owned,
    /// What it has to give up, and may still use.
    pub(crate) pending_revocation: Owned,
    /// `None` where it uses the consumer protocol.
    pub(crate) classic: Option<ClassicTerms>,
}

impl Member {
    /// One that has just come.
    pub(crate) fn new(id: StrBytes) -> Self {
        Member {
            id,
            member_epoch: 0,
            previous_member_epoch: -1,
            state: MemberState::Stable,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            client_id: StrBytes::new(),
            client_host: StrBytes::new(),
            topic_names: BTreeSet::new(),
            topic_regex: StrBytes::new(),
            assignor: None,
            assigned: Owned::new(),
            pending_revocation: Owned::new(),
            classic: None,
        }
    }

    /// The same static member under a new id.
    pub(crate) fn succeeded_by(&self, id: StrBytes) -> Self {
        Member {
            id,
            member_epoch: 0,
            previous_member_epoch: 0,
            ..self.clone()
        }
    }

    /// The same static member, gone for a while. What it had stays its own.
    pub(crate) fn gone_for_a_while(&self) -> Self {
        let mut away = Member {
            member_epoch: AWAY_EPOCH,
            pending_revocation: Owned::new(),
            ..self.clone()
        };
        for epoch in away.assigned.values_mut().flat_map(BTreeMap::values_mut) {
            *epoch = 0;
        }
        away
    }

    /// Whether it has all that the target of `assignment_epoch` gives it.
    pub(crate) fn is_reconciled_to(&self, assignment_epoch: i32) -> bool {
        self.state == MemberState::Stable && self.member_epoch == assignment_epoch
    }

    /// The member epoch in which it got a partition that it still uses.
    pub(crate) fn assigned_in_epoch(&self, topic: &Uuid, partition: PartitionId) -> Option<i32> {
        let within = |owned: &Owned| owned.get(topic)?.get(&partition).copied();
        within(&self.assigned).or_else(|| within(&self.pending_revocation))
    }

    /// What it is told when it believes in another epoch than it is in.
    pub(crate) fn stale(&self) -> ErrorCode {
        match self.classic {
            Some(_) => ErrorCode::ILLEGAL_GENERATION,
            None => ErrorCode::STALE_MEMBER_EPOCH,
        }
    }

    /// Everything it uses.
    pub(crate) fn held(&self) -> impl Iterator<Item = (Uuid, PartitionId)> {
        let all = self.assigned.iter().chain(&self.pending_revocation);
        all.flat_map(|(topic, partitions)| partitions.keys().map(|partition| (*topic, *partition)))
    }
}
