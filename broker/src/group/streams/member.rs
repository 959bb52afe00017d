//! A member of a streams group: one thread of a Kafka Streams instance.

use std::collections::BTreeMap;

use thalweg_protocol::messages::{StreamsEndpoint, StreamsTaskOffset};
use thalweg_protocol::{PartitionId, StrBytes};

use super::tasks::HeldTasks;

/// The epoch a static member has while it is away for a while.
pub(super) const AWAY_EPOCH: i32 = -2;

/// How far a member is on its way to its target; as in consumer groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberState {
    /// It has all it is to have in its epoch.
    Stable,
    /// It has to give tasks up, and stays in its epoch until it has.
    UnrevokedTasks,
    /// It is in the new epoch, but others have not given up all it is to get.
    UnreleasedTasks,
}

/// A member.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(super) id: StrBytes,
    pub(super) member_epoch: i32,
    pub(super) previous_member_epoch: i32,
    pub(super) state: MemberState,
    pub(super) instance_id: Option<StrBytes>,
    pub(super) rack_id: Option<StrBytes>,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) client_id: StrBytes,
    pub(super) client_host: StrBytes,
    pub(super) topology_epoch: i32,
    /// Members of the same process share its state directory.
    pub(super) process_id: StrBytes,
    pub(super) user_endpoint: Option<StreamsEndpoint>,
    pub(super) client_tags: BTreeMap<StrBytes, StrBytes>,
    /// What it has, or may take now.
    pub(super) assigned: HeldTasks,
    /// What it has to give up, and may still use.
    pub(super) pending_revocation: HeldTasks,
}

/// How far a member says the state of its tasks is, and how far it could be.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    pub(super) offsets: Vec<StreamsTaskOffset>,
    pub(super) end_offsets: Vec<StreamsTaskOffset>,
}

impl Member {
    /// One that has just come.
    pub(super) fn new(id: StrBytes) -> Self {
        Member {
            id,
            member_epoch: 0,
            previous_member_epoch: 0,
            state: MemberState::Stable,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            client_id: StrBytes::new(),
            client_host: StrBytes::new(),
            topology_epoch: -1,
            process_id: StrBytes::new(),
            user_endpoint: None,
            client_tags: BTreeMap::new(),
            assigned: HeldTasks::default(),
            pending_revocation: HeldTasks::default(),
        }
    }

    /// The same static member under a new id.
    pub(super) fn succeeded_by(&self, id: StrBytes) -> Self {
        Member {
            id,
            member_epoch: 0,
            previous_member_epoch: 0,
            ..self.clone()
        }
    }

    /// The same static member, gone for a while. What it had stays its own.
    pub(super) fn gone_for_a_while(&self) -> Self {
        let mut away = Member {
            member_epoch: AWAY_EPOCH,
            pending_revocation: HeldTasks::default(),
            ..self.clone()
        };
        for epoch in away
            .assigned
            .active
            .values_mut()
            .flat_map(BTreeMap::values_mut)
        {
            *epoch = 0;
        }
        away
    }

    /// Whether it has all that the target of `assignment_epoch` gives it.
    pub(super) fn is_reconciled_to(&self, assignment_epoch: i32) -> bool {
        self.state == MemberState::Stable && self.member_epoch == assignment_epoch
    }

    /// The member epoch in which it got an active task that it still processes.
    pub(super) fn assigned_in_epoch(&self, subtopology: &str, task: PartitionId) -> Option<i32> {
        let within = |held: &HeldTasks| held.active.get(subtopology)?.get(&task).copied();
        within(&self.assigned).or_else(|| within(&self.pending_revocation))
    }

    /// Whether another static member under this name would have to be assigned to anew.
    pub(super) fn differs_in_what_matters(&self, other: &Member) -> bool {
        self.topology_epoch != other.topology_epoch
            || self.rack_id != other.rack_id
            || self.client_tags != other.client_tags
            || self.process_id != other.process_id
    }
}
