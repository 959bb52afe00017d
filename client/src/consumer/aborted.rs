//! Which batches a `read_committed` reader must not see.
//!
//! A fetch answer lists the aborted transactions that reach into it: producer and first offset. A
//! transactional batch is hidden while its producer has an aborted transaction open, from the first
//! offset listed to that transaction's abort marker, which is a batch of the log like any other:
//!
//! ```text
//! list: (producer 7, from 3)
//! log:   2:p7   3:p7   4:p9   5:p7   6:abort p7   7:p7
//! seen:  2             4                          7
//! ```
//!
//! Only headers are read, but for the markers of producers in the list.

use thalweg_protocol::messages::AbortedTransaction;
use thalweg_protocol::records::{Columns, ControlRecord, Decompressor, RecordBatch, RecordError};
use thalweg_protocol::{Offset, ProducerId};

/// The aborted transactions of one fetch answer, by their first offset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AbortedTransactions {
    by_first_offset: Vec<(Offset, ProducerId)>,
}

impl AbortedTransactions {
    pub(super) fn new(listed: &[AbortedTransaction]) -> Self {
        let mut by_first_offset: Vec<(Offset, ProducerId)> = listed
            .iter()
            .map(|aborted| (aborted.first_offset, aborted.producer_id))
            .collect();
        by_first_offset.sort_unstable();
        AbortedTransactions { by_first_offset }
    }

    /// A filter for the batches of that answer, which must see all of them in order.
    pub(super) fn filter(&self) -> AbortedFilter<'_> {
        AbortedFilter {
            ahead: self.by_first_offset.iter(),
            open: Vec::new(),
            scratch: None,
        }
    }
}

/// Walks along the batches of one fetch answer.
pub(super) struct AbortedFilter<'l> {
    ahead: std::slice::Iter<'l, (Offset, ProducerId)>,
    /// Producers whose aborted transaction has begun and not ended. Few, so a list will do.
    open: Vec<ProducerId>,
    scratch: Option<Box<(Columns, Decompressor)>>,
}

impl AbortedFilter<'_> {
    /// Whether the batch is to be passed over: it was aborted, or is Kafka's own.
    ///
    /// # Errors
    /// A marker that matters cannot be read. What follows it cannot be judged.
    pub(super) fn hides(&mut self, batch: &RecordBatch<'_>) -> Result<bool, RecordError> {
        while let Some((first_offset, producer)) = self.ahead.as_slice().first() {
            if *first_offset > batch.last_offset() {
                break;
            }
            self.open.push(*producer);
            self.ahead.next();
        }
        let producer = batch.producer_id();
        if batch.is_control() {
            if self.open.contains(&producer) && self.is_abort(batch)? {
                self.open.retain(|&open| open != producer);
            }
            return Ok(true);
        }
        Ok(batch.is_transactional() && self.open.contains(&producer))
    }

    fn is_abort(&mut self, batch: &RecordBatch<'_>) -> Result<bool, RecordError> {
        let mut scratch = self.scratch.take().unwrap_or_default();
        let (columns, decompressor) = &mut *scratch;
        let rows = columns.decode(batch, decompressor)?;
        // Compaction may have emptied the batch; then it removed the transaction's records before.
        let kind = rows
            .iter()
            .next()
            .map(|record| ControlRecord::decode(&record))
            .transpose()?;
        self.scratch = Some(scratch);
        Ok(matches!(kind, Some(ControlRecord::Abort { .. })))
    }
}
