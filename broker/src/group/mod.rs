//! Groups of all kinds, and the offsets they commit.
//!
//! A group id belongs to one group of one kind. The kinds are state machines of their own, each in
//! its folder; what they share is the table of committed offsets.

mod assignor;
mod classic;
mod classic_protocol;
mod commit;
mod commit_check;
pub(crate) mod consumer;
mod consumer_protocol;
mod faults;
mod journal;
mod kinds;
mod migration;
mod offsets;
mod removal;
mod saved;
mod settings;
mod share;
pub(crate) mod streams;
mod watch;
#[cfg(test)]
mod world;

use std::collections::BTreeMap;

use thalweg_protocol::{ErrorCode, PartitionId, ProducerId, StrBytes};

use crate::cluster::{Caller, Cluster, CoordinatorKind, TimerId, coordinator_partition};
use crate::release::Release;
use crate::store::Changes;

pub(crate) use classic::{ClassicGroup, ClassicTimer};
pub(crate) use classic_protocol::{
    heartbeat as classic_heartbeat, join as classic_join, leave as classic_leave,
    sync as classic_sync,
};
pub(crate) use commit::{Commit, Committer, commit, commit_in_transaction, unstable_or_committed};
pub(crate) use commit_check::CommitCheck;
pub(crate) use consumer::{ConsumerGroup, ConsumerTimer};
pub(crate) use faults::Fault;
use journal::Change;
pub(crate) use journal::write_changes;
pub(crate) use kinds::{Claim, Group};
pub(crate) use offsets::{CommittedOffset, GroupOffsets, Offsets, TopicOffsets};
pub(crate) use removal::{check_offset_delete, delete_group, delete_offset, topic_deleted};
pub(crate) use saved::SavedGroupState;
pub(crate) use share::{
    ShareGroup, ShareGroupTimer, ShareMember, heartbeat as share_heartbeat, share_group,
};
pub(crate) use streams::{StreamsGroup, StreamsTimer};

/// The release from which a group whose last member has gone needs no new target, and no pause before
/// the next.
const SETTLES_EMPTY_GROUPS: Release = Release::of(4, 4);

/// All groups, by id.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_id: BTreeMap<StrBytes, Group>,
    pub(crate) offsets: Offsets,
    /// When it is looked for offsets and groups that have expired.
    expiry_timer: Option<TimerId>,
    /// What is to be written to `__consumer_offsets`.
    journal: Vec<Change>,
    /// The leader epoch of each partition of `__consumer_offsets`, and whether it has a leader.
    coordinators: BTreeMap<PartitionId, (i32, bool)>,
    /// Groups of which anything but offsets may have changed.
    pub(crate) changes: Changes<StrBytes>,
}

impl Groups {
    pub(crate) fn group(&self, id: &str) -> Option<&Group> {
        self.by_id.get(id)
    }

    pub(crate) fn group_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.changes.note(|| id.into());
        self.by_id.get_mut(id)
    }

    /// Forgets a group, but not its offsets.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Group> {
        self.changes.note(|| id.into());
        self.by_id.remove(id)
    }

    /// All of them, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&StrBytes, &Group)> {
        self.by_id.iter()
    }
}

/// Adds a group, in the place of one of another kind if there was one.
pub(crate) fn insert(cluster: &mut Cluster, id: StrBytes, group: Group) {
    cluster.groups.changes.note(|| id.clone());
    cluster.groups.by_id.insert(id, group);
    removal::look_for_expiry_later(cluster);
}

/// Offsets of a group were found on disk. If there is nothing else of it, it is one without members,
/// of the kind that every other kind can take the place of.
pub(crate) fn restore(cluster: &mut Cluster, id: &StrBytes) {
    if cluster.groups.group(id).is_some() {
        return;
    }
    let group = ClassicGroup::new(id.clone(), cluster.now.wall_ms);
    insert(cluster, id.clone(), Group::Classic(group));
}

/// What a timer of a group is for.
#[derive(Debug)]
pub(crate) enum GroupTimer {
    /// Something of a classic group.
    Classic(StrBytes, ClassicTimer),
    /// Offsets and groups may have expired.
    Expiry,
    /// Something of a share group.
    Share(StrBytes, ShareGroupTimer),
    /// Something of a consumer group.
    Consumer(StrBytes, ConsumerTimer),
    /// Something of a streams group.
    Streams(StrBytes, StreamsTimer),
}

/// Does what a group's timer was set for.
pub(crate) fn handle_timer(cluster: &mut Cluster, timer: GroupTimer) {
    match timer {
        GroupTimer::Classic(group_id, timer) => classic::handle_timer(cluster, &group_id, timer),
        GroupTimer::Expiry => removal::expire(cluster),
        GroupTimer::Share(group_id, timer) => share::handle_timer(cluster, &group_id, timer),
        GroupTimer::Consumer(group_id, timer) => consumer::handle_timer(cluster, &group_id, timer),
        GroupTimer::Streams(group_id, timer) => streams::handle_timer(cluster, &group_id, timer),
    }
}

/// Whether this broker may be asked about a group.
///
/// # Errors
/// `NOT_COORDINATOR` where another one, or none, is the group's.
pub(crate) fn check_coordinator(
    cluster: &Cluster,
    group_id: &str,
    caller: &Caller,
) -> Result<(), ErrorCode> {
    crate::cluster::check_coordinator(cluster, CoordinatorKind::Group, group_id, caller.node)
}

/// A partition of `__consumer_offsets` may have another leader, or none: if so, it is the
/// coordinator now of the groups that fall into it.
pub(crate) fn leader_elected(cluster: &mut Cluster, index: PartitionId) {
    let kind = CoordinatorKind::Group;
    let Some(partition) = cluster.topics.partition(kind.topic(), index) else {
        return;
    };
    let now = (partition.leader_epoch, partition.leader.is_some());
    let before = cluster.groups.coordinators.insert(index, now);
    // A topic begins with leaders and epoch 0.
    if before.unwrap_or((0, true)) == now {
        return;
    }
    let groups = cluster.groups.by_id.keys();
    let groups = groups.filter(|id| coordinator_partition(cluster, kind, id) == index);
    let groups: Vec<StrBytes> = groups.cloned().collect();
    for id in groups {
        take_up(cluster, &id, now.1);
    }
}

/// A group has another coordinator, or none where there is not `is_one`.
fn take_up(cluster: &mut Cluster, id: &StrBytes, is_one: bool) {
    match cluster.groups.group(id) {
        Some(Group::Classic(_)) => classic::change_coordinator(cluster, id, is_one),
        Some(Group::Consumer(_)) => consumer::change_coordinator(cluster, id, is_one),
        Some(Group::Streams(_)) => streams::change_coordinator(cluster, id, is_one),
        Some(Group::Share(_)) => share::change_coordinator(cluster, id, is_one),
        None => {}
    }
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
