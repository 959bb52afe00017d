//! The task made of a program's operators.

use std::sync::Arc;

use thalweg_protocol::PartitionId;
use thalweg_protocol::records::Rows;

use crate::flow::{BatchOrigin, Context, RestoreSignal, RestoredSignal, Signal, SignalKind};
use crate::keyed::append_watermark;
use crate::source::RowsPush;
use crate::time::{InputSettings, TaskTime};
use crate::topology::{TaskBuilder, TaskPlan};

use super::{
    ChangelogId, CommitMetadata, Committed, InputId, MetadataError, OFFSET_METADATA_BYTES_MAX,
    RestoreError, SealedTask, SinkFailure, Task, TaskContext, TaskError, TaskInit, TaskReport,
    time_changelog::RestoredTime,
};

/// See the module.
pub(crate) struct OperatorTask {
    plan: Arc<TaskPlan>,
    partition: PartitionId,
    inputs: Vec<Box<dyn RowsPush>>,
    time: TaskTime,
    counts: TaskReport,
    /// The watermark all operators have been told.
    told: i64,
    /// Counts batches.
    batch: u64,
    /// The open generation holds something.
    touched: bool,
    /// Changelog records were restored.
    has_restored_state: bool,
    restored_time: RestoredTime,
}

impl OperatorTask {
    pub(crate) fn new(plan: Arc<TaskPlan>, init: TaskInit) -> Self {
        let partition = init.partition;
        let settings = plan
            .inputs
            .iter()
            .zip(&init.inputs)
            .map(|(input, init)| InputSettings {
                present: init.present,
                out_of_orderness_ms: input.options.watermark.out_of_orderness_ms,
                on_idle: input.options.watermark.on_idle,
                upstream_tasks: init.upstream_tasks,
            });
        let time = TaskTime::new(settings.collect(), plan.fingerprint);
        let inputs = TaskBuilder::new(Arc::clone(&plan), init).build_inputs();
        Self {
            plan,
            partition,
            inputs,
            time,
            counts: TaskReport::default(),
            told: i64::MIN,
            batch: 0,
            touched: false,
            has_restored_state: false,
            restored_time: RestoredTime::default(),
        }
    }

    fn name(&self) -> String {
        format!("{}_{}", self.plan.id, self.partition)
    }

    /// Gives all operators a signal that needs a context.
    fn signal(
        &mut self,
        context: &mut TaskContext<'_>,
        make: impl for<'a, 'c> Fn(&'a mut Context<'c>) -> SignalKind<'a, 'c>,
    ) -> Result<(), TaskError> {
        let mut context = Context::new(context, &mut self.time, &mut self.counts);
        for input in &mut self.inputs {
            input.signal(&mut Signal(make(&mut context)));
        }
        self.touched |= context.touched;
        context.into_result()
    }

    /// Tells all operators where the watermark is, if that is news.
    fn tell_watermark(&mut self, context: &mut TaskContext<'_>) -> Result<(), TaskError> {
        let watermark = self.time.watermark();
        if watermark == self.told {
            return Ok(());
        }
        self.told = watermark;
        self.signal(context, |context| SignalKind::Watermark(watermark, context))
    }

    /// T5: one record per downstream partition.
    fn announce(&mut self, context: &mut TaskContext<'_>) -> Result<(), TaskError> {
        if self.plan.repartitions.is_empty() {
            return Ok(());
        }
        let Some(time) = self.time.announcement() else {
            return Ok(());
        };
        for output in &self.plan.repartitions {
            for partition in 0..context.outputs.partitions(*output) {
                append_watermark(
                    *output,
                    PartitionId(partition as i32),
                    self.partition,
                    time,
                    context,
                )
                .map_err(|refused| TaskError::Sink {
                    operator: "watermarks".into(),
                    topic: self
                        .plan
                        .output_topics
                        .get(output.0 as usize)
                        .map_or_else(|| "".into(), Arc::clone),
                    cause: SinkFailure::Append(refused),
                })?;
            }
        }
        Ok(())
    }
}

impl OperatorTask {
    /// What goes with the offsets: the event time, or where it is.
    fn write_time(
        &self,
        metadata: &CommitMetadata,
        context: &mut TaskContext<'_>,
    ) -> Result<String, TaskError> {
        let text = metadata.encode();
        if text.len() <= OFFSET_METADATA_BYTES_MAX {
            return Ok(text);
        }
        let changelog = self.plan.time_changelog.as_ref();
        let changelog = changelog
            .filter(|changelog| context.outputs.partitions(changelog.output) > 0)
            .ok_or_else(|| TaskError::MetadataTooLarge {
                task: self.name(),
                bytes: text.len(),
                bytes_max: OFFSET_METADATA_BYTES_MAX,
            })?;
        let written = changelog.write(metadata, self.partition, context);
        written.map_err(|refused| TaskError::Sink {
            operator: "event time".into(),
            topic: Arc::clone(&changelog.topic),
            cause: SinkFailure::Append(refused),
        })
    }

    /// Brings what is reported of the state up to date.
    fn measure_state(&mut self) {
        self.counts.state_rows = 0;
        self.counts.state_bytes = 0;
        for input in &mut self.inputs {
            input.signal(&mut Signal(SignalKind::Report(&mut self.counts)));
        }
    }
}

impl Task for OperatorTask {
    fn process(
        &mut self,
        input: InputId,
        rows: &Rows<'_>,
        context: &mut TaskContext<'_>,
    ) -> Result<(), TaskError> {
        let index = input.0 as usize;
        let plan = Arc::clone(&self.plan);
        let Some(planned) = plan.inputs.get(index) else {
            return Ok(());
        };
        self.batch += 1;
        self.touched = true;
        self.counts.records += rows.len() as u64;
        let mut next = 0;
        while next < rows.len() {
            let Some(input) = self.inputs.get_mut(index) else {
                return Ok(());
            };
            let mut batch = Context::new(context, &mut self.time, &mut self.counts);
            batch.batch = self.batch;
            batch.origin = Some(BatchOrigin {
                topic: &planned.topic,
                partition: self.partition,
                rows: *rows,
                row: next,
            });
            next = input.rows(next, &mut batch)?;
            batch.into_result()?;
            self.tell_watermark(context)?;
        }
        Ok(())
    }

    fn advance_time(&mut self, context: &mut TaskContext<'_>) -> Result<(), TaskError> {
        self.time.advance_clock(context.now_ms);
        self.tell_watermark(context)
    }

    fn set_idle(
        &mut self,
        input: InputId,
        idle: bool,
        context: &mut TaskContext<'_>,
    ) -> Result<(), TaskError> {
        self.time.set_idle(input.0 as usize, idle, context.now_ms);
        self.tell_watermark(context)
    }

    fn end_of_input(
        &mut self,
        input: InputId,
        context: &mut TaskContext<'_>,
    ) -> Result<(), TaskError> {
        self.time.end(input.0 as usize);
        self.touched = true;
        self.tell_watermark(context)
    }

    fn watermark(&self) -> i64 {
        self.time.watermark()
    }

    fn is_dirty(&self) -> bool {
        self.touched || (!self.plan.repartitions.is_empty() && self.time.has_news())
    }

    fn seal(&mut self, context: &mut TaskContext<'_>) -> Result<SealedTask, TaskError> {
        // What comes after windows by stream time has not heard yet how far those are now; that is
        // what it is restored with.
        let watermark = self.told;
        self.signal(context, |context| SignalKind::Watermark(watermark, context))?;
        self.signal(context, |context| SignalKind::Seal(context))?;
        self.announce(context)?;
        let mut cursors = Vec::new();
        for input in &mut self.inputs {
            input.signal(&mut Signal(SignalKind::Cursors(&mut cursors)));
        }
        self.measure_state();
        let metadata = self.time.seal(cursors);
        self.touched = false;
        let commit_sequence = metadata.commit_sequence;
        let metadata = self.write_time(&metadata, context)?;
        Ok(SealedTask {
            commit_sequence,
            metadata,
        })
    }

    fn committed(&mut self) {
        self.time.committed();
        for input in &mut self.inputs {
            input.signal(&mut Signal(SignalKind::Committed));
        }
    }

    fn abort(&mut self) {
        self.time.abort();
        self.told = self.time.watermark();
        self.touched = false;
        for input in &mut self.inputs {
            input.signal(&mut Signal(SignalKind::Abort));
        }
    }

    fn restore(&mut self, changelog: ChangelogId, rows: &Rows<'_>) -> Result<(), RestoreError> {
        self.has_restored_state |= !rows.is_empty();
        let time = self.plan.time_changelog.as_ref();
        if let Some(time) = time.filter(|time| time.id == changelog) {
            return time.read(self.partition, rows, &mut self.restored_time);
        }
        let mut restore = RestoreSignal {
            changelog,
            rows: *rows,
            result: Ok(()),
        };
        for input in &mut self.inputs {
            input.signal(&mut Signal(SignalKind::Restore(&mut restore)));
        }
        restore.result
    }

    fn restored(&mut self, metadata: Option<&str>) -> Result<(), RestoreError> {
        let refuse = |task: &Self, cause| RestoreError::Metadata {
            task: task.name(),
            cause,
        };
        let metadata = match metadata {
            Some(text) => {
                let restored = std::mem::take(&mut self.restored_time);
                let changelog = self.plan.time_changelog.as_ref();
                let metadata = Committed::decode(text)
                    .and_then(|committed| restored.of(committed, changelog))
                    .map_err(|cause| refuse(self, cause))?;
                self.time
                    .restore(&metadata)
                    .map_err(|cause| refuse(self, cause))?;
                Some(metadata)
            }
            None if self.has_restored_state => {
                return Err(refuse(self, MetadataError::StateWithoutOffsets));
            }
            None => None,
        };
        self.told = self.time.watermark();
        let mut restored = RestoredSignal {
            watermark: self.told,
            cursors: metadata.as_ref().map(|metadata| metadata.cursors.iter()),
            complete: true,
        };
        for input in &mut self.inputs {
            restored.watermark = self.told;
            input.signal(&mut Signal(SignalKind::Restored(&mut restored)));
        }
        let left = restored.cursors.as_mut().and_then(Iterator::next);
        if left.is_some() || !restored.complete {
            return Err(refuse(self, MetadataError::Fingerprint));
        }
        self.measure_state();
        Ok(())
    }

    fn report(&self) -> TaskReport {
        let mut report = self.counts.clone();
        report.watermark = self.time.watermark();
        report.inputs = self.time.reports();
        report
    }
}
