//! Groups of all kinds, and the offsets they commit.
//!
//! A group id belongs to one group of one kind. The kinds are state machines of their own, each in
//! its folder; what they share is the table of committed offsets.

mod classic;
mod commit;
mod kinds;
mod offsets;

use std::collections::BTreeMap;

use thalweg_protocol::{ErrorCode, PartitionId, ProducerId, StrBytes};

use crate::cluster::{Cluster, CoordinatorKind, coordinator_partition};

pub(crate) use classic::{
    ClassicGroup, ClassicTimer, heartbeat as classic_heartbeat, join as classic_join,
    leave as classic_leave, sync as classic_sync,
};
pub(crate) use commit::{Commit, Committer, commit, commit_in_transaction, unstable_or_committed};
pub(crate) use kinds::{Claim, Group};
pub(crate) use offsets::{CommittedOffset, GroupOffsets, Offsets, TopicOffsets};

/// All groups, by id.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_id: BTreeMap<StrBytes, Group>,
    pub(crate) offsets: Offsets,
}

impl Groups {
    pub(crate) fn group(&self, id: &str) -> Option<&Group> {
        self.by_id.get(id)
    }

    pub(crate) fn group_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.by_id.get_mut(id)
    }

    pub(crate) fn insert(&mut self, id: StrBytes, group: Group) {
        self.by_id.insert(id, group);
    }

    /// Forgets a group, but not its offsets.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Group> {
        self.by_id.remove(id)
    }

    /// All of them, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&StrBytes, &Group)> {
        self.by_id.iter()
    }
}

/// What a timer of a group is for.
#[derive(Debug)]
pub(crate) enum GroupTimer {
    /// Something of a classic group.
    Classic(StrBytes, ClassicTimer),
}

/// Does what a group's timer was set for.
pub(crate) fn handle_timer(cluster: &mut Cluster, timer: GroupTimer) {
    match timer {
        GroupTimer::Classic(group_id, timer) => classic::handle_timer(cluster, &group_id, timer),
    }
}

/// Whether this broker may be asked about a group.
///
/// # Errors
/// `NOT_COORDINATOR` where another one, or none, is the group's.
pub(crate) fn check_coordinator(
    cluster: &Cluster,
    group_id: &str,
    caller: &crate::cluster::Caller,
) -> Result<(), ErrorCode> {
    crate::cluster::check_coordinator(cluster, CoordinatorKind::Group, group_id, caller.node)
}

/// A marker has landed on a partition of `__consumer_offsets`: what the producer's transaction
/// committed there counts from now on, or never.
pub(crate) fn end_transaction(
    cluster: &mut Cluster,
    partition: PartitionId,
    producer_id: ProducerId,
    commit: bool,
) {
    let mut offsets = std::mem::take(&mut cluster.groups.offsets);
    let kind = CoordinatorKind::Group;
    let falls_into = |group: &str| coordinator_partition(cluster, kind, group) == partition;
    offsets.end_transaction(producer_id, commit, falls_into);
    cluster.groups.offsets = offsets;
}

/// A topic is gone, and the offsets committed of it with it.
pub(crate) fn topic_deleted(cluster: &mut Cluster, topic: &str) {
    cluster.groups.offsets.remove_topic(topic);
}
