//! The balanced, sticky target assignment, before anything is withheld.

use std::collections::{BTreeMap, BTreeSet};

use crate::assignor::TaskId;
use crate::task::SubTopologyId;

/// Gives every task to one member, at most one task apart, moving as few as that allows.
///
/// With `T` tasks and `M` members, `T mod M` members get `T / M + 1` tasks and the rest `T / M`.
/// Those who own most get the larger share, so that the fewest tasks move: exactly
/// `Σ max(0, owned − share)` of the owned ones do.
pub(super) fn balance<'m>(
    tasks: &BTreeSet<TaskId>,
    members: impl Iterator<Item = &'m String>,
    owners: &BTreeMap<TaskId, String>,
) -> BTreeMap<String, BTreeSet<TaskId>> {
    let mut target: BTreeMap<String, BTreeSet<TaskId>> = members
        .map(|member| (member.clone(), BTreeSet::new()))
        .collect();
    if target.is_empty() {
        return target;
    }
    let mut free: BTreeSet<TaskId> = tasks.clone();
    for (task, owner) in owners {
        if let Some(assigned) = target.get_mut(owner) {
            assigned.insert(*task);
            free.remove(task);
        }
    }
    let shares = shares(tasks.len(), &target);
    for (member, assigned) in &mut target {
        let share = shares.get(member).copied().unwrap_or(0);
        while assigned.len() > share {
            let Some(task) = most_crowded(assigned) else {
                break;
            };
            assigned.remove(&task);
            free.insert(task);
        }
    }
    for task in free {
        // The shares add up to the number of tasks, so as long as one is free a member has room.
        let taker = target
            .iter()
            .filter(|(member, assigned)| {
                shares
                    .get(*member)
                    .is_some_and(|share| assigned.len() < *share)
            })
            .min_by_key(|(_, assigned)| (same_sub_topology(assigned, task), assigned.len()))
            .map(|(member, _)| member.clone());
        if let Some(assigned) = taker.and_then(|taker| target.get_mut(&taker)) {
            assigned.insert(task);
        }
    }
    target
}

/// How many tasks each member gets.
fn shares(tasks: usize, owned: &BTreeMap<String, BTreeSet<TaskId>>) -> BTreeMap<String, usize> {
    let (least, larger) = (tasks / owned.len(), tasks % owned.len());
    let mut by_owned: Vec<(&String, usize)> = owned
        .iter()
        .map(|(member, assigned)| (member, assigned.len()))
        .collect();
    // Stable: members that own equally many stay in the order of their ids.
    by_owned.sort_by_key(|(_, owned)| std::cmp::Reverse(*owned));
    by_owned
        .into_iter()
        .enumerate()
        .map(|(rank, (member, _))| (member.clone(), least + usize::from(rank < larger)))
        .collect()
}

/// The task to give up first: the last of the sub-topology that has most tasks here.
fn most_crowded(assigned: &BTreeSet<TaskId>) -> Option<TaskId> {
    let mut counts: BTreeMap<SubTopologyId, usize> = BTreeMap::new();
    for task in assigned {
        *counts.entry(task.sub_topology).or_default() += 1;
    }
    let (crowded, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    assigned
        .iter()
        .rev()
        .find(|task| task.sub_topology == crowded)
        .copied()
}

fn same_sub_topology(assigned: &BTreeSet<TaskId>, task: TaskId) -> usize {
    assigned
        .iter()
        .filter(|other| other.sub_topology == task.sub_topology)
        .count()
}
