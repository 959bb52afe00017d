//! `run_until_end` from a worker's side: where its inputs end, and whether it is there. Also the
//! purge of repartition topics, which goes by the same committed positions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thalweg_client::{CrashPoint, TopicPartition, watch};
use thalweg_protocol::Offset;
use tokio::time::Instant;

use super::Worker;
use crate::assignor::TaskId;
use crate::runtime::error::AppError;
use crate::task::InputId;
use crate::topology::InputKind;

/// The ends that are known so far, by partition. Grows level by level: those of a repartition topic
/// are known once everything upstream of it is committed.
pub(crate) type Ends = BTreeMap<TopicPartition, Offset>;

/// How often records of repartition topics that are committed are deleted.
const PURGE_INTERVAL: Duration = Duration::from_secs(10);

/// A worker's view of the ends.
#[derive(Debug)]
pub(crate) struct EndMarks {
    /// `None`: this app runs for ever.
    known: Option<watch::Receiver<Arc<Ends>>>,
    current: Arc<Ends>,
    last_purge: Option<Instant>,
}

impl EndMarks {
    pub(crate) fn new(known: Option<watch::Receiver<Arc<Ends>>>) -> Self {
        let current = known
            .as_ref()
            .map(|known| known.borrow().clone())
            .unwrap_or_default();
        Self {
            known,
            current,
            last_purge: None,
        }
    }

    /// Where the partition ends, if it does and that is known.
    pub(crate) fn end_of(&self, partition: &TopicPartition) -> Option<Offset> {
        self.current.get(partition).copied()
    }

    fn are_set(&self) -> bool {
        self.known.is_some()
    }

    fn refresh(&mut self) {
        if let Some(known) = &mut self.known {
            self.current = known.borrow_and_update().clone();
        }
    }
}

impl Worker {
    /// A partition was read up to its end: nothing beyond is to be processed.
    pub(super) fn reach_end(
        &mut self,
        now: Instant,
        partition: &TopicPartition,
        id: TaskId,
        input: InputId,
    ) -> Result<(), AppError> {
        if !self.finished.insert(partition.clone()) {
            return Ok(());
        }
        // Not assigned any more: then it is about to be revoked or lost.
        let _ = self.consumer.pause(partition);
        if self.instance.settings.close_windows_at_end && self.is_source(id, input) {
            self.call(now, id, |task, context| task.end_of_input(input, context))?;
        }
        // Also when nothing was there to process: the position at the end has to be committed.
        self.cycle.handle_processed(now, id, 0, 0);
        Ok(())
    }

    /// Looks for inputs that are at their ends without a record having said so: markers, aborted
    /// transactions, empty partitions.
    pub(super) fn watch_ends(&mut self, now: Instant) -> Result<(), AppError> {
        if !self.ends.are_set() {
            return Ok(());
        }
        self.ends.refresh();
        let mut reached = Vec::new();
        for slot in self.slots.values() {
            for input in slot.inputs() {
                let end = self.ends.end_of(&input.partition);
                if end.is_some_and(|end| input.next() >= end) {
                    reached.push((input.partition.clone(), slot.id, input.id));
                }
            }
        }
        for (partition, id, input) in reached {
            self.reach_end(now, &partition, id, input)?;
        }
        self.note_progress();
        Ok(())
    }

    /// Tells the board whether everything this worker owns is committed up to the known ends.
    pub(super) fn note_progress(&mut self) {
        if !self.ends.are_set() {
            return;
        }
        let at_end = self.joined
            && !self.restorer.is_active()
            && self.cycle.is_clean()
            && self.slots.values().all(|slot| {
                slot.inputs().iter().all(|input| {
                    self.ends
                        .end_of(&input.partition)
                        .is_some_and(|end| input.committed() >= end)
                        || self.ends.end_of(&input.partition).is_none()
                })
            });
        self.instance.board.set_at_end(self.index, at_end);
    }

    fn is_source(&self, id: TaskId, input: InputId) -> bool {
        let sub_topologies = self.instance.topology.sub_topologies();
        let sub_topology = sub_topologies
            .iter()
            .find(|found| found.id == id.sub_topology);
        sub_topology
            .and_then(|found| found.inputs.iter().find(|found| found.id == input))
            .is_some_and(|found| matches!(found.kind, InputKind::Source(_)))
    }

    /// Deletes what is committed of repartition topics (S6), in the background.
    pub(super) fn purge(&mut self, now: Instant) {
        let due = self
            .ends
            .last_purge
            .is_none_or(|last| now.saturating_duration_since(last) >= PURGE_INTERVAL);
        if !due || self.instance.repartition_topics.is_empty() {
            return;
        }
        self.ends.last_purge = Some(now);
        let before: Vec<(TopicPartition, Offset)> = self
            .slots
            .values()
            .flat_map(|slot| slot.inputs())
            .filter(|input| {
                self.instance
                    .repartition_topics
                    .contains(&*input.partition.topic)
            })
            .filter(|input| input.committed() > Offset(0))
            .map(|input| (input.partition.clone(), input.committed()))
            .collect();
        if before.is_empty() {
            return;
        }
        let admin = self.instance.calls.admin().clone();
        self.instance.spawner.spawn(
            "thalweg purge",
            Box::pin(async move {
                for (partition, outcome) in admin.delete_records(before).point().await {
                    if let Err(error) = outcome {
                        tracing::debug!(%partition, "processed records are not deleted yet: {error}");
                    }
                }
            }),
        );
    }
}
