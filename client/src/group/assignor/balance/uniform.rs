//! Balance when all members subscribe to the same topics: everybody gets the same number of
//! partitions, give or take one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Member, Owned, Problem, Slot};

/// The assignment by member, and the partitions that change hands with their takers.
pub(super) fn assign(
    problem: &Problem<'_>,
    owned: &Owned,
) -> (Vec<Vec<Slot>>, Vec<(Slot, Member)>) {
    let mut builder = Builder::new(problem, owned);
    builder.keep_owned();
    let mut unassigned = builder.unassigned();
    builder.hungry.sort_unstable();
    builder.content.make_contiguous().sort_unstable();
    if problem.racks_matter() {
        // Partitions with few members near them choose first.
        unassigned.sort_by_key(|&slot| problem.members_near.get(slot).copied());
        unassigned.retain(|&slot| !builder.deal_near(slot));
    }
    builder.deal_all(&unassigned);
    (builder.assigned, builder.transfers)
}

struct Builder<'p> {
    problem: &'p Problem<'p>,
    owned: &'p Owned,
    quota_min: usize,
    quota_max: usize,
    /// How many members end above the smaller quota; 0 when both quotas are equal.
    above_wanted: usize,
    above: usize,
    assigned: Vec<Vec<Slot>>,
    /// Members below the smaller quota.
    hungry: Vec<Member>,
    /// Members with exactly the smaller quota that may still get one more.
    content: VecDeque<Member>,
    /// Partitions somebody owned and did not keep.
    given_up: BTreeMap<Slot, Member>,
    transfers: Vec<(Slot, Member)>,
    /// Where the search for a near member goes on.
    turn: usize,
}

impl<'p> Builder<'p> {
    fn new(problem: &'p Problem<'p>, owned: &'p Owned) -> Self {
        let slots = problem.topic_of.len();
        let members = problem.members().max(1);
        Builder {
            problem,
            owned,
            quota_min: slots / members,
            quota_max: slots.div_ceil(members),
            above_wanted: slots % members,
            above: 0,
            assigned: vec![Vec::new(); problem.members()],
            hungry: Vec::new(),
            content: VecDeque::new(),
            given_up: BTreeMap::new(),
            transfers: Vec::new(),
            turn: 0,
        }
    }

    /// Members keep what they own, up to the larger quota while there are such places, else up to
    /// the smaller.
    fn keep_owned(&mut self) {
        let owned = self.owned;
        for (member, slots) in owned.by_member.iter().enumerate() {
            let mut keep = Vec::with_capacity(slots.len());
            for &slot in slots {
                if self.problem.is_far(member, slot) {
                    self.given_up.insert(slot, member);
                } else if !owned.contested.contains(&slot) {
                    keep.push(slot);
                }
            }
            keep.sort_by_key(|&slot| (self.problem.number(slot), self.problem.topic(slot)));

            let may_exceed = self.above < self.above_wanted;
            let kept = if keep.len() < self.quota_min {
                self.hungry.push(member);
                keep.len()
            } else if keep.len() >= self.quota_max && may_exceed {
                self.above += 1;
                if self.above == self.above_wanted {
                    self.content.clear();
                }
                self.quota_max
            } else {
                if may_exceed {
                    self.content.push_back(member);
                }
                self.quota_min
            };
            let surplus = keep.split_off(kept.min(keep.len()));
            self.given_up
                .extend(surplus.into_iter().map(|slot| (slot, member)));
            if let Some(assigned) = self.assigned.get_mut(member) {
                *assigned = keep;
            }
        }
    }

    fn unassigned(&self) -> Vec<Slot> {
        let kept: BTreeSet<Slot> = self.assigned.iter().flatten().copied().collect();
        (0..self.problem.topic_of.len())
            .filter(|slot| !kept.contains(slot))
            .collect()
    }

    /// Gives the partition to a member near one of its replicas; whether there was one with room.
    fn deal_near(&mut self, slot: Slot) -> bool {
        let problem = self.problem;
        let near = |member: Member| problem.is_near(member, slot);
        let count = self.hungry.len();
        let found = (0..count)
            .map(|step| (self.turn + step) % count)
            .find(|&index| self.hungry.get(index).copied().is_some_and(near));
        if let Some(index) = found {
            let member = self.hungry.get(index).copied().unwrap_or_default();
            let total = self.give(slot, member);
            let mut next = index;
            if total >= self.quota_min {
                self.hungry.remove(index);
                if total < self.quota_max && self.above < self.above_wanted {
                    self.content.push_back(member);
                }
            } else {
                next += 1;
            }
            self.turn = next.checked_rem(self.hungry.len()).unwrap_or(0);
            return true;
        }
        let Some(index) = self.content.iter().position(|&member| near(member)) else {
            return false;
        };
        let member = self.content.get(index).copied().unwrap_or_default();
        if self.give(slot, member) == self.quota_max {
            self.content.remove(index);
            self.above += 1;
            if self.above == self.above_wanted {
                self.content.clear();
            }
        }
        true
    }

    /// Deals out the rest in turn: first to those below the smaller quota, then one each to as
    /// many as may exceed it.
    fn deal_all(&mut self, unassigned: &[Slot]) {
        let mut turn = 0;
        for &slot in unassigned {
            if turn >= self.hungry.len() {
                turn = 0;
            }
            if let Some(&member) = self.hungry.get(turn) {
                if self.give(slot, member) == self.quota_min {
                    self.hungry.remove(turn);
                    self.content.push_back(member);
                } else {
                    turn += 1;
                }
            } else if let Some(member) = self.content.pop_front() {
                self.give(slot, member);
            }
        }
    }

    /// Gives the partition to the member; how many it has now.
    fn give(&mut self, slot: Slot, member: Member) -> usize {
        let from_another = self
            .given_up
            .get(&slot)
            .is_some_and(|&owner| owner != member);
        if from_another || self.owned.contested.contains(&slot) {
            self.transfers.push((slot, member));
        }
        self.assigned.get_mut(member).map_or(0, |assigned| {
            assigned.push(slot);
            assigned.len()
        })
    }
}
