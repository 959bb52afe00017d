//! The records of one batch as columns: where the engine's vectors begin.

use crate::Offset;

use super::batch::{RecordBatch, TimestampType};
use super::compression::{Compression, Decompressor};
use super::error::{RecordError, RecordFault};
use super::legacy;
use super::rows::Rows;
use super::scratch::Scratch;
use super::v2;

/// The place of a key, a value or the headers within the records' bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    /// A null: no slice begins after its end.
    pub(super) const NULL: Self = Self {
        start: u32::MAX,
        end: 0,
    };
}

/// Room for the records of one batch, used again and again: five vectors (offset, timestamp, key,
/// value and headers) and a buffer for what was compressed. Once warm it decodes without allocating.
///
/// It keeps the room of the largest batch it has seen: 36 bytes per record, and the decompressed
/// bytes of a compressed batch. A record takes at least 7 bytes, and the number that a header claims
/// is checked against the bytes there are, so that a batch of n bytes (decompressed) never makes it
/// allocate more than 7 × n, whatever the batch says.
#[derive(Debug, Default)]
pub struct Columns {
    pub(super) scratch: Scratch,
    pub(super) vectors: Vectors,
}

/// The five vectors. They keep the length of the largest batch, so that a batch can be written over
/// the one before it without clearing; how much of them is valid is told by `len`.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    pub(super) len: usize,
    pub(super) offset_deltas: Vec<i32>,
    pub(super) timestamps: Vec<i64>,
    pub(super) keys: Vec<Span>,
    pub(super) values: Vec<Span>,
    pub(super) headers: Vec<Span>,
}

impl Columns {
    /// Empty, allocating nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes all records of `batch`, decompressing them first if need be, and checks its checksum
    /// and every length in it. Nothing is copied that was not compressed: the rows borrow the bytes
    /// of the batch, or this object's buffer.
    ///
    /// # Errors
    /// [`RecordError`] where the batch is damaged, breaks the format or would decompress to more
    /// than the decompressor's limit. All of it is refused then.
    pub fn decode<'b>(
        &'b mut self,
        batch: &RecordBatch<'b>,
        decompressor: &mut Decompressor,
    ) -> Result<Rows<'b>, RecordError> {
        batch.verify_crc()?;
        let compression = batch.compression()?;
        let Self { scratch, vectors } = self;
        if batch.magic() < 2 {
            let (bytes, first_offset) =
                legacy::decode(batch, compression, decompressor, scratch, vectors)?;
            return Ok(Rows::new(bytes, first_offset, vectors));
        }

        let mut bytes = batch.records();
        // A batch that compaction emptied has no compressed stream either.
        if compression != Compression::None && !bytes.is_empty() {
            bytes = decompressor
                .decompress_into(compression, false, bytes, scratch)
                .map_err(|source| RecordError::Decompress {
                    base_offset: batch.base_offset(),
                    compression,
                    source,
                })?;
        }
        decode_v2(batch, bytes, vectors)?;
        Ok(Rows::new(bytes, batch.base_offset(), vectors))
    }
}

fn decode_v2(
    batch: &RecordBatch<'_>,
    bytes: &[u8],
    vectors: &mut Vectors,
) -> Result<(), RecordError> {
    let base_offset = batch.base_offset();
    let count = batch
        .record_count()
        .filter(|&count| count <= bytes.len() / v2::RECORD_BYTES_MIN)
        .ok_or(RecordError::RecordCount {
            base_offset,
            count: batch.claimed_count(),
            bytes: bytes.len(),
        })?;
    vectors.resize(count);
    let log_append_time = batch.timestamp_type() == TimestampType::LogAppendTime;
    let bases = v2::Bases {
        // The deltas of a batch stamped by the broker mean nothing, so they cannot overflow either.
        timestamp: if log_append_time {
            0
        } else {
            batch.base_timestamp()
        },
        last_offset_delta: (batch.last_offset().0 - base_offset.0) as i32,
    };
    let end = v2::decode_records(bytes, bases, vectors).map_err(|(index, fault)| {
        RecordError::Record {
            base_offset,
            index,
            fault,
        }
    })?;
    if end != bytes.len() {
        return Err(RecordError::TrailingBytes {
            base_offset,
            bytes: bytes.len() - end,
        });
    }
    if log_append_time {
        vectors.stamp(batch.max_timestamp());
    }
    Ok(())
}

impl Vectors {
    /// Makes room for `len` records and makes that the valid length.
    pub(super) fn resize(&mut self, len: usize) {
        self.len = len;
        if len > self.offset_deltas.len() {
            grow(&mut self.offset_deltas, len, 0);
            grow(&mut self.timestamps, len, 0);
            grow(&mut self.keys, len, Span::NULL);
            grow(&mut self.values, len, Span::NULL);
            grow(&mut self.headers, len, Span::NULL);
        }
    }

    /// Forgets all records, for pushing new ones.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds one record, for the old formats where nobody says how many there will be.
    ///
    /// # Errors
    /// Where the offset is not after the one before, or too far from the first.
    pub(super) fn push(&mut self, row: Row, first_offset: Offset) -> Result<(), RecordFault> {
        let delta = row
            .offset
            .checked_sub(first_offset.0)
            .and_then(|d| i32::try_from(d).ok());
        let delta = delta.ok_or(RecordFault::Offset)?;
        let before = self
            .len
            .checked_sub(1)
            .and_then(|last| self.offset_deltas.get(last));
        if before.is_some_and(|&before| before >= delta) {
            return Err(RecordFault::Offset);
        }
        set(&mut self.offset_deltas, self.len, delta);
        set(&mut self.timestamps, self.len, row.timestamp);
        set(&mut self.keys, self.len, row.key);
        set(&mut self.values, self.len, row.value);
        set(&mut self.headers, self.len, Span::NULL);
        self.len += 1;
        Ok(())
    }

    /// Gives all records the same timestamp.
    pub(super) fn stamp(&mut self, timestamp: i64) {
        self.timestamps
            .iter_mut()
            .take(self.len)
            .for_each(|slot| *slot = timestamp);
    }
}

/// One record of the old formats.
pub(super) struct Row {
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) key: Span,
    pub(super) value: Span,
}

fn grow<T: Copy>(vector: &mut Vec<T>, len: usize, fill: T) {
    vector.reserve_exact(len - vector.len());
    vector.resize(len, fill);
}

fn set<T: Copy>(vector: &mut Vec<T>, index: usize, value: T) {
    match vector.get_mut(index) {
        Some(slot) => *slot = value,
        None => vector.push(value),
    }
}
