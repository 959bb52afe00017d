//! Which transactions are open in a partition, and which were aborted.

use std::collections::BTreeMap;

use thalweg_protocol::ProducerId;

/// An aborted transaction's records: those of its producer from `first` to `last`, where its marker
/// is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AbortedRange {
    pub(crate) producer_id: ProducerId,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// The transactions of a partition.
#[derive(Debug, Default)]
pub(crate) struct OpenTransactions {
    /// First offset → producer. A producer has at most one.
    open: BTreeMap<i64, ProducerId>,
    /// First offset → the marker's, of transactions whose marker is not replicated yet.
    ended: BTreeMap<i64, i64>,
    /// By marker.
    aborted: Vec<AbortedRange>,
}

impl OpenTransactions {
    /// A transactional record lies at `offset`.
    pub(super) fn begin(&mut self, producer_id: ProducerId, offset: i64) {
        if !self.open.values().any(|open| *open == producer_id) {
            self.open.insert(offset, producer_id);
        }
    }

    /// A marker lies at `offset`; `ended` is where the transaction began and whether it was aborted,
    /// where it had any record here.
    pub(super) fn end(&mut self, producer_id: ProducerId, ended: Option<(i64, bool)>, offset: i64) {
        let Some((first, aborted)) = ended else {
            return;
        };
        self.open.remove(&first);
        self.ended.insert(first, offset);
        if aborted {
            self.aborted.push(AbortedRange {
                producer_id,
                first,
                last: offset,
            });
        }
    }

    /// The high watermark is at `offset`.
    pub(super) fn replicated_to(&mut self, offset: i64) {
        self.ended.retain(|_, marker| *marker >= offset);
    }

    pub(super) fn forget_before(&mut self, start: i64) {
        self.aborted.retain(|aborted| aborted.last >= start);
    }

    /// Puts `kept` in the place of the aborted transactions that ended before `end`, as compaction
    /// does when it has removed their records.
    pub(super) fn replace_aborted_before(&mut self, end: i64, kept: Vec<AbortedRange>) {
        self.aborted.retain(|aborted| aborted.last >= end);
        self.aborted.splice(0..0, kept);
    }

    /// The first offset of a transaction that has not ended, or whose end is not replicated; else
    /// the high watermark.
    pub(super) fn last_stable_offset(&self, high_watermark: i64) -> i64 {
        let first = |offsets: Option<&i64>| offsets.copied().unwrap_or(i64::MAX);
        let open = first(self.open.keys().next());
        let ended = first(self.ended.keys().next());
        open.min(ended).min(high_watermark)
    }

    pub(super) fn aborted_between(&self, from: i64, until: i64) -> Vec<AbortedRange> {
        let touches = |aborted: &&AbortedRange| aborted.last >= from && aborted.first < until;
        self.aborted.iter().filter(touches).copied().collect()
    }
}
