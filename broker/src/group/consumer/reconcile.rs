//! The next step of a member towards its target (Kafka's `CurrentAssignmentBuilder`).
//!
//! A partition goes from one member to another in three steps: the one that has it is told to give
//! it up, says that it has, and only then the other is told to take it. So no two members are ever
//! told to have the same partition.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::messages::ConsumerGroupTopicPartitions;
use thalweg_protocol::{PartitionId, Uuid};

use super::member::{Member, MemberState, Owned};
use crate::group::assignor::Partitions;

/// What a member's next step depends on.
pub(super) struct Reconcile<'a> {
    /// What it is to have.
    pub(super) target: &'a Partitions,
    /// The epoch of the group that the target is for.
    pub(super) target_epoch: i32,
    /// The topics it subscribes to now: what it has of others it has to give up at once.
    pub(super) subscribed: &'a BTreeSet<Uuid>,
    /// Whether those have changed with this very heartbeat.
    pub(super) subscription_changed: bool,
    /// What it says that it has; `None` where it does not say.
    pub(super) reported: Option<&'a [ConsumerGroupTopicPartitions]>,
    /// Whether somebody has a partition.
    pub(super) is_held: &'a dyn Fn(&Uuid, PartitionId) -> bool,
}

impl Reconcile<'_> {
    /// The member after its next step.
    pub(super) fn step(&self, member: &Member) -> Member {
        match member.state {
            MemberState::Stable if member.member_epoch == self.target_epoch => {
                self.drop_unsubscribed(member)
            }
            MemberState::UnrevokedPartitions if self.still_has(&member.pending_revocation) => {
                self.drop_unsubscribed(member)
            }
            _ => self.next_assignment(member),
        }
    }

    /// Whether the member has not yet said that it gave up all of this.
    fn still_has(&self, pending: &Owned) -> bool {
        let Some(reported) = self.reported else {
            return true;
        };
        reported.iter().any(|topic| {
            let pending = pending.get(&topic.topic_id);
            let is_pending = |partition| pending.is_some_and(|all| all.contains_key(partition));
            topic.partitions.iter().any(is_pending)
        })
    }

    /// Before it may take the next step, a member gives up what it no longer subscribes to.
    fn drop_unsubscribed(&self, member: &Member) -> Member {
        if !self.subscription_changed {
            return member.clone();
        }
        let mut next = member.clone();
        let gone = |topic: &Uuid| !self.subscribed.contains(topic);
        let (dropped, assigned): (Owned, Owned) = next
            .assigned
            .into_iter()
            .partition(|(topic, _)| gone(topic));
        next.assigned = assigned;
        if dropped.is_empty() {
            return member.clone();
        }
        let mut pending = member.pending_revocation.clone();
        for (topic, partitions) in dropped {
            pending.entry(topic).or_default().extend(partitions);
        }
        next.previous_member_epoch = member.member_epoch;
        if self.still_has(&pending) {
            next.state = MemberState::UnrevokedPartitions;
            next.pending_revocation = pending;
        }
        next
    }

    fn next_assignment(&self, member: &Member) -> Member {
        let mut assigned = Owned::new();
        let mut pending_revocation = Owned::new();
        let mut granted: BTreeSet<(Uuid, PartitionId)> = BTreeSet::new();
        let mut unreleased = false;
        let none = BTreeSet::new();
        let nothing = BTreeMap::new();
        let topics: BTreeSet<&Uuid> = self.target.keys().chain(member.assigned.keys()).collect();
        for topic in topics {
            let has = member.assigned.get(topic).unwrap_or(&nothing);
            let target = self
                .target
                .get(topic)
                .filter(|_| self.subscribed.contains(topic));
            let target = target.unwrap_or(&none);
            for (partition, member_epoch) in has {
                let keeps = target.contains(partition);
                let owned = if keeps {
                    &mut assigned
                } else {
                    &mut pending_revocation
                };
                owned
                    .entry(*topic)
                    .or_default()
                    .insert(*partition, *member_epoch);
            }
            for partition in target
                .iter()
                .filter(|partition| !has.contains_key(partition))
            {
                let own = member.pending_revocation.get(topic);
                let own = own.is_some_and(|pending| pending.contains_key(partition));
                if (self.is_held)(topic, *partition) && !own {
                    unreleased = true;
                } else {
                    granted.insert((*topic, *partition));
                }
            }
        }
        let mut next = member.clone();
        next.previous_member_epoch = member.member_epoch;
        if !pending_revocation.is_empty() && self.still_has(&pending_revocation) {
            next.state = MemberState::UnrevokedPartitions;
            next.assigned = assigned;
            next.pending_revocation = pending_revocation;
            return next;
        }
        for (topic, partition) in granted {
            assigned
                .entry(topic)
                .or_default()
                .insert(partition, self.target_epoch);
        }
        next.state = if unreleased {
            MemberState::UnreleasedPartitions
        } else {
            MemberState::Stable
        };
        next.member_epoch = self.target_epoch;
        next.assigned = assigned;
        next.pending_revocation = Owned::new();
        next
    }
}
