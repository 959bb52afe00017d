//! Balance when members subscribe to different topics: partitions are moved one by one from members
//! with many to members with few, until no move improves the balance.

use std::collections::{BTreeMap, BTreeSet};

use super::{Member, Problem, Slot};

/// The assignment by member. `owned` is what members keep if balance allows, `past` who owned a
/// partition in an older generation.
pub(super) fn assign(
    problem: &Problem<'_>,
    owned: Vec<Vec<Slot>>,
    past: &BTreeMap<Slot, Member>,
) -> Vec<Vec<Slot>> {
    let mut builder = Builder::new(problem, owned);
    builder.balance(past);
    builder.assigned
}

struct Builder<'p> {
    problem: &'p Problem<'p>,
    /// For each topic its subscribers.
    subscribers: Vec<Vec<Member>>,
    assigned: Vec<Vec<Slot>>,
    owner: BTreeMap<Slot, Member>,
    /// Members that take part, by how much they have.
    /// Invariant: `(assigned[m].len(), m)` for exactly the members that are not fixed.
    by_load: BTreeSet<(usize, Member)>,
    /// Partitions, those with the fewest subscribers first.
    ordered: Vec<Slot>,
    unassigned: Vec<Slot>,
    /// Whether a member owned something it does not subscribe to any more, or that is far.
    revoked: bool,
    moves: Moves,
    /// The answer of `is_balanced` since the last move.
    balanced: Option<bool>,
}

impl<'p> Builder<'p> {
    fn new(problem: &'p Problem<'p>, mut owned: Vec<Vec<Slot>>) -> Self {
        let mut subscribers = vec![Vec::new(); problem.topics.len()];
        for (member, topics) in problem.subscribed.iter().enumerate() {
            for &topic in topics {
                if let Some(subscribers) = subscribers.get_mut(topic) {
                    subscribers.push(member);
                }
            }
        }
        let mut topics: Vec<usize> = (0..problem.topics.len()).collect();
        topics.sort_by_key(|&topic| (subscribers.get(topic).map_or(0, Vec::len), topic));
        let ordered: Vec<Slot> = topics
            .iter()
            .filter_map(|&topic| problem.slots.get(topic).cloned())
            .flatten()
            .collect();

        let mut revoked = false;
        for (member, slots) in owned.iter_mut().enumerate() {
            let before = slots.len();
            slots.retain(|&slot| problem.subscribes(member, slot) && !problem.is_far(member, slot));
            revoked |= slots.len() < before;
        }
        let owner: BTreeMap<Slot, Member> = owned
            .iter()
            .enumerate()
            .flat_map(|(member, slots)| slots.iter().map(move |&slot| (slot, member)))
            .collect();
        let unassigned = ordered
            .iter()
            .copied()
            .filter(|slot| !owner.contains_key(slot))
            .collect();
        let by_load = owned
            .iter()
            .enumerate()
            .map(|(member, slots)| (slots.len(), member))
            .collect();
        Builder {
            problem,
            subscribers,
            assigned: owned,
            owner,
            by_load,
            ordered,
            unassigned,
            revoked,
            moves: Moves::default(),
            balanced: None,
        }
    }

    fn balance(&mut self, past: &BTreeMap<Slot, Member>) {
        let starting = self.by_load.last().is_none_or(|&(load, _)| load == 0);

        let mut to_assign = self.unassigned.clone();
        if self.problem.racks_matter() {
            to_assign.retain(|&slot| !self.assign_one(slot, true));
        }
        for slot in to_assign {
            self.assign_one(slot, false);
        }

        // Only partitions with a choice of members can move, and only members with a choice take
        // part.
        let contested = |slot: &Slot| self.choices(*slot) >= 2;
        let ordered: Vec<Slot> = self.ordered.iter().copied().filter(contested).collect();
        let unassigned: Vec<Slot> = self.unassigned.iter().copied().filter(contested).collect();
        let fixed: Vec<(usize, Member)> = self
            .by_load
            .iter()
            .copied()
            .filter(|&(_, member)| !self.can_take_part(member))
            .collect();
        for member in &fixed {
            self.by_load.remove(member);
        }

        let before = self.assigned.clone();
        let score_before = self.score();
        if !self.revoked {
            self.move_while_unbalanced(&unassigned, past);
        }
        let moved = self.move_while_unbalanced(&ordered, past);
        if !starting && moved && self.score() >= score_before {
            self.assigned = before;
        }
    }

    /// Gives the partition to the least loaded subscriber, near ones only if so asked; whether
    /// there was one.
    fn assign_one(&mut self, slot: Slot, near_only: bool) -> bool {
        let problem = self.problem;
        let taker = self.by_load.iter().copied().find(|&(_, member)| {
            problem.subscribes(member, slot) && !(near_only && problem.is_far(member, slot))
        });
        let Some((load, member)) = taker else {
            return false;
        };
        self.by_load.remove(&(load, member));
        self.by_load.insert((load + 1, member));
        self.owner.insert(slot, member);
        if let Some(slots) = self.assigned.get_mut(member) {
            slots.push(slot);
        }
        true
    }

    fn choices(&self, slot: Slot) -> usize {
        self.subscribers_of(slot).len()
    }

    fn subscribers_of(&self, slot: Slot) -> &[Member] {
        let topic = self.problem.topic(slot);
        topic
            .and_then(|topic| self.subscribers.get(topic))
            .map_or(&[], Vec::as_slice)
    }

    fn load(&self, member: Member) -> usize {
        self.assigned.get(member).map_or(0, Vec::len)
    }

    fn takes_part(&self, member: Member) -> bool {
        self.by_load.contains(&(self.load(member), member))
    }

    fn can_take_part(&self, member: Member) -> bool {
        self.load(member) < self.load_max(member)
            || self
                .assigned
                .get(member)
                .is_some_and(|slots| slots.iter().any(|&slot| self.choices(slot) >= 2))
    }

    /// How many partitions the member could have at all.
    fn load_max(&self, member: Member) -> usize {
        let topics = self.problem.subscribed.get(member).into_iter().flatten();
        topics
            .filter_map(|&topic| self.problem.slots.get(topic))
            .map(|slots| slots.len())
            .sum()
    }

    /// Whether no single move to a member that takes part would improve the balance.
    fn is_balanced(&mut self) -> bool {
        if let Some(known) = self.balanced {
            return known;
        }
        let balanced = self.compute_balanced();
        self.balanced = Some(balanced);
        balanced
    }

    fn compute_balanced(&self) -> bool {
        let (Some(&(fewest, _)), Some(&(most, _))) = (self.by_load.first(), self.by_load.last())
        else {
            return true;
        };
        if fewest + 1 >= most {
            return true;
        }
        // The largest load among the owners of each topic's partitions says whether a subscriber
        // could get one of them.
        let mut load_max = vec![0; self.problem.topics.len()];
        for &(load, member) in &self.by_load {
            for &slot in self.assigned.get(member).into_iter().flatten() {
                let topic = self
                    .problem
                    .topic(slot)
                    .and_then(|topic| load_max.get_mut(topic));
                if let Some(most) = topic {
                    *most = load.max(*most);
                }
            }
        }
        self.by_load.iter().all(|&(load, member)| {
            let topics = self.problem.subscribed.get(member).into_iter().flatten();
            load == self.load_max(member)
                || topics
                    .filter_map(|&t| load_max.get(t))
                    .all(|&most| load + 1 >= most)
        })
    }

    /// Moves partitions of `candidates`, in order, again and again until it is balanced or nothing
    /// moves; whether anything did.
    fn move_while_unbalanced(
        &mut self,
        candidates: &[Slot],
        past: &BTreeMap<Slot, Member>,
    ) -> bool {
        let mut moved = false;
        loop {
            let mut moved_now = false;
            for &slot in candidates {
                if self.is_balanced() {
                    break;
                }
                moved_now |= self.move_if_better(slot, past);
            }
            moved |= moved_now;
            if !moved_now {
                return moved;
            }
        }
    }

    fn move_if_better(&mut self, slot: Slot, past: &BTreeMap<Slot, Member>) -> bool {
        let Some(&owner) = self.owner.get(&slot) else {
            return false;
        };
        let load = self.load(owner);
        // Back to its owner of before, if that one has room. (Java does not ask whether it still
        // subscribes.)
        if let Some(&before) = past.get(&slot) {
            let may = self.problem.subscribes(before, slot) && self.takes_part(before);
            if may && load > self.load(before) + 1 {
                return self.move_to(slot, owner, before);
            }
        }
        if !self
            .subscribers_of(slot)
            .iter()
            .any(|&other| load > self.load(other) + 1)
        {
            return false;
        }
        let least = self
            .by_load
            .iter()
            .find(|&&(_, other)| self.problem.subscribes(other, slot));
        match least {
            Some(&(_, taker)) => self.move_to(slot, owner, taker),
            None => false,
        }
    }

    /// Moves this partition, or another of its topic whose move back is the same for the balance.
    fn move_to(&mut self, slot: Slot, owner: Member, taker: Member) -> bool {
        let Some(topic) = self.problem.topic(slot) else {
            return false;
        };
        let slot = self.moves.better_choice(topic, slot, owner, taker);
        let Some(&owner) = self.owner.get(&slot) else {
            return false;
        };
        for member in [owner, taker] {
            self.by_load.remove(&(self.load(member), member));
        }
        self.moves.record(topic, slot, owner, taker);
        if let Some(slots) = self.assigned.get_mut(owner) {
            slots.retain(|&kept| kept != slot);
        }
        if let Some(slots) = self.assigned.get_mut(taker) {
            slots.push(slot);
        }
        self.owner.insert(slot, taker);
        for member in [owner, taker] {
            self.by_load.insert((self.load(member), member));
        }
        self.balanced = None;
        true
    }

    /// Sum of the differences in load between all pairs of members that take part; 0 is perfect.
    fn score(&self) -> usize {
        // In ascending order each load is above every one before it.
        let mut sum = 0;
        let mut score = 0;
        for (before, &(load, _)) in self.by_load.iter().enumerate() {
            score += load * before - sum;
            sum += load;
        }
        score
    }
}

/// The moves made so far, so that a partition is rather moved back than another one moved there.
#[derive(Default)]
struct Moves {
    /// For each partition that moved, from whom and to whom.
    by_slot: BTreeMap<Slot, (Member, Member)>,
    /// The same by topic, origin and destination.
    by_pair: BTreeMap<(usize, Member, Member), BTreeSet<Slot>>,
}

impl Moves {
    fn record(&mut self, topic: usize, slot: Slot, from: Member, to: Member) {
        let mut origin = from;
        if let Some((first, last)) = self.by_slot.remove(&slot) {
            if let Some(slots) = self.by_pair.get_mut(&(topic, first, last)) {
                slots.remove(&slot);
            }
            if first == to {
                return;
            }
            origin = first;
        }
        self.by_slot.insert(slot, (origin, to));
        self.by_pair
            .entry((topic, origin, to))
            .or_default()
            .insert(slot);
    }

    /// The partition of the same topic that once moved the opposite way, if there is one.
    fn better_choice(&self, topic: usize, slot: Slot, from: Member, to: Member) -> Slot {
        let origin = self.by_slot.get(&slot).map_or(from, |&(origin, _)| origin);
        let reverse = self.by_pair.get(&(topic, to, origin));
        reverse
            .and_then(|slots| slots.first())
            .copied()
            .unwrap_or(slot)
    }
}
