//! Tasks: a sub-topology and a partition each, active or kept up to date as a spare.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::messages::StreamsTaskIds;
use thalweg_protocol::{PartitionId, StrBytes};

/// Tasks by sub-topology.
pub(super) type TaskSet = BTreeMap<StrBytes, BTreeSet<PartitionId>>;

/// Tasks by sub-topology, each with the member epoch in which the member got it.
pub(super) type DatedTasks = BTreeMap<StrBytes, BTreeMap<PartitionId, i32>>;

/// What a member is to have, or says it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tasks {
    pub(super) active: TaskSet,
    pub(super) standby: TaskSet,
}

/// What a member has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct HeldTasks {
    pub(super) active: DatedTasks,
    pub(super) standby: TaskSet,
}

impl HeldTasks {
    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty() && self.standby.is_empty()
    }

    /// The active ones, without their epochs.
    pub(super) fn active_set(&self) -> TaskSet {
        let undated = |(id, tasks): (&StrBytes, &BTreeMap<PartitionId, i32>)| {
            (id.clone(), tasks.keys().copied().collect())
        };
        self.active.iter().map(undated).collect()
    }

    /// Whether any of these is among `reported`.
    pub(super) fn intersects(&self, reported: &Tasks) -> bool {
        let active = self.active.iter().any(|(id, tasks)| {
            let reported = reported.active.get(id);
            reported.is_some_and(|set| set.iter().any(|task| tasks.contains_key(task)))
        });
        let standby = self.standby.iter().any(|(id, tasks)| {
            let reported = reported.standby.get(id);
            reported.is_some_and(|set| !set.is_disjoint(tasks))
        });
        active || standby
    }
}

/// Reads tasks out of a request.
pub(super) fn read(tasks: &[StreamsTaskIds]) -> TaskSet {
    let mut set = TaskSet::new();
    for of_subtopology in tasks {
        let partitions = of_subtopology.partitions.iter().copied();
        let id = of_subtopology.subtopology_id.detached();
        set.entry(id).or_default().extend(partitions);
    }
    set.retain(|_, partitions| !partitions.is_empty());
    set
}

/// Writes tasks into an answer.
pub(super) fn write(set: &TaskSet) -> Vec<StreamsTaskIds> {
    let one = |(id, partitions): (&StrBytes, &BTreeSet<PartitionId>)| StreamsTaskIds {
        subtopology_id: id.clone(),
        partitions: partitions.iter().copied().collect(),
        ..Default::default()
    };
    set.iter().map(one).collect()
}

/// Takes one task out.
pub(super) fn remove(set: &mut TaskSet, id: &StrBytes, task: PartitionId) {
    if let Some(tasks) = set.get_mut(id) {
        tasks.remove(&task);
        if tasks.is_empty() {
            set.remove(id);
        }
    }
}

/// Puts one task in.
pub(super) fn insert(set: &mut TaskSet, id: &StrBytes, task: PartitionId) {
    set.entry(id.clone()).or_default().insert(task);
}

/// Whether a task is in.
pub(super) fn contains(set: &TaskSet, id: &StrBytes, task: PartitionId) -> bool {
    set.get(id).is_some_and(|tasks| tasks.contains(&task))
}

/// All tasks of a set, one by one.
pub(super) fn each(set: &TaskSet) -> impl Iterator<Item = (&StrBytes, PartitionId)> {
    let of_one = |(id, tasks): (_, &'_ BTreeSet<PartitionId>)| {
        let tasks: Vec<PartitionId> = tasks.iter().copied().collect();
        tasks.into_iter().map(move |task| (id, task))
    };
    set.iter().flat_map(of_one)
}
