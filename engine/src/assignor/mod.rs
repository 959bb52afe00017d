//! Who works on what: the leader of the group gives every task to exactly one member.
//!
//! A *task* is one partition of a sub-topology, and takes partition *p* of all of that
//! sub-topology's topics: co-partitioned data stays together by construction. The assignment is
//!
//! - *balanced*: two members differ by at most one task, and the tasks of one sub-topology are
//!   spread (a sub-topology with heavy tasks does not land on one member);
//! - *sticky*: a task stays where it is unless balance demands the move, since a move costs a
//!   restore;
//! - *deterministic*: the same members with the same claims get the same answer, in any order;
//! - *cooperative*: a task that must move is first taken from its old owner, and given to its new
//!   one in the rebalance that follows the old owner's release, so two members never both own it.
//!
//! Members say which instance they belong to ([`MemberNote`]). It is there for the standbys to
//! come, which must not sit beside their active task; the active assignment itself counts members
//! (workers), since those are what computes.

mod balance;
mod group_assignor;
mod note;
mod task_id;

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::PartitionId;

use crate::task::SubTopologyId;

pub(crate) use group_assignor::GroupAssignor;
use note::MemberNote;
pub(crate) use task_id::TaskId;

/// The name under which members agree on this assignor.
pub(crate) const ASSIGNOR_NAME: &str = "thalweg";

/// The topics of each sub-topology, by its index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TaskTopics {
    sub_topologies: Vec<Vec<String>>,
}

impl TaskTopics {
    /// The topics each sub-topology reads.
    pub(crate) fn new(sub_topologies: Vec<Vec<String>>) -> Self {
        Self { sub_topologies }
    }

    /// Every topic once, sorted: what the members subscribe to.
    pub(crate) fn topics(&self) -> BTreeSet<&str> {
        self.sub_topologies
            .iter()
            .flatten()
            .map(String::as_str)
            .collect()
    }

    /// All tasks, given how many partitions each topic has. A topic nobody knows has none.
    pub(crate) fn tasks(&self, partitions: &BTreeMap<String, u32>) -> BTreeSet<TaskId> {
        let mut tasks = BTreeSet::new();
        for (sub_topology, topics) in (0u32..).zip(&self.sub_topologies) {
            let most = topics
                .iter()
                .filter_map(|topic| partitions.get(topic))
                .max();
            for partition in 0..most.copied().unwrap_or(0) {
                let Ok(partition) = i32::try_from(partition) else {
                    break;
                };
                tasks.insert(TaskId {
                    sub_topology: SubTopologyId(sub_topology),
                    partition: PartitionId(partition),
                });
            }
        }
        tasks
    }

    /// The task that reads a partition. No topic is read by two sub-topologies.
    pub(crate) fn task_of(&self, topic: &str, partition: PartitionId) -> Option<TaskId> {
        (0u32..)
            .zip(&self.sub_topologies)
            .find(|(_, topics)| topics.iter().any(|known| known == topic))
            .map(|(sub_topology, _)| TaskId {
                sub_topology: SubTopologyId(sub_topology),
                partition,
            })
    }

    /// The partitions a task reads, in the order of its topics. A sub-topology that merges topics
    /// of different partition counts has tasks that read only some of them.
    pub(crate) fn partitions_of<'a>(
        &'a self,
        task: TaskId,
        partitions: &'a BTreeMap<String, u32>,
    ) -> impl Iterator<Item = (&'a str, PartitionId)> {
        let index = usize::try_from(task.sub_topology.0).unwrap_or(usize::MAX);
        let topics = self.sub_topologies.get(index).into_iter().flatten();
        topics
            .filter(move |topic| {
                let count = partitions.get(*topic).copied().unwrap_or(0);
                u32::try_from(task.partition.0).is_ok_and(|partition| partition < count)
            })
            .map(move |topic| (topic.as_str(), task.partition))
    }
}

/// What the leader knows of one member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Claim {
    /// What the member owned when it joined.
    pub(crate) owned: BTreeSet<TaskId>,
    /// The generation in which it came to own that.
    pub(crate) generation_id: i32,
}

/// Gives each of `tasks` to one of `members`, by the rules of this module, and withholds what
/// another member still owns. Every member is in the answer, with no tasks if it gets none.
pub(crate) fn assign(
    tasks: &BTreeSet<TaskId>,
    members: &BTreeMap<String, Claim>,
) -> BTreeMap<String, BTreeSet<TaskId>> {
    let owners = owners(tasks, members);
    let mut target = balance::balance(tasks, members.keys(), &owners);
    for (member, assigned) in &mut target {
        assigned.retain(|task| owners.get(task).is_none_or(|owner| owner == member));
    }
    target
}

/// Who owns a task now. Of two claims the later generation's is right (the other is a zombie's);
/// two claims of one generation cannot be told apart, so neither counts: the task is free, and
/// whichever of the two does not get it is told to revoke it.
fn owners(tasks: &BTreeSet<TaskId>, members: &BTreeMap<String, Claim>) -> BTreeMap<TaskId, String> {
    let mut claims: BTreeMap<TaskId, (i32, Option<&String>)> = BTreeMap::new();
    for (member, claim) in members {
        for task in claim.owned.iter().filter(|task| tasks.contains(task)) {
            let best = claims.entry(*task).or_insert((i32::MIN, None));
            match claim.generation_id.cmp(&best.0) {
                std::cmp::Ordering::Greater => *best = (claim.generation_id, Some(member)),
                std::cmp::Ordering::Equal => best.1 = None,
                std::cmp::Ordering::Less => {}
            }
        }
    }
    claims
        .into_iter()
        .filter_map(|(task, (_, owner))| Some((task, owner?.clone())))
        .collect()
}

#[cfg(test)]
mod tests;
