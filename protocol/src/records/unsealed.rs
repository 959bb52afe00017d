//! A batch whose records are done and whose header is not.

use bytes::{BufMut, Bytes};

use crate::{Offset, ProducerId};

use super::batch::{
    CRC_END, CRC_POSITION, HEADER_BYTES, LENGTH_END, LOG_APPEND_TIME, TRANSACTIONAL,
};
use super::pool::PooledBuffer;

/// A format 2 batch, encoded and compressed, that lacks what is only known when it is first sent:
/// the producer's id, epoch and sequence number, and the checksum over them.
///
/// Sealing takes it, so that a batch is sealed once: a retry sends the same bytes.
#[derive(Debug)]
pub struct UnsealedBatch {
    /// A header's room, then the records.
    buffer: PooledBuffer,
    attributes: i16,
    record_count: i32,
    last_offset_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

/// What goes into the header of a batch when it is sealed. The default is what a producer without
/// idempotence sends; brokers set the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSeal {
    /// The producer's id, -1 without idempotence.
    pub producer_id: ProducerId,
    /// The producer's epoch, -1 without idempotence.
    pub producer_epoch: i16,
    /// The sequence number of the first record, -1 without idempotence.
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
    /// The offset from which the batch counts those of its records. Producers send 0.
    pub base_offset: Offset,
    /// The leader epoch under which the batch is appended. Producers send -1.
    pub leader_epoch: i32,
    /// The offset of the last record relative to `base_offset`, where compaction has removed that
    /// record; `None` means the last record there is.
    pub last_offset_delta: Option<i32>,
    /// The time of appending, in milliseconds since 1970, that takes the place of the records'
    /// timestamps (`message.timestamp.type=LogAppendTime`).
    pub log_append_time: Option<i64>,
}

impl Default for BatchSeal {
    fn default() -> Self {
        Self {
            producer_id: ProducerId(-1),
            producer_epoch: -1,
            base_sequence: -1,
            transactional: false,
            base_offset: Offset(0),
            leader_epoch: -1,
            last_offset_delta: None,
            log_append_time: None,
        }
    }
}

impl UnsealedBatch {
    pub(super) fn new(
        buffer: PooledBuffer,
        attributes: i16,
        record_count: i32,
        last_offset_delta: i32,
        base_timestamp: i64,
        max_timestamp: i64,
    ) -> Self {
        Self {
            buffer,
            attributes,
            record_count,
            last_offset_delta,
            base_timestamp,
            max_timestamp,
        }
    }

    /// How many records it has.
    pub fn record_count(&self) -> usize {
        self.record_count as usize
    }

    /// Its length on the wire, header included.
    pub fn encoded_len(&self) -> usize {
        self.buffer.len()
    }

    /// The largest timestamp, in milliseconds since 1970; -1 where no record has one.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Completes the batch: producer id, epoch and sequence number of the first record (all -1
    /// without idempotence), whether it belongs to a transaction, and the checksum.
    pub fn seal(
        self,
        producer_id: ProducerId,
        producer_epoch: i16,
        base_sequence: i32,
        transactional: bool,
    ) -> Bytes {
        self.seal_with(BatchSeal {
            producer_id,
            producer_epoch,
            base_sequence,
            transactional,
            ..BatchSeal::default()
        })
    }

    /// Completes the batch with everything that a header may say.
    pub fn seal_with(mut self, seal: BatchSeal) -> Bytes {
        let mut attributes = self.attributes;
        if seal.transactional {
            attributes |= TRANSACTIONAL;
        }
        if seal.log_append_time.is_some() {
            attributes |= LOG_APPEND_TIME;
        }
        let length = (self.buffer.len() - LENGTH_END) as i32;
        // A batch without records counts one offset all the same: offsets never stand still.
        let last_offset_delta = seal
            .last_offset_delta
            .unwrap_or(self.last_offset_delta.max(0));
        let (header, records) = self
            .buffer
            .split_first_chunk_mut::<HEADER_BYTES>()
            .expect("built with a header's room");

        let mut field = header.as_mut_slice();
        field.put_i64(seal.base_offset.0);
        field.put_i32(length);
        field.put_i32(seal.leader_epoch);
        field.put_i8(2);
        field.put_u32(0);
        field.put_i16(attributes);
        field.put_i32(last_offset_delta);
        field.put_i64(self.base_timestamp);
        field.put_i64(seal.log_append_time.unwrap_or(self.max_timestamp));
        field.put_i64(seal.producer_id.0);
        field.put_i16(seal.producer_epoch);
        field.put_i32(seal.base_sequence);
        field.put_i32(self.record_count);

        let crc = crc32c::crc32c_append(crc32c::crc32c(&header[CRC_END..]), records);
        header[CRC_POSITION..CRC_END].copy_from_slice(&crc.to_be_bytes());
        self.buffer.freeze()
    }
}
