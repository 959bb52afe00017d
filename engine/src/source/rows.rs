//! The loop over the rows of a batch, welded to the run of operators behind a source.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use crate::element::{Decode, SourceRecord};
use crate::flow::{Context, Meta, Push, Signal};
use crate::task::TaskError;
use crate::topology::TaskBuilder;

use super::{BadRecordPolicy, TimeOf, settle};

/// Takes the batches of an input.
pub(crate) trait RowsPush {
    /// Processes the rows of the context's batch from `from` on. Stops early, with the row to go on
    /// with, where the task's other inputs have to hear of the watermark first.
    ///
    /// # Errors
    /// The task cannot go on.
    fn rows(&mut self, from: usize, context: &mut Context<'_>) -> Result<usize, TaskError>;

    /// See [`Push::signal`].
    fn signal(&mut self, signal: &mut Signal<'_, '_>);
}

/// See the module. `()` for `P` while it is being made.
pub(crate) struct SourceRows<D: Decode, T, P> {
    decoder: D::Decoder,
    time: T,
    input: usize,
    range: Range<i64>,
    policy: BadRecordPolicy,
    dead_letter_topic: Arc<str>,
    /// Whether to stop at each advance of the watermark.
    stepwise: bool,
    down: P,
    format: PhantomData<fn() -> D>,
}

impl<D: Decode, T: TimeOf<D>> SourceRows<D, T, ()> {
    /// For the input the builder is at.
    pub(crate) fn new(time: T, builder: &mut TaskBuilder) -> Self {
        let options = builder.source_options();
        Self {
            decoder: D::Decoder::default(),
            time,
            input: builder.input(),
            range: options.event_time_range.clone(),
            policy: options.on_bad_record,
            dead_letter_topic: match options.on_bad_record {
                BadRecordPolicy::DeadLetter(output) => builder.output_topic(output),
                BadRecordPolicy::Fail | BadRecordPolicy::SkipAndCount => "".into(),
            },
            stepwise: builder.is_stepwise(),
            down: (),
            format: PhantomData,
        }
    }

    pub(crate) fn before<P: Push<D>>(self, down: P) -> SourceRows<D, T, P> {
        let Self {
            decoder,
            time,
            input,
            range,
            policy,
            dead_letter_topic,
            stepwise,
            ..
        } = self;
        let format = PhantomData;
        SourceRows {
            decoder,
            time,
            input,
            range,
            policy,
            dead_letter_topic,
            stepwise,
            down,
            format,
        }
    }
}

impl<D: Decode, T: TimeOf<D>, P: Push<D>> RowsPush for SourceRows<D, T, P> {
    fn rows(&mut self, from: usize, context: &mut Context<'_>) -> Result<usize, TaskError> {
        let Some(origin) = &context.origin else {
            return Ok(from);
        };
        let (topic, partition, rows) = (origin.topic, origin.partition, origin.rows);
        for row in from..rows.len() {
            if let Some(origin) = &mut context.origin {
                origin.row = row;
            }
            let record = rows.row(row);
            let watermark = context.time.watermark();
            if !self.time.hear(&record, self.input, context) {
                let record = SourceRecord {
                    record,
                    topic,
                    partition,
                };
                self.row(&record, watermark, context);
            }
            if context.interrupt.is_some() {
                settle(self.policy, &self.dead_letter_topic, context)?;
            }
            if self.stepwise && context.time.watermark() != watermark {
                return Ok(row + 1);
            }
        }
        Ok(rows.len())
    }

    fn signal(&mut self, signal: &mut Signal<'_, '_>) {
        self.down.signal(signal);
    }
}

impl<D: Decode, T: TimeOf<D>, P: Push<D>> SourceRows<D, T, P> {
    #[inline]
    fn row(&mut self, record: &SourceRecord<'_>, watermark: i64, context: &mut Context<'_>) {
        let view = match D::decode(&mut self.decoder, record) {
            Ok(view) => view,
            Err(failure) => return context.bad_record(failure.to_string()),
        };
        match self.time.event_time(&view, &record.record) {
            Some(event_time) if self.range.contains(&event_time) => {
                let meta = Meta {
                    event_time,
                    watermark,
                    key: record.record.key,
                };
                self.down.push(&view, &meta, context);
                self.time.observe(event_time, self.input, context);
            }
            other => context.bad_record(bad_event_time(other, &self.range)),
        }
    }
}

#[cold]
fn bad_event_time(event_time: Option<i64>, range: &Range<i64>) -> String {
    match event_time {
        Some(event_time) => format!(
            "its event time {event_time} (ms since 1970) is outside {}..{}; `event_time_range` of \
             the source allows others",
            range.start, range.end
        ),
        None => "it has no event time, or one beyond 64 bits".to_owned(),
    }
}
