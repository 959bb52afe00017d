//! The records of one batch as columns: where the engine's vectors begin.

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

/// Room for the records of one batch, used again and again: a vector of the records' offsets,
/// timestamps and the places of their keys, values and headers, and a buffer for what was compressed. Once warm it decodes without allocating.
///
/// It keeps the room of the largest batch it has seen: 32 bytes per record, and the decompressed
/// bytes of a compressed batch. A record takes at least 7 bytes, and the number that a header claims
/// is checked against the bytes there are, so that a batch of n bytes (decompressed) never makes it
/// allocate more than 5 × n for its records, whatever the batch says. For decompressed bytes it keeps
/// what [`Decompressor::decompress`] says.
#[derive(Debug, Default)]
pub struct Columns {
    pub(super) scratch: Scratch,
    pub(super) slots: Slots,
}

/// Where the parts of a record lie, and its offset relative to the batch's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) timestamp: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Span,
    pub(super) value: Span,
    /// Where the header count lies, or [`NO_HEADERS`].
    pub(super) headers: u32,
}

/// No header count lies at the very front.
pub(super) const NO_HEADERS: u32 = 0;

impl Slot {
    /// The first record's, with nothing in it.
    pub(super) const EMPTY: Self = Self {
        timestamp: -1,
        offset_delta: 0,
        key: Span::NULL,
        value: Span::NULL,
        headers: NO_HEADERS,
    };
}

/// The records' slots. The vector keeps the length of the largest batch, so that a batch can be
/// written over the one before it without clearing; how much of it is valid is told by `len`.
#[derive(Debug, Default)]
pub(super) struct Slots {
    len: usize,
    all: Vec<Slot>,
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
        let Self { scratch, slots } = self;
        if batch.magic() < 2 {
            let (bytes, first_offset) =
                legacy::decode(batch, compression, decompressor, scratch, slots)?;
            return Ok(Rows::new(bytes, first_offset, slots));
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
        decode_v2(batch, bytes, slots)?;
        Ok(Rows::new(bytes, batch.base_offset(), slots))
    }
}

fn decode_v2(batch: &RecordBatch<'_>, bytes: &[u8], slots: &mut Slots) -> Result<(), RecordError> {
    let base_offset = batch.base_offset();
    let count = batch
        .record_count()
        .filter(|&count| count <= bytes.len() / v2::RECORD_BYTES_MIN)
        .ok_or(RecordError::RecordCount {
            base_offset,
            count: batch.claimed_count(),
            bytes: bytes.len(),
        })?;
    let valid = slots.resize(count);
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
    let end =
        v2::decode_records(bytes, bases, valid).map_err(|(index, fault)| RecordError::Record {
            base_offset,
            index,
            fault,
        })?;
    if end != bytes.len() {
        return Err(RecordError::TrailingBytes {
            base_offset,
            bytes: bytes.len() - end,
        });
    }
    if log_append_time {
        slots.stamp(batch.max_timestamp());
    }
    Ok(())
}

impl Slots {
    /// The valid ones.
    pub(super) fn valid(&self) -> &[Slot] {
        self.all.get(..self.len).unwrap_or_default()
    }

    /// Makes `len` slots valid, to be written over.
    pub(super) fn resize(&mut self, len: usize) -> &mut [Slot] {
        self.len = len;
        if len > self.all.len() {
            self.all.reserve_exact(len - self.all.len());
            self.all.resize(len, Slot::EMPTY);
        }
        self.all.get_mut(..len).unwrap_or_default()
    }

    /// Forgets all records, for pushing new ones.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds one record, for the old formats where nobody says how many there will be.
    ///
    /// # Errors
    /// Where the offset is not after the one before.
    pub(super) fn push(&mut self, slot: Slot) -> Result<(), RecordFault> {
        if self
            .valid()
            .last()
            .is_some_and(|before| before.offset_delta >= slot.offset_delta)
        {
            return Err(RecordFault::Offset);
        }
        match self.all.get_mut(self.len) {
            Some(place) => *place = slot,
            None => self.all.push(slot),
        }
        self.len += 1;
        Ok(())
    }

    /// How many are valid.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Gives all records the same timestamp.
    pub(super) fn stamp(&mut self, timestamp: i64) {
        self.all
            .iter_mut()
            .take(self.len)
            .for_each(|slot| slot.timestamp = timestamp);
    }
}
