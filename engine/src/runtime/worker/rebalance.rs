//! What the group gives and takes.

use std::collections::BTreeSet;

use thalweg_client::{ConsumeError, Disposition, Revocation, StartAt, TopicPartition};

use tokio::time::Instant;

use super::Worker;
use super::corrupt::source_settings;
use crate::assignor::TaskId;
use crate::runtime::error::AppError;
use crate::runtime::idle::IdleWatch;
use crate::runtime::restore::Candidate;
use crate::runtime::slot::Slot;
use crate::runtime::takeover::{TakenChangelog, TakenInput, Takeover, TakeoverError};
use crate::source::BadRecordPolicy;
use crate::task::{InputInit, TaskInit};
use crate::topology::{InputKind, OnOutOfRange, SourceSettings, StartFrom};

impl Worker {
    pub(super) fn handle_assigned(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<(), AppError> {
        self.joined = true;
        if let Some(member_id) = self.consumer.member_id() {
            self.instance
                .folder
                .remember_member(self.index, &member_id)?;
        }
        let mut tasks = self.tasks_of(partitions);
        tasks.retain(|task| !self.slots.contains_key(task));
        if !tasks.is_empty() {
            tracing::info!(worker = self.index, tasks = %names(&tasks), "tasks assigned");
        }
        self.take_over(&tasks)
    }

    pub(super) fn handle_revoked(&mut self, revocation: Revocation) -> Result<(), AppError> {
        let tasks = self.tasks_of(revocation.partitions());
        tracing::info!(worker = self.index, tasks = %names(&tasks), "tasks revoked");
        for task in &tasks {
            self.restorer.give_up(*task)?;
        }
        self.revocations.push(revocation);
        self.cycle.handle_revoked(tasks);
        Ok(())
    }

    pub(super) fn handle_lost(&mut self, partitions: &[TopicPartition]) {
        let tasks = self.tasks_of(partitions);
        tracing::warn!(
            worker = self.index,
            tasks = %names(&tasks),
            "the group went on without this worker; its tasks are lost"
        );
        self.joined = false;
        self.outputs.clear();
        self.held.clear();
        self.revocations.clear();
        self.restorer.give_up_all();
        let all: BTreeSet<TaskId> = self.slots.keys().copied().collect();
        self.drop_tasks(&all);
        self.cycle.handle_lost();
    }

    /// Everything of these tasks is settled: gives them up, and lets the group know.
    pub(super) fn give_up(&mut self, tasks: &BTreeSet<TaskId>) {
        self.drop_tasks(tasks);
        self.revocations.clear();
        self.cycle.handle_given_up();
    }

    pub(super) fn drop_tasks(&mut self, tasks: &BTreeSet<TaskId>) {
        for task in tasks {
            if let Some(slot) = self.slots.remove(task) {
                for input in slot.inputs() {
                    self.routes.remove(&input.partition);
                    self.idle.remove(&input.partition);
                    self.finished.remove(&input.partition);
                    self.relocated.remove(&input.partition);
                }
            }
        }
        self.note_progress();
    }

    /// Begins to take tasks over (E3).
    pub(super) fn take_over(&mut self, tasks: &BTreeSet<TaskId>) -> Result<(), AppError> {
        for task in tasks {
            let candidate = self.candidate(*task)?;
            self.restorer.begin(candidate)?;
        }
        self.note_progress();
        Ok(())
    }

    /// A restored task begins to run.
    pub(super) fn take(&mut self, slot: Slot) -> Result<(), AppError> {
        for (index, input) in slot.inputs().iter().enumerate() {
            let settings = source_settings(&self.instance, slot.id, input.id);
            self.idle.insert(
                input.partition.clone(),
                IdleWatch::new(settings.and_then(|settings| settings.idle_after)),
            );
            self.routes
                .insert(input.partition.clone(), (slot.id, index));
            // Not assigned any more: then it is about to be revoked or lost.
            let _ = self
                .consumer
                .seek(&input.partition, StartAt::Offset(input.next()));
        }
        if slot.has_to_commit() {
            let now = self.instance.settings.clock.monotonic();
            self.cycle.handle_processed(now, slot.id, 0, 0);
        }
        self.slots.insert(slot.id, slot);
        self.note_progress();
        Ok(())
    }

    /// Makes a task, with all that is known about its topics.
    fn candidate(&self, id: TaskId) -> Result<Candidate, AppError> {
        let index = usize::try_from(id.sub_topology.0).unwrap_or(usize::MAX);
        let sub_topology = self
            .instance
            .topology
            .sub_topologies()
            .get(index)
            .ok_or_else(|| {
                AppError::Program(format!("task {id} does not exist in this program"))
            })?;
        let mut inits = Vec::new();
        let mut taken = Vec::new();
        let mut ids = Vec::new();
        for input in &sub_topology.inputs {
            let facts = self.facts_for(&input.topic, id.partition)?;
            let partitions = facts.map_or(0, |facts| facts.partitions);
            let present = u32::try_from(id.partition.0).is_ok_and(|own| own < partitions);
            let (settings, upstream_tasks) = match input.kind {
                InputKind::Source(settings) => (settings, 0),
                InputKind::Repartition { upstream, .. } => (
                    repartition_settings(),
                    self.instance.plan.tasks_of(upstream),
                ),
            };
            inits.push(InputInit {
                present,
                upstream_tasks,
            });
            if present {
                ids.push(input.id);
                taken.push(TakenInput {
                    topic: input.topic.to_string(),
                    topic_id: facts.map(|facts| facts.topic_id).unwrap_or_default(),
                    partitions,
                    start_from: settings.start_from,
                    on_out_of_range: settings.on_out_of_range,
                });
            }
        }
        let time_changelog = sub_topology.time_changelog.iter();
        let changelogs = sub_topology
            .changelogs
            .iter()
            // Only where there are very many upstream tasks.
            .chain(time_changelog.filter(|time| self.instance.topics.contains_key(&*time.topic)))
            .map(|changelog| TakenChangelog {
                operator: changelog.operator.to_string(),
                topic: changelog.topic.to_string(),
                topic_id: self
                    .instance
                    .topics
                    .get(&*changelog.topic)
                    .map(|facts| facts.topic_id)
                    .unwrap_or_default(),
            })
            .collect();
        let exactly_once = self.instance.settings.exactly_once();
        let task = (sub_topology.factory)(TaskInit {
            partition: id.partition,
            tasks: self.instance.plan.tasks_of(id.sub_topology),
            inputs: inits,
        });
        let takeover = Takeover::new(id, exactly_once, taken, changelogs);
        Ok(Candidate {
            id,
            task,
            takeover,
            inputs: ids,
        })
    }

    fn tasks_of(&self, partitions: &[TopicPartition]) -> BTreeSet<TaskId> {
        let topics = &self.instance.task_topics;
        partitions
            .iter()
            .filter_map(|partition| topics.task_of(&partition.topic, partition.partition))
            .collect()
    }

    pub(super) fn handle_consume_error(
        &mut self,
        now: Instant,
        error: ConsumeError,
    ) -> Result<(), AppError> {
        if self.go_on_after(now, &error)?.is_some() {
            return Ok(());
        }
        if let ConsumeError::TopicRecreated {
            topic_partition,
            was,
            is,
        } = &error
        {
            // The client would have the app seek. What is to be done is as at a takeover, which
            // may notice it first.
            let recreated = TakeoverError::TopicRecreated {
                topic: topic_partition.topic.to_string(),
                found: *is,
                committed: *was,
            };
            return Err(AppError::Takeover(recreated.to_string()));
        }
        match error.disposition() {
            Disposition::Fatal => Err(AppError::cluster("reading input", error)),
            _ => {
                tracing::warn!(worker = self.index, "{error}");
                self.stalled = Some(error.to_string());
                if let Some(partition) = error.topic_partition() {
                    self.read_again(partition);
                }
                Ok(())
            }
        }
    }

    /// An error stops its partition until a seek: goes on where its task is. False where it is no task's
    /// here any more, or about to be given up.
    pub(super) fn read_again(&mut self, partition: &TopicPartition) -> bool {
        let route = self.routes.get(partition);
        let slot = route.and_then(|(id, index)| Some((self.slots.get(id)?, *index)));
        let Some(input) = slot.and_then(|(slot, index)| slot.inputs().get(index)) else {
            return false;
        };
        let start = StartAt::Offset(input.next());
        self.consumer.seek(partition, start).is_ok()
    }
}

/// A repartition topic is read whole, and losing anything of it is losing data.
fn repartition_settings() -> SourceSettings {
    SourceSettings {
        start_from: StartFrom::Earliest,
        on_out_of_range: OnOutOfRange::Fail,
        on_bad_record: BadRecordPolicy::Fail,
        idle_after: None,
    }
}

fn names(tasks: &BTreeSet<TaskId>) -> String {
    tasks
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}
