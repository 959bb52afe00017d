//! A format 2 batch under construction: records are encoded once, into the bytes that go on the
//! wire.

use super::batch::{CONTROL, DELETE_HORIZON, HEADER_BYTES};
use super::compression::{Compression, Compressor};
use super::headers::{bytes_len, headers_len};
use super::new_record::NewRecord;
use super::pool::PooledBuffer;
use super::unsealed::UnsealedBatch;
use super::varint::ShortNumbers;

/// The default of [`RecordBatchBuilder::with_batch_bytes_max`]: Kafka's `message.max.bytes`,
/// without which brokers refuse a batch.
const BATCH_BYTES_MAX: usize = 1_048_588;

/// Collects records and makes format 2 batches of them, one after another.
///
/// Appending encodes a record at the end of the batch's buffer: no allocation per record, and no
/// copy of the batch later unless it is compressed. [`build`](Self::build) ends the batch and starts
/// the next.
///
/// ```
/// use thalweg_protocol::ProducerId;
/// use thalweg_protocol::records::{Compression, Compressor, RecordBatchBuilder, RecordBatches};
///
/// let mut compressor = Compressor::new();
/// let mut builder = RecordBatchBuilder::new(Compression::None);
/// builder.append(1_700_000_000_000, Some(b"key"), Some(b"value"), &[])?;
/// let batch = builder.build(&mut compressor);
/// let bytes = batch.seal(ProducerId(-1), -1, -1, false);
/// assert_eq!(RecordBatches::new(&bytes).count(), 1);
/// # Ok::<(), thalweg_protocol::records::AppendError>(())
/// ```
#[derive(Debug)]
pub struct RecordBatchBuilder {
    compression: Compression,
    batch_bytes_max: usize,
    attributes: i16,
    delete_horizon_ms: Option<i64>,
    /// A header's room, then records; or empty as long as there are none.
    buffer: Vec<u8>,
    record_count: i32,
    last_offset_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

/// Why a record was not appended. The batch is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The record does not fit what is left of the batch: build it, and append to the next.
    #[error("the batch has no room left for a record of {record_bytes} bytes")]
    BatchFull {
        /// What the record takes.
        record_bytes: usize,
    },
    /// The record does not fit even an empty batch.
    #[error(
        "the record makes a batch of {batch_bytes} bytes, more than the {batch_bytes_max} allowed; \
         raise the limit here and on the broker (message.max.bytes)"
    )]
    RecordTooLarge {
        /// What a batch of this record alone takes, uncompressed.
        batch_bytes: usize,
        /// The limit.
        batch_bytes_max: usize,
    },
    /// The timestamp is negative and not -1, which stands for none; or it is so large that its
    /// distance to a first record without one is out of range.
    #[error("the timestamp {timestamp} is negative or out of range")]
    Timestamp {
        /// The timestamp, in milliseconds since 1970.
        timestamp: i64,
    },
    /// The offset is not after the one before.
    #[error("the offset delta {offset_delta} is not after {last_offset_delta}")]
    Offset {
        /// The offset given, relative to the batch's base offset.
        offset_delta: i32,
        /// That of the record before, -1 if there is none.
        last_offset_delta: i32,
    },
}

impl RecordBatchBuilder {
    /// For batches compressed in that way, at that codec's default level or the one the compressor
    /// was given.
    pub fn new(compression: Compression) -> Self {
        Self {
            compression,
            batch_bytes_max: BATCH_BYTES_MAX,
            attributes: i16::from(compression.id()),
            delete_horizon_ms: None,
            buffer: Vec::new(),
            record_count: 0,
            last_offset_delta: -1,
            base_timestamp: -1,
            max_timestamp: -1,
        }
    }

    /// Limits a batch to that many bytes, header included, before it is compressed. Default
    /// 1,048,588 as brokers have it (`message.max.bytes`); at most 2³¹ - 1.
    pub fn with_batch_bytes_max(mut self, bytes: usize) -> Self {
        self.batch_bytes_max = bytes.min(i32::MAX as usize);
        self
    }

    /// Makes control batches, whose records are for Kafka and not for applications: see
    /// [`ControlRecord`](super::ControlRecord). Only brokers write them.
    pub fn control(mut self) -> Self {
        self.attributes |= CONTROL;
        self
    }

    /// Makes batches that say when, in milliseconds since 1970, compaction may remove their tombstones
    /// or transaction marker (KIP-534). Only brokers write them.
    pub fn with_delete_horizon_ms(mut self, horizon_ms: i64) -> Self {
        self.attributes |= DELETE_HORIZON;
        self.delete_horizon_ms = Some(horizon_ms);
        self
    }

    /// Appends a record after the last one. `timestamp` is in milliseconds since 1970, -1 for none;
    /// a key or value of `None` is null.
    ///
    /// # Errors
    /// [`AppendError`]; nothing has been appended then.
    #[inline]
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Result<(), AppendError> {
        self.append_at(
            self.last_offset_delta.saturating_add(1),
            timestamp,
            key,
            value,
            headers,
        )
    }

    /// Appends a record with the given offset relative to the batch's base offset, for batches with
    /// gaps as compaction leaves them.
    ///
    /// # Errors
    /// [`AppendError`]; nothing has been appended then.
    pub fn append_at(
        &mut self,
        offset_delta: i32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Result<(), AppendError> {
        if timestamp < -1 {
            return Err(AppendError::Timestamp { timestamp });
        }
        if offset_delta <= self.last_offset_delta {
            let last_offset_delta = self.last_offset_delta;
            return Err(AppendError::Offset {
                offset_delta,
                last_offset_delta,
            });
        }
        let first = self.record_count == 0;
        let base_timestamp = if first {
            self.delete_horizon_ms.unwrap_or(timestamp)
        } else {
            self.base_timestamp
        };
        // Both are -1 at least: only 2⁶³ - 1 is too far from a first record without a timestamp.
        let timestamp_delta = timestamp
            .checked_sub(base_timestamp)
            .ok_or(AppendError::Timestamp { timestamp })?;
        let record = NewRecord {
            timestamp_delta,
            offset_delta,
            key,
            value,
            headers,
        };
        let usual = record.usual();
        let record_bytes = match &usual {
            Some(usual) => usual.record_bytes,
            None => record.encoded_len(),
        };
        if self.encoded_len() + record_bytes > self.batch_bytes_max {
            return Err(self.refuse(record_bytes));
        }

        if first {
            self.base_timestamp = base_timestamp;
            self.buffer.resize(HEADER_BYTES, 0);
        }
        self.buffer
            .reserve(record_bytes + ShortNumbers::SPARE_BYTES);
        match usual {
            Some(usual) => usual.write(&mut self.buffer, key, value),
            None => record.write(&mut self.buffer),
        }
        self.record_count += 1;
        self.last_offset_delta = offset_delta;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        Ok(())
    }

    #[cold]
    fn refuse(&self, record_bytes: usize) -> AppendError {
        let batch_bytes = HEADER_BYTES + record_bytes;
        if batch_bytes > self.batch_bytes_max {
            return AppendError::RecordTooLarge {
                batch_bytes,
                batch_bytes_max: self.batch_bytes_max,
            };
        }
        AppendError::BatchFull { record_bytes }
    }

    /// How many records the batch has.
    pub fn record_count(&self) -> usize {
        self.record_count as usize
    }

    /// Whether the batch has no records.
    pub fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// The length of the batch as it stands, header included, before it is compressed.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        self.buffer.len().max(HEADER_BYTES)
    }

    /// At most how much a record lengthens a batch, for deciding beforehand where it goes.
    pub fn record_len_max(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> usize {
        // Size, attributes, timestamp and offset.
        let fixed = 5 + 1 + 10 + 5;
        fixed
            + bytes_len(key.map(<[u8]>::len))
            + bytes_len(value.map(<[u8]>::len))
            + headers_len(headers)
    }

    /// The largest timestamp of the batch, -1 where it has none.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Ends the batch and compresses it. The builder is empty again, with a buffer that an earlier
    /// batch has given back to the compressor's pool. A batch without records comes out as such.
    pub fn build(&mut self, compressor: &mut Compressor) -> UnsealedBatch {
        let mut buffer: PooledBuffer = compressor.pool().take();
        if self.buffer.is_empty() {
            self.buffer.resize(HEADER_BYTES, 0);
        }
        if self.compression == Compression::None || self.record_count == 0 {
            std::mem::swap(&mut *buffer, &mut self.buffer);
        } else {
            buffer.resize(HEADER_BYTES, 0);
            let records = self.buffer.get(HEADER_BYTES..).unwrap_or_default();
            compressor.compress(self.compression, records, &mut buffer);
        }
        let attributes = match self.record_count {
            0 => self.attributes & CONTROL,
            _ => self.attributes,
        };
        let batch = UnsealedBatch::new(
            buffer,
            attributes,
            self.record_count,
            self.last_offset_delta,
            self.base_timestamp,
            self.max_timestamp,
        );
        self.clear();
        batch
    }

    /// Drops the records appended since the last batch was built.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.record_count = 0;
        self.last_offset_delta = -1;
        self.base_timestamp = -1;
        self.max_timestamp = -1;
    }
}
