//! Uniform, where members subscribe to different topics: free partitions go to whoever has least,
//! then partitions move from who has most to who has least until no move makes it more even.
//!
//! Evening one topic out may unbalance another, so topics take turns, at most [`ROUNDS_MAX`] times.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::{StrBytes, Uuid};

use super::{GroupView, Partitions, Subscriber, all_partitions};

/// How often every topic gets its turn at most.
const ROUNDS_MAX: usize = 16;

/// Says who is to have what.
pub(super) fn assign(group: &GroupView<'_>) -> BTreeMap<StrBytes, Partitions> {
    let mut balance = Balance::new(group);
    balance.hand_out();
    balance.even_out();
    balance.finish()
}

/// A member by its place in the order of ids.
type Place = usize;

struct Topic {
    id: Uuid,
    subscribers: Vec<Place>,
    /// Who is to have each partition.
    owners: Vec<Option<Place>>,
}

impl Topic {
    /// Topics with many partitions for each subscriber come first, as they leave least choice.
    fn precedence(&self) -> impl Ord + use<> {
        // Partitions per subscriber, without losing the fraction: counts are far below 2^32.
        let ratio = (self.owners.len() as u64) << 32;
        let ratio = ratio / self.subscribers.len().max(1) as u64;
        (std::cmp::Reverse(ratio), self.subscribers.len(), self.id)
    }
}

struct Balance<'a> {
    members: Vec<(&'a StrBytes, &'a Subscriber<'a>)>,
    /// How many partitions each member is to have.
    loads: Vec<usize>,
    topics: Vec<Topic>,
}

impl<'a> Balance<'a> {
    fn new(group: &'a GroupView<'a>) -> Self {
        let members: Vec<_> = group
            .members
            .iter()
            .map(|(id, member)| (*id, member))
            .collect();
        let mut topics: BTreeMap<Uuid, Topic> = BTreeMap::new();
        let mut loads = vec![0; members.len()];
        for (place, (_, member)) in members.iter().enumerate() {
            for id in &member.topics {
                let topic = topics.entry(*id).or_insert_with(|| Topic {
                    id: *id,
                    subscribers: Vec::new(),
                    owners: vec![None; group.partition_count(id)],
                });
                topic.subscribers.push(place);
                let held = member.target.and_then(|target| target.get(id));
                for partition in held.into_iter().flatten() {
                    let index = usize::try_from(partition.0).unwrap_or(usize::MAX);
                    if let Some(owner) = topic.owners.get_mut(index)
                        && owner.is_none()
                    {
                        *owner = Some(place);
                        increment(&mut loads, place, 1);
                    }
                }
            }
        }
        let mut topics: Vec<Topic> = topics.into_values().collect();
        topics.sort_by_cached_key(Topic::precedence);
        Balance {
            members,
            loads,
            topics,
        }
    }

    /// Gives every free partition to the subscriber that has least.
    fn hand_out(&mut self) {
        for topic in &mut self.topics {
            if topic.owners.iter().all(Option::is_some) {
                continue;
            }
            let mut queue = Queue::new(&topic.subscribers, &self.loads);
            for owner in topic.owners.iter_mut().filter(|owner| owner.is_none()) {
                let Some(least @ Turn { place, .. }) = queue.least() else {
                    continue;
                };
                *owner = Some(place);
                increment(&mut self.loads, place, 1);
                queue.change(least, 1);
            }
        }
    }

    /// Evens out topic by topic, until a whole round has changed nothing.
    fn even_out(&mut self) {
        let mut unchanged = 0;
        let movable = |topic: &&mut Topic| topic.subscribers.len() > 1;
        for _ in 0..ROUNDS_MAX {
            let topics = self
                .topics
                .iter()
                .filter(|topic| topic.subscribers.len() > 1);
            let count = topics.count();
            for topic in self.topics.iter_mut().filter(movable) {
                let moved = even_out_topic(topic, &mut self.loads);
                unchanged = if moved { 0 } else { unchanged + 1 };
                if unchanged >= count {
                    return;
                }
            }
        }
    }

    fn finish(self) -> BTreeMap<StrBytes, Partitions> {
        let empty = |(id, _): &(&StrBytes, _)| ((*id).clone(), Partitions::new());
        let mut result: BTreeMap<StrBytes, Partitions> = self.members.iter().map(empty).collect();
        for topic in self.topics {
            let owners = topic.owners.iter().zip(all_partitions(topic.owners.len()));
            for (owner, partition) in owners {
                let member = owner.and_then(|place| self.members.get(place));
                let partitions = member.and_then(|(id, _)| result.get_mut(*id));
                if let Some(partitions) = partitions {
                    partitions.entry(topic.id).or_default().insert(partition);
                }
            }
        }
        result
    }
}

/// Moves partitions of one topic from who has most to who has least. Says whether any moved.
fn even_out_topic(topic: &mut Topic, loads: &mut [usize]) -> bool {
    let mut by_owner: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
    for (index, owner) in topic.owners.iter().enumerate() {
        by_owner
            .entry(owner.unwrap_or(Place::MAX))
            .or_default()
            .push(index);
    }
    let mut takers = Queue::new(&topic.subscribers, loads);
    let mut givers = takers.clone();
    let mut moved = false;
    while let (Some(giver), Some(taker)) = (givers.most(), takers.least()) {
        if giver.load <= taker.load + 1 {
            break;
        }
        let Some(index) = by_owner.get_mut(&giver.place).and_then(Vec::pop) else {
            // It has most, but nothing of this topic.
            givers.0.remove(&giver);
            continue;
        };
        if let Some(owner) = topic.owners.get_mut(index) {
            *owner = Some(taker.place);
        }
        for (turn, change) in [(giver, -1), (taker, 1)] {
            increment(loads, turn.place, change);
            takers.change(turn, change);
            givers.change(turn, change);
        }
        moved = true;
    }
    moved
}

/// A member in a queue. Among equals, who had less when the queue was made comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    load: usize,
    rank: usize,
    place: Place,
}

/// Members by how much they have.
#[derive(Debug, Clone)]
struct Queue(BTreeSet<Turn>);

impl Queue {
    fn new(subscribers: &[Place], loads: &[usize]) -> Self {
        let load = |place: &Place| (loads.get(*place).copied().unwrap_or(0), *place);
        let mut sorted: Vec<(usize, Place)> = subscribers.iter().map(load).collect();
        sorted.sort_unstable();
        let turn = |(rank, (load, place))| Turn { load, rank, place };
        Queue(sorted.into_iter().enumerate().map(turn).collect())
    }

    fn least(&self) -> Option<Turn> {
        self.0.first().copied()
    }

    fn most(&self) -> Option<Turn> {
        self.0.last().copied()
    }

    /// Moves a member, if it is still in the queue.
    fn change(&mut self, turn: Turn, by: isize) {
        if self.0.remove(&turn) {
            let load = turn.load.saturating_add_signed(by);
            self.0.insert(Turn { load, ..turn });
        }
    }
}

fn increment(loads: &mut [usize], place: Place, by: isize) {
    if let Some(load) = loads.get_mut(place) {
        *load = load.saturating_add_signed(by);
    }
}
