//! The sticky assignor of streams groups: active tasks stay where they are, or go where a spare is;
//! spares stay too; the rest goes to the process that has least, and in it to the member that has
//! least. What it decides is what Kafka's `StickyTaskAssignor` decides, but for ties between ids.
//!
//! A process counts as loaded by its tasks per member. No process gets a task twice.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::{PartitionId, StrBytes};

use super::tasks::{self, TaskSet, Tasks};

/// A task: its sub-topology and partition.
type Task = (StrBytes, PartitionId);

/// A member, as the assignor sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct MemberView<'a> {
    pub(super) process_id: StrBytes,
    /// What it was to have before.
    pub(super) target: Option<&'a Tasks>,
    /// How far it says the state of tasks is that it has, active or not.
    pub(super) offsets: BTreeMap<Task, i64>,
}

/// A group, as the assignor sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupView<'a> {
    pub(super) members: BTreeMap<StrBytes, MemberView<'a>>,
    /// The number of tasks of each sub-topology, and whether they keep state.
    pub(super) subtopologies: BTreeMap<StrBytes, (usize, bool)>,
    pub(super) standby_replicas: usize,
}

/// Says who is to have what.
pub(super) fn assign(group: &GroupView<'_>) -> BTreeMap<StrBytes, Tasks> {
    let mut round = Round::new(group);
    round.assign_active(group.tasks(|_| true));
    if group.standby_replicas > 0 {
        round.assign_standby(group.tasks(|is_stateful| is_stateful));
    }
    round.result
}

impl GroupView<'_> {
    fn tasks(&self, wanted: impl Fn(bool) -> bool) -> Vec<Task> {
        let mut tasks = Vec::new();
        for (id, (count, is_stateful)) in &self.subtopologies {
            if wanted(*is_stateful) {
                let partitions = (0..).take(*count).map(PartitionId);
                tasks.extend(partitions.map(|partition| (id.clone(), partition)));
            }
        }
        tasks
    }
}

/// How many tasks a member may have, so that it comes out even: when one has that many, the rest is
/// shared among the others.
#[derive(Debug)]
struct Quota {
    tasks: usize,
    members: usize,
    per_member: usize,
}

impl Quota {
    fn new(tasks: usize, members: usize) -> Self {
        Quota {
            tasks,
            members,
            per_member: tasks.div_ceil(members.max(1)),
        }
    }

    /// A member has got its last task up to now.
    fn note(&mut self, tasks_of_member: usize) {
        if tasks_of_member == self.per_member && self.members > 0 {
            self.members -= 1;
            self.tasks = self.tasks.saturating_sub(tasks_of_member);
            self.per_member = match self.members {
                0 => 0,
                members => self.tasks.div_ceil(members),
            };
        }
    }
}

/// A process: the members that share a state directory.
#[derive(Debug, Default)]
struct Process {
    /// How many tasks each member has got.
    members: BTreeMap<StrBytes, usize>,
    tasks: BTreeSet<Task>,
    count: usize,
}

impl Process {
    /// Tasks per member, to be compared: scaled, as both are whole numbers.
    fn load(&self) -> u128 {
        let members = self.members.len().max(1) as u128;
        ((self.count as u128) << 64) / members
    }
}

struct Round<'a> {
    group: &'a GroupView<'a>,
    processes: BTreeMap<StrBytes, Process>,
    /// Processes by load.
    by_load: BTreeSet<(u128, StrBytes)>,
    /// Who had a task before: active, and as spares, the best first.
    had_active: BTreeMap<Task, StrBytes>,
    had_standby: BTreeMap<Task, Vec<StrBytes>>,
    active: Quota,
    all: Quota,
    result: BTreeMap<StrBytes, Tasks>,
}

impl<'a> Round<'a> {
    fn new(group: &'a GroupView<'a>) -> Self {
        let counts = group.subtopologies.values();
        let active: usize = counts.clone().map(|(count, _)| count).sum();
        let stateful = counts.filter(|(_, is_stateful)| *is_stateful);
        let standby: usize = stateful
            .map(|(count, _)| count * group.standby_replicas)
            .sum();
        let members = group.members.len();
        let mut round = Round {
            group,
            processes: BTreeMap::new(),
            by_load: BTreeSet::new(),
            had_active: BTreeMap::new(),
            had_standby: BTreeMap::new(),
            active: Quota::new(active, members),
            all: Quota::new(active + standby, members),
            result: BTreeMap::new(),
        };
        for (id, member) in &group.members {
            let process = round
                .processes
                .entry(member.process_id.clone())
                .or_default();
            process.members.insert(id.clone(), 0);
            round.result.insert(id.clone(), Tasks::default());
            let target = member
                .target
                .into_iter()
                .flat_map(|target| tasks::each(&target.active));
            for (subtopology, partition) in target {
                round
                    .had_active
                    .insert((subtopology.clone(), partition), id.clone());
            }
        }
        round.had_standby = spares(group);
        let loads = round
            .processes
            .iter()
            .map(|(id, process)| (process.load(), id.clone()));
        round.by_load = loads.collect();
        round
    }

    fn process_of(&self, member: &StrBytes) -> Option<(&StrBytes, &Process)> {
        let id = &self.group.members.get(member)?.process_id;
        Some((id, self.processes.get(id)?))
    }

    /// How many tasks a member has got.
    fn count_of(&self, member: &StrBytes) -> usize {
        let process = self.process_of(member);
        let count = process.and_then(|(_, process)| process.members.get(member).copied());
        count.unwrap_or(0)
    }

    fn process_has(&self, member: &StrBytes, task: &Task) -> bool {
        self.process_of(member)
            .is_some_and(|(_, process)| process.tasks.contains(task))
    }

    /// Gives a task to a member.
    fn give(&mut self, member: &StrBytes, task: &Task, is_active: bool) {
        let Some(view) = self.group.members.get(member) else {
            return;
        };
        let id = &view.process_id;
        let Some(process) = self.processes.get_mut(id) else {
            return;
        };
        self.by_load.remove(&(process.load(), id.clone()));
        process.count += 1;
        process.tasks.insert(task.clone());
        let count = process.members.entry(member.clone()).or_default();
        *count += 1;
        let count = *count;
        self.by_load.insert((process.load(), id.clone()));
        if is_active {
            self.active.note(count);
        }
        self.all.note(count);
        let tasks = self.result.entry(member.clone()).or_default();
        let set: &mut TaskSet = if is_active {
            &mut tasks.active
        } else {
            &mut tasks.standby
        };
        tasks::insert(set, &task.0, task.1);
    }

    fn assign_active(&mut self, mut open: Vec<Task>) {
        // By partition first, so that tasks over the same partitions stay together.
        open.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        open.retain(|task| {
            let Some(member) = self.had_active.get(task).cloned() else {
                return true;
            };
            let stays = self.count_of(&member) < self.active.per_member;
            if stays {
                self.give(&member, task, true);
            }
            !stays
        });
        open.retain(|task| {
            let Some(member) = self.least_loaded_spare(task, false) else {
                return true;
            };
            let goes = self.count_of(&member) < self.active.per_member;
            if goes {
                self.give(&member, task, true);
            }
            !goes
        });
        open.sort();
        for task in open {
            let process = self.by_load.first().map(|(_, id)| id.clone());
            if let Some(member) = process.and_then(|id| self.least_loaded_member(&id)) {
                self.give(&member, &task, true);
            }
        }
    }

    fn assign_standby(&mut self, mut open: Vec<Task>) {
        open.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
        let mut rest: Vec<(Task, usize)> = Vec::new();
        for task in open {
            let mut given = 0;
            while given < self.group.standby_replicas {
                let Some(member) = self.sticky_spare(&task) else {
                    break;
                };
                self.give(&member, &task, false);
                given += 1;
            }
            rest.push((task, self.group.standby_replicas - given));
        }
        rest.sort_by(|(a, _), (b, _)| b.cmp(a));
        for (task, replicas) in rest {
            for _ in 0..replicas {
                let without = self.by_load.iter().find(|(_, id)| {
                    self.processes
                        .get(id)
                        .is_some_and(|process| !process.tasks.contains(&task))
                });
                let process = without.map(|(_, id)| id.clone());
                let Some(member) = process.and_then(|id| self.least_loaded_member(&id)) else {
                    // Every process has it: there are not enough of them.
                    break;
                };
                self.give(&member, &task, false);
            }
        }
    }

    /// Where a spare of a task is best kept: where it was active, or a spare, if there is room.
    fn sticky_spare(&self, task: &Task) -> Option<StrBytes> {
        let has_room = |member: &StrBytes| self.count_of(member) < self.all.per_member;
        let was_active = self.had_active.get(task);
        let was_active =
            was_active.filter(|member| !self.process_has(member, task) && has_room(member));
        if let Some(member) = was_active {
            return Some(member.clone());
        }
        self.least_loaded_spare(task, true).filter(has_room)
    }

    /// Of those that have the state of a task, the one to prefer.
    fn least_loaded_spare(&self, task: &Task, must_not_have_it: bool) -> Option<StrBytes> {
        let mut best: Option<(u128, usize, &StrBytes)> = None;
        for member in self.had_standby.get(task)? {
            if must_not_have_it && self.process_has(member, task) {
                continue;
            }
            let Some((_, process)) = self.process_of(member) else {
                continue;
            };
            let (load, count) = (process.load(), self.count_of(member));
            if best.is_none_or(|(best_load, best_count, _)| load < best_load && count < best_count)
            {
                best = Some((load, count, member));
            }
        }
        best.map(|(_, _, member)| member.clone())
    }

    fn least_loaded_member(&self, process: &StrBytes) -> Option<StrBytes> {
        let members = self.processes.get(process)?.members.iter();
        members
            .min_by_key(|(id, count)| (**count, *id))
            .map(|(id, _)| id.clone())
    }
}

/// Who has the state of tasks without processing them: those that were to have them as spares first,
/// then by how far they are.
fn spares(group: &GroupView<'_>) -> BTreeMap<Task, Vec<StrBytes>> {
    let mut candidates: BTreeMap<Task, Vec<(bool, i64, StrBytes)>> = BTreeMap::new();
    for (id, member) in &group.members {
        let nothing = TaskSet::new();
        let standby = member.target.map_or(&nothing, |target| &target.standby);
        for (subtopology, partition) in tasks::each(standby) {
            let task = (subtopology.clone(), partition);
            let offset = member.offsets.get(&task).copied().unwrap_or(0);
            candidates
                .entry(task)
                .or_default()
                .push((false, offset.saturating_neg(), id.clone()));
        }
        for (task, offset) in &member.offsets {
            if !tasks::contains(standby, &task.0, task.1) {
                let row = (true, offset.saturating_neg(), id.clone());
                candidates.entry(task.clone()).or_default().push(row);
            }
        }
    }
    let ranked = |(task, mut rows): (Task, Vec<(bool, i64, StrBytes)>)| {
        rows.sort();
        (task, rows.into_iter().map(|(_, _, id)| id).collect())
    };
    candidates.into_iter().map(ranked).collect()
}

#[cfg(test)]
mod tests;
