//! Sealing, settling and undoing generations: what the cycle says, done to tasks and consumer.

use std::collections::BTreeSet;

use thalweg_client::{Event, StartAt};
use tokio::time::Instant;

use super::Worker;
use crate::runtime::cycle::{SettleStep, TransactFault};
use crate::runtime::error::AppError;
use crate::runtime::settler::{Command, Doubt, Sealed, Settlement};
use crate::task::TaskContext;

impl Worker {
    /// Closes the open generation of every task that has one, and gathers what it consists of.
    pub(super) fn seal(&mut self, now: Instant) -> Result<(), AppError> {
        let mut tasks = BTreeSet::new();
        let mut sealed = Sealed::default();
        let now_ms = self.instance.settings.clock.wall_ms();
        for slot in self.slots.values_mut() {
            if slot.is_dirty() || self.cycle.is_open(slot.id) {
                self.instance.board.beat(self.index, now, Some(slot.id));
                let mut context = TaskContext {
                    outputs: &mut self.outputs,
                    now_ms,
                };
                sealed.offsets.extend(slot.seal(&mut context)?);
                tasks.insert(slot.id);
            }
        }
        self.outputs.close_all();
        sealed
            .batches
            .extend(std::iter::from_fn(|| self.outputs.next_ready()));
        self.outputs.take_appended();
        self.sealed = Some(sealed);
        self.sealed_at = now;
        self.cycle.handle_sealed(tasks);
        Ok(())
    }

    /// Lets the settler take its next step, if it has one.
    pub(super) fn poll_settle(&mut self, now: Instant) -> Result<(), AppError> {
        if self.settler.is_busy() || !self.cycle.is_settling() {
            return Ok(());
        }
        self.refresh_group(now)?;
        let group = self.group.clone();
        let Some(step) = self.cycle.poll_settle(now, group.generation_id) else {
            return Ok(());
        };
        let command = match step {
            SettleStep::Transact => {
                Command::Transact(self.sealed.take().unwrap_or_default(), group)
            }
            SettleStep::ResendOffsets => Command::ResendOffsets(group),
            SettleStep::Abort => Command::Abort,
            SettleStep::Reinitialise => {
                tracing::info!(worker = self.index, "asking for a new producer epoch");
                Command::Reinitialise
            }
            SettleStep::AskSequences => Command::AskSequences(self.doubts()),
        };
        self.settler.begin(command);
        Ok(())
    }

    /// Learns who this worker is in its group now, and first deals with what has happened there: a
    /// membership that is newer than what the worker owns would commit what it does not own. (One
    /// from before the first assignment would commit anything: the group takes it for somebody
    /// outside.)
    ///
    /// The order decides. A loss is told before the member joins again and has new metadata; so
    /// when nothing waits to be told *after* the metadata was read, all of it is dealt with.
    fn refresh_group(&mut self, now: Instant) -> Result<(), AppError> {
        while let Some(newest) = self.consumer.group_metadata()
            && newest != self.group
        {
            match self.consumer.try_next_event() {
                None => self.group = newest,
                Some(Ok(Event::Records(fetched))) => {
                    // Rebalances are told before records, so nothing of the kind waits.
                    self.held.push_back(fetched);
                    self.group = newest;
                }
                Some(event) => self.handle_received(now, event, false)?,
            }
        }
        Ok(())
    }

    fn doubts(&self) -> Vec<Doubt> {
        let in_doubt = |slot: &crate::runtime::slot::Slot| {
            Some(Doubt {
                task: slot.id,
                partition: slot.inputs().first()?.partition.clone(),
                sealed_sequence: slot.sealed_sequence()?,
            })
        };
        self.slots.values().filter_map(in_doubt).collect()
    }

    pub(super) fn handle_settlement(
        &mut self,
        settlement: Option<Settlement>,
    ) -> Result<(), AppError> {
        let now = self.instance.settings.clock.monotonic();
        match settlement {
            Some(Settlement::Transacted(result)) => {
                if let Err(fault) = &result {
                    tracing::warn!(worker = self.index, ?fault, "the commit did not succeed");
                }
                if let Err(TransactFault::Refused(refusal)) = &result {
                    self.handle_refusal(now, refusal)?;
                }
                self.cycle.handle_transacted(now, result);
            }
            Some(Settlement::Aborted(result)) => self.cycle.handle_aborted(result),
            Some(Settlement::Reinitialised(result)) => {
                if let Err(fault) = &result {
                    tracing::warn!(worker = self.index, ?fault, "no new producer epoch yet");
                }
                self.cycle.handle_reinitialised(now, result);
            }
            Some(Settlement::Verdict(verdict)) => {
                tracing::info!(
                    worker = self.index,
                    ?verdict,
                    "asked for the outcome of a commit"
                );
                self.cycle.handle_verdict(now, verdict);
            }
            None => {
                return Err(AppError::Transaction(
                    "the runtime of the app was shut down while it ran".to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// Transaction N is definitely committed.
    pub(super) fn settled(&mut self, now: Instant) {
        for slot in self.slots.values_mut() {
            slot.committed();
        }
        self.metrics.commits += 1;
        self.note_accepted(now);
        self.metrics.commit_latency = now.saturating_duration_since(self.sealed_at);
        self.meters.committed(self.metrics.commit_latency);
        self.cycle.handle_settled();
        self.purge(now);
        self.note_progress();
    }

    /// Undoes both generations and goes back to what is committed.
    pub(super) fn undo(&mut self, retake: bool) -> Result<(), AppError> {
        tracing::info!(
            worker = self.index,
            retake,
            "going back to what is committed"
        );
        self.metrics.aborts += 1;
        self.outputs.clear();
        self.sealed = None;
        self.held.clear();
        self.relocated.clear();
        // What was done at an end is undone with the rest.
        let finished = std::mem::take(&mut self.finished);
        for partition in &finished {
            let _ = self.consumer.resume(partition);
        }
        let mut tasks = BTreeSet::new();
        for slot in self.slots.values_mut() {
            slot.abort();
            tasks.insert(slot.id);
            for input in slot.inputs() {
                // What was held back is dropped above, so also a task that processed nothing may
                // have to read again.
                if self.consumer.position(&input.partition) != Some(input.next()) {
                    // Not assigned any more: then it is about to be given up.
                    let start = StartAt::Offset(input.next());
                    let _ = self.consumer.seek(&input.partition, start);
                }
            }
        }
        self.cycle.handle_undone();
        if retake {
            self.drop_tasks(&tasks);
            self.take_over(&tasks)?;
        }
        self.note_progress();
        Ok(())
    }
}
