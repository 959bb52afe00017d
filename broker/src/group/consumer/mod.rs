//! Consumer groups of the new protocol (KIP-848): the broker assigns, members follow by heartbeats.
//!
//! ```text
//!  subscriptions, topics ──► group epoch ──► target assignment ──► each member, step by step
//!                            +1 by any       of that epoch,        (reconcile.rs)
//!                            change of them  by an assignor
//! ```
//! While a group goes over from the classic protocol, or back, some members still use that:
//! ```text
//!                 a member joins by ConsumerGroupHeartbeat (upgrade.rs)
//!  classic group ──────────────────────────────────────────────────────► consumer group,
//!                ◄────────────────────────────────────────────────────── members of both protocols
//!                 the last member of the consumer protocol has gone (downgrade.rs)
//! ```
//! Their JoinGroup says what a heartbeat says, SyncGroup asks for what is assigned
//! (classic_member.rs): the group epoch is their generation, and who has to take a step is told to
//! join again.

mod advance;
mod classic_member;
mod downgrade;
mod heartbeat;
mod member;
mod offsets;
mod reconcile;
mod saved;
mod subscription;
mod upgrade;

use std::collections::BTreeMap;

use thalweg_protocol::messages::{
    DescribedConsumerGroup, DescribedConsumerGroupAssignment, DescribedConsumerGroupMember,
    DescribedConsumerGroupTopicPartitions,
};
use thalweg_protocol::{PartitionId, StrBytes, Uuid};

use super::assignor::{Assignor, Partitions};
use super::faults::{self, Fault};
use super::watch::Watch;
use crate::cluster::Caller;
use crate::topic::Topics;

pub(super) use classic_member::{
    heartbeat as classic_heartbeat, join as classic_join, leave as classic_leave,
    sync as classic_sync,
};
pub(crate) use heartbeat::{change_coordinator, handle_timer, heartbeat};
pub(crate) use member::Member;
pub(super) use offsets::OFFSET_COMMIT_VERSION_MIN;
pub(crate) use saved::SavedConsumerGroup;
use subscription::Subscriptions;

/// What a timer of a consumer group is for.
#[derive(Debug)]
pub(crate) enum ConsumerTimer {
    /// A member was not heard of for the session time-out.
    Session { member: StrBytes },
    /// A member has not given up what it had to within its rebalance time-out.
    Rebalance { member: StrBytes, member_epoch: i32 },
    /// A member that uses the classic protocol has not joined again, as it was told to.
    Join { member: StrBytes },
    /// A member that uses the classic protocol has joined, and has not asked for its assignment.
    Sync { member: StrBytes },
    /// The topics of regular expressions are to be looked for, as far as this member may see them.
    Regexes { caller: Caller },
}

/// A consumer group.
#[derive(Debug)]
pub(crate) struct ConsumerGroup {
    /// Raised by every change that makes a new target necessary.
    group_epoch: i32,
    /// The group epoch the target is for.
    assignment_epoch: i32,
    /// When the target was made; `None` where there was nobody to make it for.
    assigned_at_ms: Option<i64>,
    members: BTreeMap<StrBytes, Member>,
    /// Member ids by instance id.
    static_members: BTreeMap<StrBytes, StrBytes>,
    target: BTreeMap<StrBytes, Partitions>,
    /// The partitions that members use, with the epoch of the member.
    holders: BTreeMap<(Uuid, PartitionId), i32>,
    subscriptions: Subscriptions,
    watches: BTreeMap<StrBytes, Watch>,
}

impl Default for ConsumerGroup {
    /// Epochs begin at 1: 0 is what members join with.
    fn default() -> Self {
        ConsumerGroup {
            group_epoch: 1,
            assignment_epoch: 1,
            assigned_at_ms: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            target: BTreeMap::new(),
            holders: BTreeMap::new(),
            subscriptions: Subscriptions::default(),
            watches: BTreeMap::new(),
        }
    }
}

impl ConsumerGroup {
    /// The state in Kafka's words.
    pub(crate) fn state(&self) -> &'static str {
        if self.members.is_empty() {
            "Empty"
        } else if self.group_epoch > self.assignment_epoch {
            "Assigning"
        } else if self
            .members
            .values()
            .all(|member| member.is_reconciled_to(self.assignment_epoch))
        {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// Whether it has no members.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether any member subscribes to a topic; offsets of such topics are not deleted.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscriptions.contains(topic)
    }

    fn member(&self, id: &str, group_id: &str) -> Result<&Member, Fault> {
        let unknown = || faults::unknown_member(id, group_id);
        self.members.get(id).ok_or_else(unknown)
    }

    fn static_member(&self, instance_id: &str) -> Option<&Member> {
        self.members.get(self.static_members.get(instance_id)?)
    }

    /// Puts a member in, or in the place of what it was.
    fn put(&mut self, member: Member) {
        self.unlist(&member.id.clone());
        for partition in member.held() {
            let before = self.holders.insert(partition, member.member_epoch);
            debug_assert!(before.is_none(), "{partition:?} has two holders");
        }
        if let Some(instance_id) = &member.instance_id {
            self.static_members
                .insert(instance_id.clone(), member.id.clone());
        }
        self.subscriptions.add(&member);
        self.members.insert(member.id.clone(), member);
    }

    /// Takes a member out of everything but the target.
    fn unlist(&mut self, id: &str) -> Option<Member> {
        let member = self.members.remove(id)?;
        for partition in member.held() {
            if self.holders.get(&partition) == Some(&member.member_epoch) {
                self.holders.remove(&partition);
            }
        }
        if let Some(instance_id) = &member.instance_id {
            self.static_members.remove(instance_id);
        }
        self.subscriptions.remove(&member);
        Some(member)
    }

    /// The assignor most members ask for.
    fn assignor(&self) -> Assignor {
        let mut chosen = Assignor::ALL[0];
        let mut votes = 0;
        for assignor in Assignor::ALL {
            let wanted = |member: &&Member| member.assignor == Some(assignor);
            let count = self.members.values().filter(wanted).count();
            if count > votes {
                (chosen, votes) = (assignor, count);
            }
        }
        chosen
    }

    /// Describes the group as ConsumerGroupDescribe does.
    pub(crate) fn describe(&self, id: &StrBytes, topics: &Topics) -> DescribedConsumerGroup {
        let describe = |member: &Member| {
            let target = self.target.get(&member.id);
            describe_member(member, target, topics)
        };
        DescribedConsumerGroup {
            group_id: id.clone(),
            group_state: StrBytes::from_static(self.state()),
            group_epoch: self.group_epoch,
            assignment_epoch: self.assignment_epoch,
            assignor_name: StrBytes::from_static(self.assignor().name()),
            members: self.members.values().map(describe).collect(),
            ..Default::default()
        }
    }
}

fn describe_member(
    member: &Member,
    target: Option<&Partitions>,
    topics: &Topics,
) -> DescribedConsumerGroupMember {
    const CLASSIC_PROTOCOL: i8 = 0;
    const NEW_PROTOCOL: i8 = 1;
    let mut held = Partitions::new();
    for (topic, partition) in member.held() {
        held.entry(topic).or_default().insert(partition);
    }
    DescribedConsumerGroupMember {
        member_id: member.id.clone(),
        instance_id: member.instance_id.clone(),
        rack_id: member.rack_id.clone(),
        member_epoch: member.member_epoch,
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        subscribed_topic_names: member.topic_names.iter().cloned().collect(),
        subscribed_topic_regex: Some(member.topic_regex.clone()),
        assignment: describe_partitions(&held, topics),
        target_assignment: describe_partitions(target.unwrap_or(&Partitions::new()), topics),
        member_type: match member.classic {
            Some(_) => CLASSIC_PROTOCOL,
            None => NEW_PROTOCOL,
        },
        ..Default::default()
    }
}

fn describe_partitions(all: &Partitions, topics: &Topics) -> DescribedConsumerGroupAssignment {
    let describe = |(topic_id, partitions): (&Uuid, &_)| {
        let partitions: &std::collections::BTreeSet<PartitionId> = partitions;
        Some(DescribedConsumerGroupTopicPartitions {
            topic_id: *topic_id,
            topic_name: topics.name_of(topic_id)?.clone(),
            partitions: partitions.iter().copied().collect(),
            ..Default::default()
        })
    };
    DescribedConsumerGroupAssignment {
        topic_partitions: all.iter().filter_map(describe).collect(),
        ..Default::default()
    }
}

#[cfg(test)]
mod migration_tests;
#[cfg(test)]
mod tests;
