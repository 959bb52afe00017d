//! `range`: per topic, each member gets a run of neighbouring partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{
    AssignError, Assignor, MemberAssignment, MemberSubscription, TopicToAssign,
    by_instance_then_id, rack_of,
};
use crate::topic_partition::TopicPartition;

/// Gives each member a run of neighbouring partitions of every topic (`range`, Kafka's default).
///
/// Topics with the same number of partitions and the same subscribers are assigned alike, so that
/// they can be joined. When members and brokers name their racks and not every rack has every
/// partition, members first get what is near (KIP-881), within the same balance.
#[derive(Debug, Clone, Default)]
pub struct RangeAssignor {
    _private: (),
}

impl RangeAssignor {
    /// The assignor.
    pub fn new() -> Self {
        RangeAssignor::default()
    }
}

impl Assignor for RangeAssignor {
    fn name(&self) -> &str {
        "range"
    }

    fn assign(
        &mut self,
        members: &[MemberSubscription],
        topics: &[TopicToAssign],
    ) -> Result<Vec<MemberAssignment>, AssignError> {
        let sorted = by_instance_then_id(members);
        let mut assignments: Vec<MemberAssignment> = sorted
            .iter()
            .map(|member| MemberAssignment {
                member_id: member.member_id.clone(),
                ..MemberAssignment::default()
            })
            .collect();
        let mut ranges: Vec<TopicRange<'_>> = topics
            .iter()
            .map(|topic| TopicRange::new(topic, &sorted))
            .collect();

        if ranges.iter().any(|range| range.racks_matter) {
            assign_by_rack(&mut ranges, &mut assignments);
        }
        for range in &mut ranges {
            range.assign_runs(&mut assignments, |_, _, _| true);
        }
        for assignment in &mut assignments {
            assignment.partitions.sort();
        }
        Ok(assignments)
    }
}

/// One topic while it is being assigned.
struct TopicRange<'t> {
    topic: &'t TopicToAssign,
    /// Subscribers in order: index into the sorted members, rack, partitions so far.
    subscribers: Vec<Subscriber<'t>>,
    /// Whether any rack is known on both sides, and not every rack has every partition.
    racks_matter: bool,
    /// Whether any subscriber names its rack.
    racks_known: bool,
    unassigned: BTreeSet<i32>,
    quota: usize,
    /// How many members may still get one partition above the quota.
    extras_left: usize,
}

#[derive(PartialEq, Eq, Clone)]
struct Subscriber<'t> {
    member: usize,
    rack: Option<&'t str>,
    assigned: usize,
}

impl<'t> TopicRange<'t> {
    fn new(topic: &'t TopicToAssign, members: &[&'t MemberSubscription]) -> Self {
        let subscribers: Vec<Subscriber<'t>> = members
            .iter()
            .enumerate()
            .filter(|(_, member)| member.topics.contains(&topic.name))
            .map(|(index, member)| Subscriber {
                member: index,
                rack: rack_of(member),
                assigned: 0,
            })
            .collect();
        let partitions = usize::try_from(topic.partition_count).unwrap_or(0);
        let member_racks: BTreeSet<&str> = subscribers
            .iter()
            .filter_map(|subscriber| subscriber.rack)
            .collect();
        TopicRange {
            racks_matter: racks_matter(&member_racks, &topic.replica_racks, partitions),
            racks_known: !member_racks.is_empty(),
            unassigned: (0..topic.partition_count).collect(),
            quota: partitions.checked_div(subscribers.len()).unwrap_or(0),
            extras_left: partitions.checked_rem(subscribers.len()).unwrap_or(0),
            topic,
            subscribers,
        }
    }

    /// Gives each subscriber in turn the first unassigned partitions that `may_take` allows, up to
    /// what it may have.
    fn assign_runs(
        &mut self,
        assignments: &mut [MemberAssignment],
        may_take: impl Fn(&Self, &Subscriber<'t>, i32) -> bool,
    ) {
        for index in 0..self.subscribers.len() {
            let Some(subscriber) = self.subscribers.get(index) else {
                continue;
            };
            let run: Vec<i32> = self
                .unassigned
                .iter()
                .copied()
                .filter(|&partition| may_take(self, subscriber, partition))
                .take(self.room(subscriber))
                .collect();
            self.give(index, &run, assignments);
        }
    }

    fn room(&self, subscriber: &Subscriber<'_>) -> usize {
        (self.quota + usize::from(self.extras_left > 0)).saturating_sub(subscriber.assigned)
    }

    fn near(&self, subscriber: &Subscriber<'_>, partition: i32) -> bool {
        let Some(rack) = subscriber.rack else {
            return true;
        };
        usize::try_from(partition)
            .ok()
            .and_then(|partition| self.topic.replica_racks.get(partition))
            .is_some_and(|racks| racks.iter().any(|replica| &**replica == rack))
    }

    fn give(&mut self, index: usize, run: &[i32], assignments: &mut [MemberAssignment]) {
        let Some(subscriber) = self.subscribers.get_mut(index) else {
            return;
        };
        if run.is_empty() {
            return;
        }
        subscriber.assigned += run.len();
        if subscriber.assigned > self.quota {
            self.extras_left -= 1;
        }
        if let Some(assignment) = assignments.get_mut(subscriber.member) {
            for &partition in run {
                self.unassigned.remove(&partition);
                let partition = TopicPartition::new(self.topic.name.clone(), partition);
                assignment.partitions.push(partition);
            }
        }
    }
}

/// Whether it makes a difference which member gets which partition.
pub(super) fn racks_matter(
    member_racks: &BTreeSet<&str>,
    replica_racks: &[Vec<Arc<str>>],
    partitions: usize,
) -> bool {
    let per_partition: Vec<BTreeSet<&str>> = (0..partitions)
        .map(|partition| {
            let racks = replica_racks
                .get(partition)
                .map(Vec::as_slice)
                .unwrap_or_default();
            racks.iter().map(|rack| &**rack).collect()
        })
        .collect();
    let all: BTreeSet<&str> = per_partition.iter().flatten().copied().collect();
    !member_racks.is_disjoint(&all) && per_partition.iter().any(|racks| *racks != all)
}

/// First pass: partitions to members in a rack that has a replica.
///
/// Topics that the same members read and that have the same number of partitions stay
/// co-partitioned: a partition number goes to a member only where it is near in all of them.
fn assign_by_rack(ranges: &mut [TopicRange<'_>], assignments: &mut [MemberAssignment]) {
    let mut alike: BTreeMap<(Vec<usize>, i32), Vec<usize>> = BTreeMap::new();
    for (index, range) in ranges.iter().enumerate() {
        let members = range
            .subscribers
            .iter()
            .map(|subscriber| subscriber.member)
            .collect();
        // Where no subscriber names a rack there is nothing to match.
        let partitions = if range.racks_known {
            range.topic.partition_count
        } else {
            0
        };
        alike.entry((members, partitions)).or_default().push(index);
    }
    for ((members, partitions), topics) in alike {
        if let [alone] = topics.as_slice() {
            if let Some(range) = ranges.get_mut(*alone).filter(|range| range.racks_matter) {
                range.assign_runs(assignments, TopicRange::near);
            }
            continue;
        }
        let mut open: Vec<usize> = (0..members.len()).collect();
        for partition in 0..partitions {
            let fits = |range: &TopicRange<'_>, index: usize| {
                range.subscribers.get(index).is_some_and(|subscriber| {
                    range.near(subscriber, partition) && range.room(subscriber) > 0
                })
            };
            let in_all = |index: usize| {
                topics
                    .iter()
                    .filter_map(|&topic| ranges.get(topic))
                    .all(|r| fits(r, index))
            };
            let Some(taker) = open.iter().copied().find(|&index| in_all(index)) else {
                continue;
            };
            let mut full = true;
            for &topic in &topics {
                if let Some(range) = ranges.get_mut(topic) {
                    range.give(taker, &[partition], assignments);
                    full &= range
                        .subscribers
                        .get(taker)
                        .is_none_or(|s| range.room(s) == 0);
                }
            }
            if full {
                open.retain(|&index| index != taker);
            }
        }
    }
}
