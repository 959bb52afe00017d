//! Which member of a share group reads which partitions: Kafka's `simple` assignor (KIP-932).
//!
//! A partition may have several members. With more partitions than members each partition has one,
//! and members have as many as their neighbours, give or take one; with more members than partitions
//! members share. What a member has it keeps where that is compatible with balance.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::{PartitionId, StrBytes, Uuid};

/// What a member is to read.
pub(crate) type Assignment = BTreeMap<Uuid, BTreeSet<PartitionId>>;

/// A member as the assignor sees it.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) id: &'a StrBytes,
    /// The topics it subscribes to that there are.
    pub(super) topics: BTreeSet<Uuid>,
    /// What it has so far.
    pub(super) has: Option<&'a Assignment>,
}

type Place = (Uuid, PartitionId);

/// Spreads all partitions of the topics subscribed to over the members.
pub(super) fn assign(
    members: &[Candidate<'_>],
    partitions: &BTreeMap<Uuid, i32>,
) -> BTreeMap<StrBytes, Assignment> {
    let all_of = |topic: &Uuid| {
        let (topic, count) = (*topic, partitions.get(topic).copied());
        (0..count.unwrap_or_default()).map(move |index| (topic, PartitionId(index)))
    };
    let mut holders: BTreeMap<Place, BTreeSet<usize>> = BTreeMap::new();
    let subscribed = members.iter().flat_map(|member| &member.topics);
    let topics: BTreeSet<Uuid> = subscribed.copied().collect();
    let first = members.first().map(|member| &member.topics);
    if members.iter().all(|member| Some(&member.topics) == first) {
        let everyone: Vec<usize> = (0..members.len()).collect();
        let places: Vec<Place> = topics.iter().flat_map(all_of).collect();
        Balance::new(members, &everyone, &places).spread(&mut holders);
    } else {
        // Subscriptions differ: each topic by itself, among those that want it.
        for topic in &topics {
            let wants =
                |(at, member): (usize, &Candidate<'_>)| member.topics.contains(topic).then_some(at);
            let some: Vec<usize> = members.iter().enumerate().filter_map(wants).collect();
            let places: Vec<Place> = all_of(topic).collect();
            Balance::new(members, &some, &places).spread(&mut holders);
        }
    }
    let ids = members.iter();
    let ids = ids.map(|member| (member.id.clone(), Assignment::new()));
    let mut assigned: BTreeMap<StrBytes, Assignment> = ids.collect();
    for ((topic, index), holders) in holders {
        for member in holders.iter().filter_map(|at| members.get(*at)) {
            let of_member = assigned.entry(member.id.clone()).or_default();
            of_member.entry(topic).or_default().insert(index);
        }
    }
    assigned
}

/// Some members, some partitions.
struct Balance {
    /// How many members a partition has.
    sharing: usize,
    /// How many partitions each member is to have.
    wanted: BTreeMap<usize, usize>,
    has: BTreeMap<usize, BTreeSet<Place>>,
    holders: BTreeMap<Place, BTreeSet<usize>>,
}

impl Balance {
    fn new(members: &[Candidate<'_>], some: &[usize], places: &[Place]) -> Self {
        let (count, partitions) = (some.len(), places.len());
        let sharing = match partitions {
            0 => 0,
            partitions => count.div_ceil(partitions),
        };
        let up_to = |nth: usize| (sharing * partitions * nth).div_ceil(count.max(1));
        let wanted = some.iter().zip(1..);
        let wanted = wanted.map(|(at, nth)| (*at, up_to(nth) - up_to(nth - 1)));
        let mut balance = Balance {
            sharing,
            wanted: wanted.collect(),
            has: some.iter().map(|at| (*at, BTreeSet::new())).collect(),
            holders: places
                .iter()
                .map(|place| (*place, BTreeSet::new()))
                .collect(),
        };
        for at in some {
            let before = members.get(*at).and_then(|member| member.has);
            for (topic, indices) in before.into_iter().flatten() {
                for index in indices {
                    balance.keep((*topic, *index), *at);
                }
            }
        }
        balance
    }

    /// Leaves a member what it has, where it is among the partitions and not too much.
    fn keep(&mut self, place: Place, at: usize) {
        let (Some(holders), Some(has)) = (self.holders.get_mut(&place), self.has.get_mut(&at))
        else {
            return;
        };
        let is_full = self
            .wanted
            .get(&at)
            .is_none_or(|wanted| has.len() >= *wanted);
        if holders.len() < self.sharing && !is_full {
            holders.insert(at);
            has.insert(place);
        }
    }

    /// Gives what is left to those that have too little, in turns.
    fn spread(mut self, all: &mut BTreeMap<Place, BTreeSet<usize>>) {
        let lacks = |balance: &Self, at: &usize| {
            let has = balance.has.get(at).map_or(0, BTreeSet::len);
            balance.wanted.get(at).is_some_and(|wanted| has < *wanted)
        };
        let mut unfilled: Vec<usize> = self.has.keys().copied().collect();
        unfilled.retain(|at| lacks(&self, at));
        let mut turn = 0_usize;
        let places: Vec<Place> = self.holders.keys().copied().collect();
        for place in places {
            let mut refused = 0;
            while self.holders.get(&place).map_or(0, BTreeSet::len) < self.sharing
                && refused < unfilled.len()
            {
                turn = turn.checked_rem(unfilled.len()).unwrap_or_default();
                let Some(at) = unfilled.get(turn).copied() else {
                    break;
                };
                if !self.holders.entry(place).or_default().insert(at) {
                    (turn, refused) = (turn + 1, refused + 1);
                    continue;
                }
                refused = 0;
                self.has.entry(at).or_default().insert(place);
                if lacks(&self, &at) {
                    turn += 1;
                } else {
                    unfilled.remove(turn);
                }
            }
        }
        all.extend(self.holders);
    }
}

#[cfg(test)]
mod tests {
    //! Goal: every partition has a member, members have equally much, and little moves.

    use super::*;

    struct Group {
        members: BTreeMap<StrBytes, BTreeSet<Uuid>>,
        partitions: BTreeMap<Uuid, i32>,
        has: BTreeMap<StrBytes, Assignment>,
    }

    fn topic(number: u8) -> Uuid {
        Uuid([number; 16])
    }

    impl Group {
        fn assign(&mut self) {
            let candidates: Vec<Candidate<'_>> = self
                .members
                .iter()
                .map(|(id, topics)| Candidate {
                    id,
                    topics: topics.clone(),
                    has: self.has.get(id),
                })
                .collect();
            self.has = assign(&candidates, &self.partitions);
        }

        fn loads(&self) -> Vec<usize> {
            let load = |assignment: &Assignment| assignment.values().map(BTreeSet::len).sum();
            self.has.values().map(load).collect()
        }

        fn check(&self) {
            let mut holders: BTreeMap<Place, usize> = BTreeMap::new();
            for (id, assignment) in &self.has {
                for (topic, indices) in assignment {
                    assert!(
                        self.members[id].contains(topic),
                        "{id} did not ask for {topic}"
                    );
                    for index in indices {
                        *holders.entry((*topic, *index)).or_default() += 1;
                    }
                }
            }
            for (topic, count) in &self.partitions {
                let wanted = self.members.values().any(|topics| topics.contains(topic));
                for index in (0..*count).filter(|_| wanted) {
                    let held = holders.get(&(*topic, PartitionId(index)));
                    assert!(held.is_some(), "{topic}-{index} has nobody");
                }
            }
        }
    }

    #[test]
    fn random_groups_are_balanced_and_complete() {
        for seed in 0..500 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut group = Group {
                members: BTreeMap::new(),
                partitions: (0..random.u8(1..4))
                    .map(|number| (topic(number), random.i32(1..7)))
                    .collect(),
                has: BTreeMap::new(),
            };
            let same = random.bool();
            for step in 0..12 {
                let id = StrBytes::from(format!("m{}", random.u32(..8)));
                if random.u32(..3) == 0 {
                    group.members.remove(&id);
                    group.has.remove(&id);
                } else {
                    let all = group.partitions.keys().copied();
                    let wants = all.filter(|_| same || random.bool());
                    let wants: BTreeSet<Uuid> = wants.collect();
                    group.members.insert(id, wants);
                }
                group.assign();
                group.check();
                let loads = group.loads();
                if same && !loads.is_empty() {
                    let (least, most) = (loads.iter().min(), loads.iter().max());
                    let spread = most.expect("some") - least.expect("some");
                    assert!(spread <= 1, "seed {seed}, step {step}: {loads:?}");
                }
                let before = group.has.clone();
                group.assign();
                assert_eq!(
                    before, group.has,
                    "seed {seed}: nothing changed, nothing moves"
                );
            }
        }
    }

    #[test]
    fn members_share_a_partition_when_there_are_more_of_them() {
        let wants = BTreeSet::from([topic(1)]);
        let ids = ["a", "b", "c", "d", "e"].map(StrBytes::from);
        let mut group = Group {
            members: ids.into_iter().map(|id| (id, wants.clone())).collect(),
            partitions: BTreeMap::from([(topic(1), 2)]),
            has: BTreeMap::new(),
        };
        group.assign();
        group.check();
        // Three of each partition make six places for five members.
        let mut loads = group.loads();
        loads.sort_unstable();
        assert_eq!(loads, [1, 1, 1, 1, 2]);
    }
}
