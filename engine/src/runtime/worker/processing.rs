//! Records and time, given to tasks.

use thalweg_client::{FetchedRecords, StartAt, TopicPartition};
use thalweg_protocol::Offset;
use tokio::time::Instant;

use super::corrupt::{let_pass, source_settings};
use super::{TICK, Worker};
use crate::assignor::TaskId;
use crate::runtime::error::AppError;
use crate::runtime::idle::Stand;
use crate::task::{InputId, TaskContext};

impl Worker {
    /// Processes what was fetched of one partition.
    pub(super) fn process(
        &mut self,
        now: Instant,
        fetched: &FetchedRecords,
    ) -> Result<(), AppError> {
        let partition = fetched.topic_partition();
        // No route: it was given up after this was fetched.
        let Some((id, index)) = self.routes.get(partition).copied() else {
            return Ok(());
        };
        let Some(slot) = self.slots.get_mut(&id) else {
            return Ok(());
        };
        let Some((input, expected)) = slot.inputs().get(index).map(|i| (i.id, i.next())) else {
            return Ok(());
        };
        if fetched.start_offset() != expected && !self.relocated.remove(partition) {
            // Fetched before the partition was given up and came back, or went back: neither to be
            // processed twice nor to be passed over. Behind an end it is not wanted at all.
            if !self.finished.contains(partition) {
                let _ = self.consumer.seek(partition, StartAt::Offset(expected));
            }
            return Ok(());
        }
        self.purged.remove(partition);
        self.instance.board.beat(self.index, now, Some(id));
        let end = self.ends.end_of(partition);
        let mut context = TaskContext {
            outputs: &mut self.outputs,
            now_ms: self.instance.settings.clock.wall_ms(),
        };
        let (mut records, mut corrupt_batches) = (0, 0);
        let mut next = fetched.next_offset();
        for batch in fetched.batches() {
            // Ends were whole batches when they were listed, so a batch lies on one side of them.
            if end.is_some_and(|end| batch.header().base_offset() >= end) {
                next = end.unwrap_or(next);
                break;
            }
            let rows = match batch.decode(&mut self.decoder) {
                Ok(rows) => rows,
                Err(corrupt) => {
                    let settings = source_settings(&self.instance, id, input);
                    let (now_ms, bytes) = (context.now_ms, batch.header().bytes());
                    let_pass(settings, context.outputs, now_ms, &corrupt, bytes)?;
                    corrupt_batches += 1;
                    continue;
                }
            };
            records += rows.len() as u64;
            slot.task_mut().process(input, &rows, &mut context)?;
        }
        let bytes = self.outputs.take_appended().bytes;
        if let Some(input) = slot.inputs_mut().get_mut(index) {
            input.handle_processed(next.max(input.next()));
        }
        self.metrics.corrupt_batches += corrupt_batches;
        if records > 0 || corrupt_batches > 0 || slot.has_to_commit() {
            self.cycle.handle_processed(now, id, records, bytes);
        }
        self.metrics.records += records;
        self.stalled = None;
        let reached = end.is_some_and(|end| next >= end);
        if reached {
            self.reach_end(now, partition, id, input)?;
        }
        Ok(())
    }

    /// A few times a second: idle inputs, processing time, reports.
    pub(super) fn tick(&mut self, now: Instant) -> Result<(), AppError> {
        self.next_tick = now + TICK;
        self.outputs
            .tell_time(self.instance.settings.clock.wall_ms());
        self.read_purged_again(now)?;
        self.watch_idle(now)?;
        self.advance_time(now)?;
        self.watch_ends(now)?;
        self.report();
        Ok(())
    }

    fn watch_idle(&mut self, now: Instant) -> Result<(), AppError> {
        let mut changed: Vec<(TaskId, InputId, bool)> = Vec::new();
        for slot in self.slots.values() {
            for input in slot.inputs() {
                let (Some(watch), Some(progress)) = (
                    self.idle.get_mut(&input.partition),
                    self.consumer.progress(&input.partition),
                ) else {
                    continue;
                };
                let stand = Stand {
                    position: input.next(),
                    high_watermark: progress.high_watermark,
                    last_stable_offset: progress.last_stable_offset,
                };
                if let Some(idle) = watch.observe(now, stand) {
                    changed.push((slot.id, input.id, idle));
                }
            }
        }
        for (id, input, idle) in changed {
            self.call(now, id, |task, context| task.set_idle(input, idle, context))?;
        }
        Ok(())
    }

    fn advance_time(&mut self, now: Instant) -> Result<(), AppError> {
        let ids: Vec<TaskId> = self.slots.keys().copied().collect();
        for id in ids {
            self.call(now, id, |task, context| task.advance_time(context))?;
        }
        Ok(())
    }

    /// Calls a task outside of a batch. What it writes then is committed like anything else (E1).
    pub(super) fn call(
        &mut self,
        now: Instant,
        id: TaskId,
        call: impl FnOnce(
            &mut dyn crate::task::Task,
            &mut TaskContext<'_>,
        ) -> Result<(), crate::task::TaskError>,
    ) -> Result<(), AppError> {
        let Some(slot) = self.slots.get_mut(&id) else {
            return Ok(());
        };
        self.instance.board.beat(self.index, now, Some(id));
        let mut context = TaskContext {
            outputs: &mut self.outputs,
            now_ms: self.instance.settings.clock.wall_ms(),
        };
        call(slot.task_mut(), &mut context)?;
        let bytes = self.outputs.take_appended().bytes;
        if slot.has_to_commit() {
            self.cycle.handle_processed(now, id, 0, bytes);
        }
        Ok(())
    }

    /// Where an input partition stands, as far as that is known.
    pub(super) fn stand_of(&self, partition: &TopicPartition, position: Offset) -> Stand {
        let progress = self.consumer.progress(partition);
        Stand {
            position,
            high_watermark: progress.and_then(|progress| progress.high_watermark),
            last_stable_offset: progress.and_then(|progress| progress.last_stable_offset),
        }
    }
}
