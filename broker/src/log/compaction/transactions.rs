//! What compaction has seen of transactions on its way through a log.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::ProducerId;

use super::StoredBatch;
use crate::log::AbortedRange;

/// An aborted transaction the walk is in.
#[derive(Debug)]
struct Aborted {
    range: AbortedRange,
    /// Whether any batch of it was still there.
    has_records: bool,
}

/// Follows a walk through the batches of a log, in order.
#[derive(Debug)]
pub(super) struct CleanedTransactions {
    /// Those ahead, the one that begins last first.
    ahead: Vec<AbortedRange>,
    aborted: BTreeMap<ProducerId, Aborted>,
    /// Those with records and no marker yet, which were not aborted.
    committed: BTreeSet<ProducerId>,
    /// Those of which something was left.
    kept: Vec<AbortedRange>,
}

impl CleanedTransactions {
    pub(super) fn new(mut aborted: Vec<AbortedRange>) -> Self {
        aborted.sort_by_key(|range| std::cmp::Reverse(range.first));
        CleanedTransactions {
            ahead: aborted,
            aborted: BTreeMap::new(),
            committed: BTreeSet::new(),
            kept: Vec::new(),
        }
    }

    /// Sees the next batch. Whether it means nothing any more: it was aborted, or is the marker of a
    /// transaction whose records are all gone.
    pub(super) fn observe(&mut self, batch: &StoredBatch) -> bool {
        while let Some(range) = self
            .ahead
            .pop_if(|range| range.first <= batch.last_offset())
        {
            let has_records = false;
            self.aborted
                .insert(range.producer_id, Aborted { range, has_records });
        }
        let view = batch.view();
        let producer_id = view.producer_id();
        if view.is_control() {
            // A control batch that was emptied has been through this before.
            return batch.marker().is_none_or(|marker| {
                if marker.is_abort {
                    self.end_aborted(producer_id)
                } else {
                    !self.committed.remove(&producer_id)
                }
            });
        }
        if !view.is_transactional() {
            return false;
        }
        match self.aborted.get_mut(&producer_id) {
            Some(aborted) => {
                aborted.has_records = true;
                true
            }
            None => {
                self.committed.insert(producer_id);
                false
            }
        }
    }

    /// An aborted transaction's marker stays as long as this walk met records of it.
    fn end_aborted(&mut self, producer_id: ProducerId) -> bool {
        match self.aborted.remove(&producer_id) {
            Some(aborted) if aborted.has_records => {
                self.kept.push(aborted.range);
                false
            }
            _ => true,
        }
    }

    /// The aborted transactions that readers still have to know of.
    pub(super) fn into_kept(self) -> Vec<AbortedRange> {
        self.kept
    }
}
