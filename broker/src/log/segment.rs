//! A run of batches that is kept or dropped as a whole.

use bytes::{Bytes, BytesMut};
use thalweg_protocol::records::{Columns, ControlRecord, Decompressor, RecordBatch};

use super::only_batch;
use super::producers::Marker;

/// A batch as it lies in the log. Its bytes are one whole batch of format 2.
#[derive(Debug, Clone)]
pub(crate) struct StoredBatch {
    base_offset: i64,
    last_offset: i64,
    max_timestamp: i64,
    bytes: Bytes,
}

impl StoredBatch {
    /// `None` where the bytes are no batch.
    pub(crate) fn new(bytes: Bytes) -> Option<Self> {
        let view = only_batch(&bytes).filter(|view| view.encoded_len() == bytes.len())?;
        Some(StoredBatch {
            base_offset: view.base_offset().0,
            last_offset: view.last_offset().0,
            max_timestamp: view.max_timestamp(),
            bytes: bytes.clone(),
        })
    }

    pub(crate) fn base_offset(&self) -> i64 {
        self.base_offset
    }

    pub(crate) fn last_offset(&self) -> i64 {
        self.last_offset
    }

    pub(crate) fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn view(&self) -> RecordBatch<'_> {
        only_batch(&self.bytes).expect("checked when it was stored")
    }

    pub(crate) fn leader_epoch(&self) -> i32 {
        self.view().leader_epoch()
    }

    /// What a control batch says about its producer's transaction.
    pub(crate) fn marker(&self) -> Option<Marker> {
        let view = self.view();
        if !view.is_control() {
            return None;
        }
        let (mut columns, mut decompressor) = (Columns::new(), Decompressor::new());
        let rows = columns.decode(&view, &mut decompressor).ok()?;
        let record = rows.iter().next()?;
        let (is_abort, coordinator_epoch) = match ControlRecord::decode(&record).ok()? {
            ControlRecord::Abort {
                transaction_coordinator_epoch: at,
            } => (true, at),
            ControlRecord::Commit {
                transaction_coordinator_epoch: at,
            } => (false, at),
            _ => return None,
        };
        Some(Marker {
            is_abort,
            coordinator_epoch,
            producer_epoch: view.producer_epoch(),
        })
    }
}

/// A run of batches.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    base_offset: i64,
    created_ms: i64,
    batches: Vec<StoredBatch>,
    bytes: usize,
    max_timestamp: i64,
    /// Whether compaction has been here.
    clean: bool,
    /// Rises whenever anything but an append at the end happened.
    revision: u32,
}

impl Segment {
    pub(crate) fn new(base_offset: i64, created_ms: i64) -> Self {
        Segment {
            base_offset,
            created_ms,
            batches: Vec::new(),
            bytes: 0,
            max_timestamp: -1,
            clean: false,
            revision: 0,
        }
    }

    /// Rises whenever anything but an append at the end happened.
    pub(crate) fn revision(&self) -> u32 {
        self.revision
    }

    pub(super) fn push(&mut self, batch: StoredBatch) {
        self.bytes += batch.len();
        self.max_timestamp = self.max_timestamp.max(batch.max_timestamp());
        self.batches.push(batch);
    }

    /// With these batches in the place of its own, after compaction.
    pub(super) fn cleaned(&self, batches: Vec<StoredBatch>) -> Segment {
        let mut cleaned = Segment::new(self.base_offset, self.created_ms);
        for batch in batches {
            cleaned.push(batch);
        }
        cleaned.clean = true;
        cleaned.revision = self.revision + 1;
        cleaned
    }

    /// Takes over the batches of the segment after it.
    pub(super) fn absorb(&mut self, next: Segment) {
        self.created_ms = self.created_ms.max(next.created_ms);
        for batch in next.batches {
            self.push(batch);
        }
    }

    /// Whether compaction has been here.
    pub(crate) fn is_clean(&self) -> bool {
        self.clean
    }

    /// How new it is, for retention: its largest timestamp, or when it was made where its records
    /// have none.
    pub(crate) fn newest_ms(&self) -> i64 {
        if self.max_timestamp < 0 {
            return self.created_ms;
        }
        self.max_timestamp
    }

    /// How long it has been written, by the timestamps of its records where they have any: then
    /// `timestamp`, of the next batch, is what counts, and not the clock.
    pub(crate) fn waited_to_close(&self, now_ms: i64, timestamp: i64) -> i64 {
        let first = self.batches.first().map_or(-1, StoredBatch::max_timestamp);
        if first >= 0 {
            return timestamp.saturating_sub(first);
        }
        now_ms.saturating_sub(self.created_ms)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The largest timestamp, -1 where there is none.
    pub(crate) fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// The offset after the last batch.
    pub(crate) fn end(&self) -> i64 {
        self.batches
            .last()
            .map_or(self.base_offset, |last| last.last_offset() + 1)
    }

    pub(crate) fn base_offset(&self) -> i64 {
        self.base_offset
    }

    pub(crate) fn batches(&self) -> &[StoredBatch] {
        &self.batches
    }

    /// The batches from the one on that holds `from` or is the first after it.
    pub(crate) fn batches_from(&self, from: i64) -> impl Iterator<Item = &StoredBatch> {
        let first = self
            .batches
            .partition_point(|batch| batch.last_offset() < from);
        self.batches.get(first..).unwrap_or_default().iter()
    }

    /// Flips the last byte of the batch that holds `offset`. Whether there is one.
    pub(super) fn damage(&mut self, offset: i64) -> bool {
        let held = |batch: &&mut StoredBatch| {
            (batch.base_offset()..=batch.last_offset()).contains(&offset)
        };
        let Some(batch) = self.batches.iter_mut().find(held) else {
            return false;
        };
        let mut bytes = BytesMut::from(batch.bytes.as_ref());
        if let Some(last) = bytes.last_mut() {
            *last ^= 0xff;
        }
        batch.bytes = bytes.freeze();
        true
    }

    /// Drops the batches that reach to `offset` or beyond it.
    pub(super) fn truncate(&mut self, offset: i64) {
        self.revision += 1;
        self.batches.retain(|batch| batch.last_offset() < offset);
        self.bytes = self.batches.iter().map(StoredBatch::len).sum();
        let timestamps = self.batches.iter().map(StoredBatch::max_timestamp);
        self.max_timestamp = timestamps.max().unwrap_or(-1);
    }
}

const LEADER_EPOCH_AT: usize = 12;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const BASE_TIMESTAMP_AT: usize = 27;
const MAX_TIMESTAMP_AT: usize = 35;
const RECORD_COUNT_AT: usize = 57;
const HEADER_BYTES: usize = 61;
const LOG_APPEND_TIME: u8 = 0b1000;
const CODEC_AND_HORIZON: u8 = 0b0100_0111;

/// Gives a batch its place. Neither field is covered by the checksum.
pub(super) fn place(batch: &mut BytesMut, base_offset: i64, leader_epoch: i32) {
    write_at(batch, 0, &base_offset.to_be_bytes());
    write_at(batch, LEADER_EPOCH_AT, &leader_epoch.to_be_bytes());
}

/// Gives a batch the broker's time.
pub(super) fn stamp(batch: &mut BytesMut, now_ms: i64) {
    if let Some(attributes) = batch.get_mut(ATTRIBUTES_AT + 1) {
        *attributes |= LOG_APPEND_TIME;
    }
    write_at(batch, MAX_TIMESTAMP_AT, &now_ms.to_be_bytes());
    seal(batch);
}

/// A batch's header alone: what it says of its producer and its offsets stays in the log.
pub(super) fn without_records(batch: &StoredBatch) -> Option<StoredBatch> {
    const LENGTH_AT: usize = 8;
    /// What lies before the part that the length counts.
    const LENGTH_END: usize = 12;
    let mut header = BytesMut::from(batch.bytes().get(..HEADER_BYTES)?);
    let length = i32::try_from(HEADER_BYTES - LENGTH_END).ok()?;
    write_at(&mut header, LENGTH_AT, &length.to_be_bytes());
    *header.get_mut(ATTRIBUTES_AT + 1)? &= !CODEC_AND_HORIZON;
    write_at(&mut header, BASE_TIMESTAMP_AT, &(-1_i64).to_be_bytes());
    write_at(&mut header, RECORD_COUNT_AT, &0_i32.to_be_bytes());
    seal(&mut header);
    StoredBatch::new(header.freeze())
}

fn seal(batch: &mut BytesMut) {
    let crc = crc32c::crc32c(batch.get(ATTRIBUTES_AT..).unwrap_or_default());
    write_at(batch, CRC_AT, &crc.to_be_bytes());
}

fn write_at(batch: &mut BytesMut, at: usize, bytes: &[u8]) {
    if let Some(place) = batch.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}
