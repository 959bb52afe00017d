//! Uniform, where all members subscribe to the same topics: everybody gets the same number of
//! partitions, give or take one, and keeps as many as that allows.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::{PartitionId, StrBytes, Uuid};

use super::{GroupView, Partitions, all_partitions};

/// Says who is to have what.
pub(super) fn assign(group: &GroupView<'_>) -> BTreeMap<StrBytes, Partitions> {
    let Some(first) = group.members.values().next() else {
        return BTreeMap::new();
    };
    let mut round = Round::new(group, &first.topics);
    let total: usize = first
        .topics
        .iter()
        .map(|topic| group.partition_count(topic))
        .sum();
    let fair_share = total / group.members.len();
    let mut with_one_more = total % group.members.len();

    let mut result = BTreeMap::new();
    for (served, (id, member)) in group.members.iter().enumerate() {
        let mut quota = fair_share + usize::from(with_one_more > 0);
        let mut has_one_more = with_one_more > 0;
        let kept = round.keep(member.target, &mut quota);
        // Whoever already had one more keeps it; others get it only if it must go to them.
        let members_left = group.members.len() - served;
        if has_one_more && quota > 0 && members_left > with_one_more {
            quota -= 1;
            has_one_more = false;
        }
        with_one_more -= usize::from(has_one_more);
        if quota > 0 {
            round.unfilled.push(((*id).clone(), quota));
        }
        result.insert((*id).clone(), kept);
    }
    round.hand_out(&mut result);
    result
}

/// What is still to be handed out, and to whom.
struct Round<'a> {
    topics: &'a BTreeSet<Uuid>,
    free: Vec<(Uuid, PartitionId)>,
    unfilled: Vec<(StrBytes, usize)>,
}

impl<'a> Round<'a> {
    fn new(group: &GroupView<'_>, topics: &'a BTreeSet<Uuid>) -> Self {
        let mut held: BTreeSet<(Uuid, PartitionId)> = BTreeSet::new();
        for target in group.members.values().filter_map(|member| member.target) {
            for (topic, partitions) in target {
                held.extend(partitions.iter().map(|partition| (*topic, *partition)));
            }
        }
        let of_topic = |topic: &Uuid| {
            let topic = *topic;
            all_partitions(group.partition_count(&topic)).map(move |partition| (topic, partition))
        };
        let all = topics.iter().flat_map(of_topic);
        Round {
            topics,
            free: all.filter(|partition| !held.contains(partition)).collect(),
            unfilled: Vec::new(),
        }
    }

    /// What a member keeps of what it was to have; the rest is free.
    fn keep(&mut self, target: Option<&Partitions>, quota: &mut usize) -> Partitions {
        let mut kept = Partitions::new();
        for (topic, partitions) in target.into_iter().flatten() {
            if !self.topics.contains(topic) {
                continue;
            }
            let keep = partitions.len().min(*quota);
            *quota -= keep;
            let free = partitions.iter().skip(keep);
            self.free.extend(free.map(|partition| (*topic, *partition)));
            if keep > 0 {
                kept.insert(*topic, partitions.iter().take(keep).copied().collect());
            }
        }
        kept
    }

    fn hand_out(self, result: &mut BTreeMap<StrBytes, Partitions>) {
        let mut free = self.free.into_iter();
        for (id, quota) in self.unfilled {
            let partitions = result.entry(id).or_default();
            for (topic, partition) in free.by_ref().take(quota) {
                partitions.entry(topic).or_default().insert(partition);
            }
        }
    }
}
