//! What operators can reach while they work on a batch.

use std::sync::Arc;

use thalweg_protocol::PartitionId;
use thalweg_protocol::records::{RecordRef, Rows};

use crate::task::{Outputs, TaskContext, TaskError, TaskReport};
use crate::time::TaskTime;

/// The batch being processed, and how far.
#[derive(Clone)]
pub(crate) struct BatchOrigin<'a> {
    pub(crate) topic: &'a Arc<str>,
    pub(crate) partition: PartitionId,
    pub(crate) rows: Rows<'a>,
    /// The row being processed.
    pub(crate) row: usize,
}

/// Why an element was not processed to the end.
#[derive(Debug)]
pub(crate) enum Interrupt {
    /// The record it came from is bad: the source's policy decides.
    Bad(String),
    /// The task cannot go on.
    Fail(TaskError),
}

/// See the module.
pub struct Context<'a> {
    pub(crate) outputs: &'a mut Outputs,
    pub(crate) time: &'a mut TaskTime,
    pub(crate) counts: &'a mut TaskReport,
    pub(crate) now_ms: i64,
    /// Counts batches, for what is checked once in each.
    pub(crate) batch: u64,
    /// `None` while no batch is processed (signals).
    pub(crate) origin: Option<BatchOrigin<'a>>,
    pub(crate) interrupt: Option<Box<Interrupt>>,
    /// State changed or something was written, by a signal.
    pub(crate) touched: bool,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        context: &'a mut TaskContext<'_>,
        time: &'a mut TaskTime,
        counts: &'a mut TaskReport,
    ) -> Self {
        Self {
            outputs: context.outputs,
            time,
            counts,
            now_ms: context.now_ms,
            batch: 0,
            origin: None,
            interrupt: None,
            touched: false,
        }
    }

    /// Lets the source's policy decide about the current record. The first reason stays.
    #[cold]
    pub(crate) fn bad_record(&mut self, reason: String) {
        self.interrupt
            .get_or_insert_with(|| Box::new(Interrupt::Bad(reason)));
    }

    /// Stops the task. The first failure stays, and outranks a bad record.
    #[cold]
    pub(crate) fn fail(&mut self, error: TaskError) {
        if !matches!(self.interrupt.as_deref(), Some(Interrupt::Fail(_))) {
            self.interrupt = Some(Box::new(Interrupt::Fail(error)));
        }
    }

    /// What stopped the task, after a signal.
    pub(crate) fn into_result(self) -> Result<(), TaskError> {
        match self.interrupt.map(|interrupt| *interrupt) {
            Some(Interrupt::Fail(error)) => Err(error),
            // Only a source's elements can be bad, and the source has dealt with those.
            Some(Interrupt::Bad(_)) | None => Ok(()),
        }
    }

    /// The record being processed, with its topic and partition.
    pub(crate) fn current_record(&self) -> Option<(&'a Arc<str>, PartitionId, RecordRef<'a>)> {
        let origin = self.origin.as_ref()?;
        if origin.row >= origin.rows.len() {
            return None;
        }
        Some((origin.topic, origin.partition, origin.rows.row(origin.row)))
    }
}
