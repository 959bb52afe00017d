//! The balancing algorithm behind both sticky assignors.
//!
//! Members keep what they claim to own as far as balance allows. There are two algorithms, as in
//! Java: [`uniform`] when all members subscribe to the same topics, where balance is a matter of
//! counting, and [`general`] when they do not, where partitions are moved one by one until no move
//! improves the balance.
//!
//! Members and partitions are small numbers here: members in the order of their ids, partitions in
//! the order of topic name and number. So comparing numbers is comparing names.

mod general;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::range::racks_matter;
use super::{MemberAssignment, MemberSubscription, TopicToAssign, rack_of};
use crate::topic_partition::TopicPartition;

/// The generation of a member that was in none yet.
pub(super) const NO_GENERATION: i32 = -1;

/// Index of a member, in the order of member ids.
type Member = usize;
/// Index of a partition among all partitions of all topics.
type Slot = usize;

/// What a member claims to own, and since when.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim {
    pub(super) partitions: Vec<TopicPartition>,
    /// `None` where the member's assignor is too old to say.
    pub(super) generation: Option<i32>,
}

/// The balanced assignment, and what of it another member still has to give up.
pub(super) struct Balanced {
    pub(super) assignments: Vec<MemberAssignment>,
    /// Partitions that go to a member other than their present owner, by taker. `None` when the
    /// algorithm does not keep track; the caller can compare.
    pub(super) transfers: Option<Vec<(TopicPartition, Arc<str>)>>,
}

/// Assigns `topics` to `members`, of which each claims the entry of `claims` at its index.
/// `members` are sorted by id, `topics` by name.
pub(super) fn balance(
    members: &[MemberSubscription],
    claims: &[Claim],
    topics: &[TopicToAssign],
) -> Balanced {
    let wanted: BTreeSet<&str> = members
        .iter()
        .flat_map(|member| &member.topics)
        .map(|topic| &**topic)
        .collect();
    let topics: Vec<&TopicToAssign> = topics
        .iter()
        .filter(|topic| wanted.contains(&*topic.name))
        .collect();
    let problem = Problem::new(members, &topics);
    let owned = resolve_claims(&problem, members, claims);
    if all_subscribe_alike(members) {
        let (assigned, transfers) = uniform::assign(&problem, &owned);
        let transfers = transfers
            .into_iter()
            .filter_map(|(slot, member)| {
                Some((
                    problem.partition(slot)?,
                    members.get(member)?.member_id.clone(),
                ))
            })
            .collect();
        Balanced {
            assignments: problem.name(members, assigned),
            transfers: Some(transfers),
        }
    } else {
        let past = past_owners(&problem, claims);
        let assigned = general::assign(&problem, owned.by_member, &past);
        Balanced {
            assignments: problem.name(members, assigned),
            transfers: None,
        }
    }
}

/// The input in numbers.
struct Problem<'a> {
    topics: &'a [&'a TopicToAssign],
    /// For each topic the slots of its partitions.
    slots: Vec<Range<Slot>>,
    /// For each slot its topic.
    topic_of: Vec<usize>,
    /// For each member the topics it subscribes to, of those that exist.
    subscribed: Vec<BTreeSet<usize>>,
    /// For each member its rack, where racks make a difference.
    member_racks: Vec<Option<&'a str>>,
    /// For each slot how many members sit in each of its racks, all together.
    members_near: Vec<usize>,
}

impl<'a> Problem<'a> {
    fn new(members: &'a [MemberSubscription], topics: &'a [&'a TopicToAssign]) -> Self {
        let mut slots = Vec::with_capacity(topics.len());
        let mut topic_of = Vec::new();
        for (index, topic) in topics.iter().enumerate() {
            let start = topic_of.len();
            let count = usize::try_from(topic.partition_count).unwrap_or(0);
            topic_of.resize(start + count, index);
            slots.push(start..start + count);
        }
        let by_name: BTreeMap<&str, usize> = topics
            .iter()
            .enumerate()
            .map(|(index, topic)| (&*topic.name, index))
            .collect();
        let subscribed = members
            .iter()
            .map(|member| {
                member
                    .topics
                    .iter()
                    .filter_map(|topic| by_name.get(&**topic).copied())
                    .collect()
            })
            .collect();
        let mut problem = Problem {
            topics,
            slots,
            topic_of,
            subscribed,
            member_racks: members.iter().map(rack_of).collect(),
            members_near: Vec::new(),
        };
        problem.weigh_racks();
        problem
    }

    /// Forgets the members' racks unless some partitions are nearer to some members than others.
    fn weigh_racks(&mut self) {
        let present: BTreeSet<&str> = self.member_racks.iter().flatten().copied().collect();
        let replica_racks: Vec<Vec<Arc<str>>> = (0..self.topic_of.len())
            .map(|slot| self.racks(slot).to_vec())
            .collect();
        if !racks_matter(&present, &replica_racks, replica_racks.len()) {
            self.member_racks.fill(None);
            return;
        }
        self.members_near = replica_racks
            .iter()
            .map(|racks| {
                let racks: BTreeSet<&str> = racks.iter().map(|rack| &**rack).collect();
                self.member_racks
                    .iter()
                    .flatten()
                    .filter(|rack| racks.contains(*rack))
                    .count()
            })
            .collect();
    }

    fn racks_matter(&self) -> bool {
        !self.members_near.is_empty()
    }

    fn members(&self) -> usize {
        self.subscribed.len()
    }

    fn racks(&self, slot: Slot) -> &[Arc<str>] {
        let number = || Some((self.topics.get(self.topic(slot)?)?, self.number(slot)?));
        number()
            .and_then(|(topic, number)| topic.replica_racks.get(number))
            .map_or(&[], Vec::as_slice)
    }

    fn topic(&self, slot: Slot) -> Option<usize> {
        self.topic_of.get(slot).copied()
    }

    fn number(&self, slot: Slot) -> Option<usize> {
        let slots = self.slots.get(self.topic(slot)?)?;
        slot.checked_sub(slots.start)
    }

    fn partition(&self, slot: Slot) -> Option<TopicPartition> {
        let topic = self.topics.get(self.topic(slot)?)?;
        let number = i32::try_from(self.number(slot)?).ok()?;
        Some(TopicPartition::new(topic.name.clone(), number))
    }

    fn slot(&self, partition: &TopicPartition) -> Option<Slot> {
        let topic = self
            .topics
            .binary_search_by(|t| (*t.name).cmp(&partition.topic))
            .ok()?;
        let slots = self.slots.get(topic)?;
        let slot = slots
            .start
            .checked_add(usize::try_from(partition.partition.0).ok()?)?;
        slots.contains(&slot).then_some(slot)
    }

    fn subscribes(&self, member: Member, slot: Slot) -> bool {
        let topic = self.topic(slot);
        self.subscribed
            .get(member)
            .is_some_and(|topics| topic.is_some_and(|topic| topics.contains(&topic)))
    }

    /// Whether the member names a rack in which the partition has no replica.
    fn is_far(&self, member: Member, slot: Slot) -> bool {
        self.member_rack(member)
            .is_some_and(|rack| !self.has_rack(slot, rack))
    }

    /// Whether the member names a rack in which the partition has a replica.
    fn is_near(&self, member: Member, slot: Slot) -> bool {
        self.member_rack(member)
            .is_some_and(|rack| self.has_rack(slot, rack))
    }

    fn member_rack(&self, member: Member) -> Option<&'a str> {
        self.member_racks.get(member).copied().flatten()
    }

    fn has_rack(&self, slot: Slot, rack: &str) -> bool {
        self.racks(slot).iter().any(|replica| &**replica == rack)
    }

    fn name(
        &self,
        members: &[MemberSubscription],
        assigned: Vec<Vec<Slot>>,
    ) -> Vec<MemberAssignment> {
        members
            .iter()
            .zip(assigned)
            .map(|(member, slots)| MemberAssignment {
                member_id: member.member_id.clone(),
                partitions: slots
                    .into_iter()
                    .filter_map(|slot| self.partition(slot))
                    .collect(),
                user_data: None,
            })
            .collect()
    }
}

/// Whether all members name the same topics, existing or not.
fn all_subscribe_alike(members: &[MemberSubscription]) -> bool {
    let topics = |member: &MemberSubscription| member.topics.iter().cloned().collect();
    let mut sets = members.iter().map(topics);
    let first: Option<BTreeSet<Arc<str>>> = sets.next();
    sets.all(|set| Some(set) == first)
}

/// Who owns what, once contradicting claims are settled.
struct Owned {
    by_member: Vec<Vec<Slot>>,
    /// Partitions that two members of the same generation claimed: nobody's now, and whoever gets
    /// one must wait until both have let go.
    contested: BTreeSet<Slot>,
}

/// Settles contradicting claims: the newer generation is right; within one generation nobody is.
fn resolve_claims(
    problem: &Problem<'_>,
    members: &[MemberSubscription],
    claims: &[Claim],
) -> Owned {
    let mut owned = Owned {
        by_member: vec![Vec::new(); problem.members()],
        contested: BTreeSet::new(),
    };
    let mut owners: BTreeMap<Slot, Member> = BTreeMap::new();
    for (member, claim) in claims.iter().enumerate() {
        let generation = claim.generation.unwrap_or(NO_GENERATION);
        for slot in claim
            .partitions
            .iter()
            .filter_map(|partition| problem.slot(partition))
        {
            let Some(&other) = owners.get(&slot) else {
                owned.give(member, slot);
                owners.insert(slot, member);
                continue;
            };
            // As Java, which looks at the subscription here even where the claim came from
            // elsewhere.
            let other_generation = members
                .get(other)
                .and_then(|member| member.generation_id)
                .unwrap_or(NO_GENERATION);
            if generation >= other_generation {
                owned.take(other, slot);
                owners.insert(slot, member);
                if generation == other_generation {
                    owned.contested.insert(slot);
                } else {
                    owned.give(member, slot);
                }
            }
        }
    }
    owned
}

impl Owned {
    fn give(&mut self, member: Member, slot: Slot) {
        if let Some(slots) = self.by_member.get_mut(member) {
            slots.push(slot);
        }
    }

    fn take(&mut self, member: Member, slot: Slot) {
        if let Some(slots) = self.by_member.get_mut(member) {
            slots.retain(|&owned| owned != slot);
        }
    }
}

/// Who owned a partition in the last generation before the newest one, by the claims of members
/// that missed it.
fn past_owners(problem: &Problem<'_>, claims: &[Claim]) -> BTreeMap<Slot, Member> {
    let newest = claims
        .iter()
        .filter_map(|claim| claim.generation)
        .max()
        .unwrap_or(NO_GENERATION);
    let mut past: BTreeMap<Slot, (i32, Member)> = BTreeMap::new();
    for (member, claim) in claims.iter().enumerate() {
        let generation = claim.generation.unwrap_or(NO_GENERATION);
        if generation >= newest {
            continue;
        }
        for slot in claim
            .partitions
            .iter()
            .filter_map(|partition| problem.slot(partition))
        {
            if past.get(&slot).is_none_or(|&(known, _)| generation > known) {
                past.insert(slot, (generation, member));
            }
        }
    }
    past.into_iter()
        .map(|(slot, (_, member))| (slot, member))
        .collect()
}
