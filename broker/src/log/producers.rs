//! What a partition knows of the producers that wrote to it: epochs, and the last five batches of
//! each, by which duplicates and gaps are told (KIP-98, KIP-360, KIP-890).

use std::collections::{BTreeMap, VecDeque};

use thalweg_protocol::ProducerId;
use thalweg_protocol::records::RecordBatch;

/// How many batches of a producer are remembered: as many as it may have in flight.
const BATCHES_MAX: usize = 5;

/// A batch that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownBatch {
    pub(crate) base_sequence: i32,
    pub(crate) last_sequence: i32,
    pub(crate) base_offset: i64,
    pub(crate) last_offset: i64,
    pub(crate) timestamp: i64,
}

/// What is known of one producer.
#[derive(Debug, Clone)]
pub(crate) struct ProducerEntry {
    /// -1 where only a marker of a producer was seen that is not known.
    pub(crate) producer_epoch: i16,
    batches: VecDeque<KnownBatch>,
    /// Where its open transaction began here.
    pub(crate) transaction_start: Option<i64>,
    /// The epoch of the coordinator that wrote its last marker, -1 before the first.
    pub(crate) coordinator_epoch: i32,
    pub(crate) last_timestamp: i64,
    /// When it last wrote, by the broker's clock.
    pub(crate) last_seen_ms: i64,
}

impl ProducerEntry {
    fn new(producer_epoch: i16) -> Self {
        ProducerEntry {
            producer_epoch,
            batches: VecDeque::new(),
            transaction_start: None,
            coordinator_epoch: -1,
            last_timestamp: -1,
            last_seen_ms: -1,
        }
    }

    /// The sequence number of the last record, -1 where there is none in this epoch.
    pub(crate) fn last_sequence(&self) -> i32 {
        self.batches.back().map_or(-1, |last| last.last_sequence)
    }

    /// The offset of the last record, if there is one in this epoch.
    pub(crate) fn last_data_offset(&self) -> Option<i64> {
        self.batches.back().map(|last| last.last_offset)
    }

    fn duplicate_of(&self, base_sequence: i32, last_sequence: i32) -> Option<KnownBatch> {
        let same = |batch: &&KnownBatch| {
            batch.base_sequence == base_sequence && batch.last_sequence == last_sequence
        };
        self.batches.iter().find(same).copied()
    }
}

/// Why a batch of an idempotent producer is not appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SequenceError {
    /// The producer's epoch is older than one that wrote.
    OldProducerEpoch { known: i16 },
    /// The sequence number does not follow the last one.
    OutOfOrder { last_sequence: i32 },
    /// The producer has a transaction open here, and the batch is not of it.
    OutsideTransaction,
}

/// A transaction's end, as its marker says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) is_abort: bool,
    pub(crate) coordinator_epoch: i32,
    pub(crate) producer_epoch: i16,
}

/// The producers that wrote to a partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Producers {
    by_id: BTreeMap<ProducerId, ProducerEntry>,
    /// Producers that tried to begin a transaction here and did not get so far.
    tried: BTreeMap<ProducerId, Tried>,
}

/// What a producer tried to begin a transaction with.
#[derive(Debug, Clone, Copy)]
struct Tried {
    producer_epoch: i16,
    /// The lowest sequence number it tried in this epoch: nothing higher may come before.
    lowest_sequence: i32,
    /// Whether it begins every transaction with a new epoch, and so with the sequence number 0.
    begins_anew: bool,
}

/// How many producers that never got anywhere are remembered.
const TRIED_MAX: usize = 1_000;

impl Producers {
    /// Notes that a producer tries to begin a transaction with this batch, by the newer protocol
    /// (KIP-890) where it `begins_anew`.
    pub(crate) fn try_to_begin(&mut self, batch: &RecordBatch<'_>, begins_anew: bool) {
        let (producer_epoch, sequence) = (batch.producer_epoch(), batch.base_sequence());
        if self.tried.len() >= TRIED_MAX && !self.tried.contains_key(&batch.producer_id()) {
            self.tried.pop_first();
        }
        let new = Tried {
            producer_epoch,
            lowest_sequence: sequence,
            begins_anew,
        };
        let tried = self.tried.entry(batch.producer_id()).or_insert(new);
        if producer_epoch > tried.producer_epoch {
            *tried = new;
        } else if producer_epoch == tried.producer_epoch {
            tried.lowest_sequence = tried.lowest_sequence.min(sequence);
        }
    }

    pub(crate) fn entry(&self, producer_id: ProducerId) -> Option<&ProducerEntry> {
        self.by_id.get(&producer_id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ProducerId, &ProducerEntry)> {
        self.by_id.iter().map(|(id, entry)| (*id, entry))
    }

    /// Whether a batch may be appended: `Ok(None)` if so, the batch it repeats if it is here
    /// already.
    pub(crate) fn check(
        &self,
        batch: &RecordBatch<'_>,
    ) -> Result<Option<KnownBatch>, SequenceError> {
        let (base, last) = (batch.base_sequence(), batch.last_sequence());
        let tried = self.tried.get(&batch.producer_id());
        let comes_too_soon = tried.is_some_and(|tried| base > tried.lowest_sequence);
        let Some(entry) = self.by_id.get(&batch.producer_id()) else {
            let misses_first = base != 0 && tried.is_some_and(|tried| tried.begins_anew);
            return match comes_too_soon || misses_first {
                true => Err(SequenceError::OutOfOrder { last_sequence: -1 }),
                false => Ok(None),
            };
        };
        if batch.producer_epoch() < entry.producer_epoch {
            let known = entry.producer_epoch;
            return Err(SequenceError::OldProducerEpoch { known });
        }
        let last_sequence = entry.last_sequence();
        let follows = if batch.producer_epoch() > entry.producer_epoch {
            base == 0 || entry.producer_epoch == -1
        } else {
            if let Some(known) = entry.duplicate_of(base, last) {
                return Ok(Some(known));
            }
            match last_sequence {
                i32::MAX => base == 0,
                last_sequence => base == last_sequence + 1,
            }
        };
        if !follows || comes_too_soon {
            return Err(SequenceError::OutOfOrder { last_sequence });
        }
        if entry.transaction_start.is_some() && !batch.is_transactional() {
            return Err(SequenceError::OutsideTransaction);
        }
        Ok(None)
    }

    /// Remembers a batch that lies at `base_offset`.
    pub(super) fn note(&mut self, batch: &RecordBatch<'_>, base_offset: i64, now_ms: i64) {
        let producer_epoch = batch.producer_epoch();
        if batch.is_transactional() {
            self.tried.remove(&batch.producer_id());
        }
        let new = || ProducerEntry::new(producer_epoch);
        let entry = self.by_id.entry(batch.producer_id()).or_insert_with(new);
        if entry.producer_epoch != producer_epoch {
            entry.producer_epoch = producer_epoch;
            entry.batches.clear();
        }
        if entry.batches.len() == BATCHES_MAX {
            entry.batches.pop_front();
        }
        let last_offset = base_offset + (batch.last_offset().0 - batch.base_offset().0);
        entry.batches.push_back(KnownBatch {
            base_sequence: batch.base_sequence(),
            last_sequence: batch.last_sequence(),
            base_offset,
            last_offset,
            timestamp: batch.max_timestamp(),
        });
        entry.last_timestamp = batch.max_timestamp();
        entry.last_seen_ms = now_ms;
        if batch.is_transactional() && entry.transaction_start.is_none() {
            entry.transaction_start = Some(base_offset);
        }
    }

    /// Notes a marker. Returns where the transaction began, if it wrote anything here.
    pub(super) fn end_transaction(
        &mut self,
        producer_id: ProducerId,
        marker: &Marker,
        now_ms: i64,
    ) -> Option<i64> {
        // One that is of the epoch of the next transaction has nothing to do with what was tried.
        let is_of_next =
            |tried: &Tried| tried.begins_anew && tried.producer_epoch == marker.producer_epoch;
        if !self.tried.get(&producer_id).is_some_and(is_of_next) {
            self.tried.remove(&producer_id);
        }
        let new = || ProducerEntry::new(marker.producer_epoch);
        let entry = self.by_id.entry(producer_id).or_insert_with(new);
        if entry.producer_epoch != marker.producer_epoch {
            entry.producer_epoch = marker.producer_epoch;
            entry.batches.clear();
        }
        entry.coordinator_epoch = marker.coordinator_epoch;
        entry.last_seen_ms = now_ms;
        entry.transaction_start.take()
    }

    /// The timestamp of what was written last for a producer, which may be a marker.
    pub(super) fn seen_at(&mut self, producer_id: ProducerId, timestamp: i64) {
        if let Some(entry) = self.by_id.get_mut(&producer_id) {
            entry.last_timestamp = timestamp;
        }
    }

    /// Forgets those that wrote nothing since `before_ms` and have no open transaction.
    pub(crate) fn expire(&mut self, before_ms: i64) {
        self.by_id.retain(|_, entry| {
            entry.transaction_start.is_some() || entry.last_seen_ms >= before_ms
        });
    }
}
