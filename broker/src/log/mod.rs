//! A partition's log: batches in the bytes they came in, and what has to be known about them.
//!
//! ```text
//!   start                  last stable        high watermark          end
//!     │ ── committed, ─────────┤ ── replicated, ────┤ ── not replicated ──┤
//!     │    all transactions    │    maybe in open   │    yet: lost when   │
//!     │    below it ended      │    transactions    │    its leader dies  │
//! ```
//! Batches lie in segments, the oldest first. Retention drops whole segments; compaction rewrites
//! closed ones.

mod compaction;
mod epochs;
mod producers;
mod retention;
mod segment;
mod transactions;

pub(crate) use compaction::CompactionRules;
pub(crate) use epochs::Epochs;
pub(crate) use producers::{Producers, SequenceError};
pub(crate) use retention::Retention;
pub(crate) use segment::{Segment, StoredBatch};
pub(crate) use transactions::{AbortedRange, OpenTransactions};

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use thalweg_protocol::records::RecordBatch;

/// Where an append ended up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    pub(crate) last_offset: i64,
    /// The broker's time, where the topic takes that for a timestamp; else -1.
    pub(crate) log_append_time_ms: i64,
}

/// How a batch is to be appended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AppendAs {
    pub(crate) leader_epoch: i32,
    pub(crate) now_ms: i64,
    /// Whether the broker's time replaces the records'.
    pub(crate) log_append_time: bool,
    /// A segment of this size is closed.
    pub(crate) segment_bytes: usize,
    /// A segment this old is closed.
    pub(crate) segment_ms: i64,
}

/// The log of one partition.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// By ascending offset. `end` is after the last batch of the last one.
    segments: VecDeque<Segment>,
    start: i64,
    end: i64,
    /// start <= high_watermark <= end
    high_watermark: i64,
    epochs: Epochs,
    producers: Producers,
    transactions: OpenTransactions,
    bytes: usize,
}

impl Log {
    /// The first offset that can be read.
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    /// The offset of the next record.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// The offset up to which all replicas have the log.
    pub(crate) fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// The offset below which every transaction has ended.
    pub(crate) fn last_stable_offset(&self) -> i64 {
        self.transactions.last_stable_offset(self.high_watermark)
    }

    /// What all batches take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn producers(&self) -> &Producers {
        &self.producers
    }

    pub(crate) fn producers_mut(&mut self) -> &mut Producers {
        &mut self.producers
    }

    pub(crate) fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    pub(crate) fn segments(&self) -> impl DoubleEndedIterator<Item = &Segment> + Clone {
        self.segments.iter()
    }

    /// A leader begins with that epoch. It counts from here on, even if nothing is ever written.
    pub(crate) fn lead(&mut self, leader_epoch: i32) {
        self.epochs.note(leader_epoch, self.end);
    }

    /// Appends a batch of format 2 that was found valid, and remembers what it says of producers and
    /// transactions. `batch` is the batch alone.
    pub(crate) fn append(&mut self, batch: &[u8], how: AppendAs) -> Appended {
        let mut bytes = BytesMut::from(batch);
        let base_offset = self.end;
        segment::place(&mut bytes, base_offset, how.leader_epoch);
        if how.log_append_time {
            segment::stamp(&mut bytes, how.now_ms);
        }
        let stored = StoredBatch::new(bytes.freeze()).expect("the batch was found valid");
        let appended = Appended {
            base_offset,
            last_offset: stored.last_offset(),
            log_append_time_ms: if how.log_append_time { how.now_ms } else { -1 },
        };
        self.push(stored, how);
        appended
    }

    /// Puts a batch at the end that has its place already.
    pub(crate) fn push(&mut self, stored: StoredBatch, how: AppendAs) {
        self.epochs
            .note(stored.leader_epoch(), stored.base_offset());
        self.note_producer(&stored, how.now_ms);
        self.end = stored.last_offset() + 1;
        self.bytes += stored.len();
        let full = self.segments.back().is_none_or(|last| {
            last.bytes() > 0
                && (last.bytes() + stored.len() > how.segment_bytes
                    || last.waited_to_close(how.now_ms, stored.max_timestamp()) > how.segment_ms)
        });
        if full {
            self.segments
                .push_back(Segment::new(stored.base_offset(), how.now_ms));
        }
        if let Some(last) = self.segments.back_mut() {
            last.push(stored);
        }
    }

    fn note_producer(&mut self, stored: &StoredBatch, now_ms: i64) {
        let view = stored.view();
        if view.producer_id().0 < 0 {
            return;
        }
        if view.is_control() {
            if let Some(marker) = stored.marker() {
                let first = self
                    .producers
                    .end_transaction(view.producer_id(), &marker, now_ms);
                self.producers
                    .seen_at(view.producer_id(), view.max_timestamp());
                let offset = stored.base_offset();
                let lost = first.map(|first| (first, marker.is_abort));
                self.transactions.end(view.producer_id(), lost, offset);
            }
            return;
        }
        self.producers.note(&view, stored.base_offset(), now_ms);
        if view.is_transactional() {
            self.transactions
                .begin(view.producer_id(), stored.base_offset());
        }
    }

    /// A log as it was stored: segments of whole batches, by ascending offset, that begins at `start`.
    /// All of it counts as replicated.
    pub(crate) fn restored(
        segments: Vec<(i64, Vec<StoredBatch>)>,
        start: i64,
        now_ms: i64,
    ) -> Self {
        let mut log = Log {
            start,
            end: start,
            ..Log::default()
        };
        for (base_offset, batches) in segments {
            let mut segment = Segment::new(base_offset, now_ms);
            for batch in batches {
                log.epochs.note(batch.leader_epoch(), batch.base_offset());
                log.end = log.end.max(batch.last_offset() + 1);
                segment.push(batch);
            }
            log.segments.push_back(segment);
        }
        log.high_watermark = log.end;
        log.rebuild(now_ms);
        log.epochs.begin_at(start);
        log
    }

    /// Lets the high watermark rise to `offset`, at most to the end. Whether it rose.
    pub(crate) fn raise_high_watermark(&mut self, offset: i64) -> bool {
        let offset = offset.min(self.end);
        if offset <= self.high_watermark {
            return false;
        }
        self.high_watermark = offset;
        self.transactions.replicated_to(offset);
        true
    }

    /// The batches of one segment from the one that holds `from` up to the offset `until`, at most
    /// `bytes_max` of them; a first batch that is larger only where `one_anyway`. Returns the end of
    /// what was read, and whether `bytes_max` left a batch out.
    pub(crate) fn read(
        &self,
        from: i64,
        until: i64,
        bytes_max: usize,
        one_anyway: bool,
    ) -> (Bytes, i64, bool) {
        let mut taken: Vec<&StoredBatch> = Vec::new();
        let mut total = 0;
        let mut end = from;
        let mut is_cut = false;
        for batch in self.segment_from(from).flat_map(|it| it.batches_from(from)) {
            if batch.last_offset() >= until {
                break;
            }
            if total + batch.len() > bytes_max && !(one_anyway && taken.is_empty()) {
                is_cut = true;
                break;
            }
            total += batch.len();
            end = batch.last_offset() + 1;
            taken.push(batch);
        }
        if let [one] = taken.as_slice() {
            return (one.bytes().clone(), end, is_cut);
        }
        let mut all = BytesMut::with_capacity(total);
        for batch in taken {
            all.extend_from_slice(batch.bytes());
        }
        (all.freeze(), end, is_cut)
    }

    /// Flips the last byte of the batch that holds `offset`. Whether there is one.
    pub(crate) fn damage(&mut self, offset: i64) -> bool {
        let mut segments = self.segments.iter_mut();
        segments.any(|segment| offset >= self.start && segment.damage(offset))
    }

    /// How many bytes [`read`](Self::read) would find, counted up to `enough` and no further. Where
    /// another segment follows, enough: no waiting lets it find more.
    pub(crate) fn bytes_between(&self, from: i64, until: i64, enough: usize) -> usize {
        let mut total = 0;
        let segment = self.segment_from(from);
        if segment.clone().any(|segment| segment.end() < until) {
            return enough;
        }
        for batch in segment.flat_map(|it| it.batches_from(from)) {
            if batch.last_offset() >= until || total >= enough {
                break;
            }
            total += batch.len();
        }
        total
    }

    /// The one segment that is read for `from`, if there is any: the first that reaches behind it.
    fn segment_from(&self, from: i64) -> impl Iterator<Item = &Segment> + Clone {
        let first = self
            .segments
            .partition_point(|segment| segment.end() <= from);
        self.segments.get(first).into_iter()
    }

    /// All batches from the one on that holds `from` or is the first after it.
    pub(crate) fn batches_from(&self, from: i64) -> impl Iterator<Item = &StoredBatch> {
        let first = self
            .segments
            .partition_point(|segment| segment.end() <= from);
        self.segments
            .range(first..)
            .flat_map(move |segment| segment.batches_from(from))
    }

    /// The transactions that were aborted and have records in `from..until`.
    pub(crate) fn aborted_between(&self, from: i64, until: i64) -> Vec<AbortedRange> {
        self.transactions.aborted_between(from, until)
    }

    /// The first batch that has a record of `timestamp` or later, among those below `until`.
    pub(crate) fn first_batch_at(&self, timestamp: i64, until: i64) -> Option<&StoredBatch> {
        let mut batches = self.batches_from(self.start);
        batches
            .find(|batch| batch.last_offset() >= self.start && batch.max_timestamp() >= timestamp)
            .filter(|batch| batch.base_offset() < until)
    }

    /// Takes back everything from `offset` on, as a leader's death does.
    pub(crate) fn truncate(&mut self, offset: i64, now_ms: i64) {
        let offset = offset.max(self.start);
        if offset >= self.end {
            return;
        }
        // Not where the last batch that is left ends: compaction may have been between.
        let cut = self.batches_from(offset).next();
        self.end = cut.map_or(offset, StoredBatch::base_offset);
        while let Some(last) = self.segments.back_mut() {
            last.truncate(offset);
            if last.bytes() > 0 {
                break;
            }
            self.segments.pop_back();
        }
        self.end = self.end.max(self.start);
        self.high_watermark = self.high_watermark.min(self.end);
        self.epochs.truncate(self.end);
        self.rebuild(now_ms);
    }

    /// Learns again from the batches what they say of producers and transactions.
    fn rebuild(&mut self, now_ms: i64) {
        self.producers = Producers::default();
        self.transactions = OpenTransactions::default();
        self.bytes = self.segments.iter().map(Segment::bytes).sum();
        let batches: Vec<StoredBatch> = self.batches_from(self.start).cloned().collect();
        for batch in &batches {
            self.note_producer(batch, now_ms);
        }
        self.transactions.replicated_to(self.high_watermark);
    }

    /// Deletes what lies before `offset`, by whole segments, and hides the rest. `offset` is at most
    /// the high watermark.
    pub(crate) fn delete_before(&mut self, offset: i64) {
        self.start = self.start.max(offset.min(self.high_watermark));
        while self.segments.len() > 1 {
            let Some(first) = self
                .segments
                .front()
                .filter(|first| first.end() <= self.start)
            else {
                break;
            };
            self.bytes -= first.bytes();
            self.segments.pop_front();
        }
        self.epochs.begin_at(self.start);
        self.transactions.forget_before(self.start);
    }

    /// Puts rewritten segments in the place of the first `count`, as compaction does.
    pub(crate) fn replace_first(&mut self, count: usize, rewritten: Vec<Segment>) {
        self.segments.drain(..count.min(self.segments.len()));
        for segment in rewritten.into_iter().rev() {
            self.segments.push_front(segment);
        }
        self.bytes = self.segments.iter().map(Segment::bytes).sum();
    }
}

/// The only batch of `bytes`, if it is one.
pub(crate) fn only_batch(bytes: &[u8]) -> Option<RecordBatch<'_>> {
    thalweg_protocol::records::RecordBatches::new(bytes)
        .next()?
        .ok()
}
