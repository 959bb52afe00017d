//! Compaction: of each key only the newest value stays, as Kafka's log cleaner does it.
//!
//! ```text
//!   start        first dirty                first uncleanable
//!     │ ── clean ──┤ ── dirty, may be cleaned ──┤ ── not yet ─── ... end
//!     │  rewritten │   read for the newest      │  active segment, open transactions,
//!     │  again     │   offset of each key       │  younger than min.compaction.lag.ms
//! ```
//! Offsets stay as they are: a batch that is rewritten keeps its first and last offset, and has gaps
//! between. Positions of readers stay valid; they read on at the next record there is.
//!
//! | what | when it goes |
//! |---|---|
//! | a value | a newer record of the key is below *first uncleanable* |
//! | a tombstone | the same; or its batch's delete horizon is past (KIP-534) |
//! | a record without key | always |
//! | records of aborted transactions | always |
//! | a transaction's marker | its records are gone and its delete horizon is past |
//! | a batch | its records are gone, unless a live producer's last sequence number is in it |

mod rewrite;
mod transactions;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use thalweg_protocol::ProducerId;

use super::{Log, Producers, Segment, StoredBatch};
use rewrite::{Fate, Rewriter};
use transactions::CleanedTransactions;

/// When and how a topic is compacted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CompactionRules {
    /// Compacts when more than this part of what it would look at is dirty.
    /// (`min.cleanable.dirty.ratio`)
    pub(crate) dirty_ratio_min: f64,
    /// How long a record is safe. (`min.compaction.lag.ms`)
    pub(crate) lag_ms_min: i64,
    /// When a record must have been looked at, whatever the ratio. (`max.compaction.lag.ms`)
    pub(crate) lag_ms_max: i64,
    /// How long tombstones and markers stay. (`delete.retention.ms`)
    pub(crate) delete_retention_ms: i64,
    /// The size up to which what is left of neighbours becomes one segment.
    pub(crate) segment_bytes: usize,
}

/// The newest offset of each key in the dirty part. Only looked up, never walked.
type Newest = HashMap<Box<[u8]>, i64>;

impl Log {
    /// Whether there is enough to compact.
    pub(crate) fn wants_compaction(&self, rules: &CompactionRules, now_ms: i64) -> bool {
        let cleanable = self.cleanable(rules, now_ms);
        let dirty = || cleanable_segments(self, cleanable).filter(|segment| !segment.is_clean());
        let dirty_bytes: usize = dirty().map(Segment::bytes).sum();
        if dirty_bytes == 0 {
            return false;
        }
        let all_bytes: usize = cleanable_segments(self, cleanable)
            .map(Segment::bytes)
            .sum();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a ratio needs no more than 53 bits"
        )]
        let ratio = dirty_bytes as f64 / all_bytes as f64;
        let overdue = now_ms.saturating_sub(rules.lag_ms_max);
        let first_timestamps = dirty().filter_map(|segment| segment.batches().first());
        ratio > rules.dirty_ratio_min
            || first_timestamps
                .map(StoredBatch::max_timestamp)
                .any(|timestamp| timestamp > 0 && timestamp < overdue)
    }

    /// Compacts what may be compacted. Returns how many bytes went.
    pub(crate) fn compact(&mut self, rules: &CompactionRules, now_ms: i64) -> usize {
        let count = self.cleanable(rules, now_ms);
        let (Some(first), Some(last)) = (
            self.segments.front(),
            count
                .checked_sub(1)
                .and_then(|last| self.segments.get(last)),
        ) else {
            return 0;
        };
        let (from, until) = (first.base_offset(), last.end());
        let before = self.bytes();
        let mut rewriter = Rewriter::new(now_ms, rules.delete_retention_ms);
        let newest = self.newest_offsets(count, &mut rewriter);
        let mut transactions = CleanedTransactions::new(self.aborted_between(from, until));
        let mut cleaned = Vec::with_capacity(count);
        for segment in self.segments.iter().take(count) {
            let batches = segment.batches().iter().filter_map(|batch| {
                let fate = fate_of(batch, &mut transactions, &self.producers, now_ms);
                rewriter.rewrite(batch, fate, &newest)
            });
            let batches: Vec<StoredBatch> = batches.collect();
            cleaned.push(segment.cleaned(batches));
        }
        self.replace_first(count, merged(cleaned, rules.segment_bytes));
        self.transactions
            .replace_aborted_before(until, transactions.into_kept());
        before.saturating_sub(self.bytes())
    }

    /// How many of the oldest segments may be compacted: closed, replicated, without records of open
    /// transactions, and old enough.
    fn cleanable(&self, rules: &CompactionRules, now_ms: i64) -> usize {
        let closed = self.segments.len().saturating_sub(1);
        let stable = self.last_stable_offset();
        let too_young = |segment: &Segment| {
            rules.lag_ms_min > 0
                && !segment.is_clean()
                && segment.newest_ms() > now_ms.saturating_sub(rules.lag_ms_min)
        };
        let next_offsets = self.segments.iter().skip(1).map(Segment::base_offset);
        let segments = self.segments.iter().take(closed).zip(next_offsets);
        segments
            .take_while(|(segment, next)| *next <= stable && !too_young(segment))
            .count()
    }

    /// Reads the dirty part of the first `count` segments for the newest record of each key. Records
    /// of aborted transactions do not count.
    fn newest_offsets(&self, count: usize, rewriter: &mut Rewriter) -> Newest {
        let mut newest = Newest::new();
        let dirty = self.segments.iter().take(count);
        let mut dirty = dirty.skip_while(|segment| segment.is_clean()).peekable();
        let from = dirty.peek().map_or(0, |first| first.base_offset());
        let mut transactions = CleanedTransactions::new(self.aborted_between(from, self.end));
        for batch in dirty.flat_map(Segment::batches) {
            let is_void = transactions.observe(batch);
            if is_void || batch.view().is_control() {
                continue;
            }
            rewriter.note_keys(batch, &mut newest);
        }
        newest
    }
}

fn cleanable_segments(log: &Log, count: usize) -> impl Iterator<Item = &Segment> {
    log.segments.iter().take(count)
}

fn fate_of(
    batch: &StoredBatch,
    transactions: &mut CleanedTransactions,
    producers: &Producers,
    now_ms: i64,
) -> Fate {
    let view = batch.view();
    let is_void = transactions.observe(batch);
    let horizon_passed = view.delete_horizon_ms().is_some_and(|at| at <= now_ms);
    let is_dropped = is_void && (!view.is_control() || horizon_passed);
    match (is_dropped, is_last_of_producer(batch, producers)) {
        (true, true) => Fate::Emptied,
        (true, false) => Fate::Dropped,
        (false, is_last) => Fate::Filtered {
            is_void_marker: is_void,
            keep_empty: is_last,
        },
    }
}

/// Whether a producer that is still known is known by this batch: by its last sequence number, or,
/// where it has none, by the producer epoch of its last marker.
fn is_last_of_producer(batch: &StoredBatch, producers: &Producers) -> bool {
    let view = batch.view();
    if view.producer_id() < ProducerId(0) {
        return false;
    }
    let Some(entry) = producers.entry(view.producer_id()) else {
        return false;
    };
    match entry.last_data_offset() {
        Some(last) => batch.last_offset() == last,
        None => view.is_control() && view.producer_epoch() == entry.producer_epoch,
    }
}

/// Puts small neighbours together. Empty ones go.
fn merged(cleaned: Vec<Segment>, bytes_max: usize) -> Vec<Segment> {
    let mut merged: Vec<Segment> = Vec::new();
    for segment in cleaned {
        if segment.batches().is_empty() {
            continue;
        }
        match merged.last_mut() {
            Some(last)
                if last.bytes() + segment.bytes() <= bytes_max
                    && segment.end() - last.base_offset() <= i64::from(i32::MAX) =>
            {
                last.absorb(segment);
            }
            _ => merged.push(segment),
        }
    }
    merged
}
