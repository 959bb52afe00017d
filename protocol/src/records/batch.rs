//! A record batch, seen through its header.
//!
//! ```text
//! format 2        bytes                       formats 0 and 1     bytes
//! 0   base offset         8 ┐ not covered     0   offset             8
//! 8   length              4 │ by the CRC      8   length             4
//! 12  leader epoch        4 │                 12  CRC-32 of the rest 4
//! 16  magic = 2           1 │                 16  magic = 0 or 1     1
//! 17  CRC-32C             4 ┘                 17  attributes         1
//! 21  attributes          2                   18  timestamp          8  (format 1 only)
//! 23  last offset delta   4                       key length, key
//! 27  base timestamp      8                       value length, value
//! 35  max timestamp       8
//! 43  producer id         8                   A compressed message holds a set of messages
//! 51  producer epoch      2                   as its value. It is a batch of all of them; a
//! 53  base sequence       4                   plain message is a batch of one.
//! 57  record count        4
//! 61  records
//! ```

use bytes::Buf;

use crate::{Offset, ProducerId};

use super::compression::Compression;
use super::error::RecordError;

/// Base offset and length: what lies before the part that the length counts.
pub(super) const LENGTH_END: usize = 12;
/// The format byte is at the same place in all formats.
pub(super) const MAGIC_POSITION: usize = 16;
/// Where a format 2 batch's checksum lies.
pub(super) const CRC_POSITION: usize = 17;
/// Where the bytes begin that a format 2 batch's checksum covers.
pub(super) const CRC_END: usize = 21;
/// The length of a format 2 batch's header.
pub(super) const HEADER_BYTES: usize = 61;
/// The least length field that Kafka takes in any format: a format 0 message without key and value.
pub(super) const LENGTH_MIN: i32 = 14;
/// The least length field of format 1: a message without key and value.
const LENGTH_MIN_V1: i32 = 22;

pub(super) const CODEC_MASK: i16 = 0x07;
pub(super) const LOG_APPEND_TIME: i16 = 0x08;
pub(super) const TRANSACTIONAL: i16 = 0x10;
pub(super) const CONTROL: i16 = 0x20;
pub(super) const DELETE_HORIZON: i16 = 0x40;

/// What the timestamps of a batch mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The batch has none (format 0); all its timestamps are -1.
    None,
    /// The producer gave each record its time.
    CreateTime,
    /// The broker stamped the batch when it appended it: all records have its maximum timestamp.
    LogAppendTime,
}

/// A record batch as it lies in a record set, of any of Kafka's formats; its header is read, its
/// records are not.
///
/// Copying it copies the view, not the bytes. [`Columns::decode`](super::Columns::decode) reads the
/// records and checks the checksum; until then the header's word is all there is, and what it says
/// is only as good as the checksum ([`verify_crc`](Self::verify_crc)).
#[derive(Debug, Clone, Copy)]
pub struct RecordBatch<'b> {
    /// The whole batch, no more and no less.
    bytes: &'b [u8],
    magic: i8,
    base_offset: i64,
    last_offset: i64,
    leader_epoch: i32,
    crc: u32,
    attributes: i16,
    base_timestamp: i64,
    max_timestamp: i64,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    record_count: i32,
}

impl<'b> RecordBatch<'b> {
    /// Reads the header of the batch that `bytes` is. [`RecordBatches`](super::RecordBatches)
    /// finds where a batch begins and ends.
    ///
    /// # Errors
    /// Where the bytes are too few for a header of their format, or where offsets make no sense.
    pub(super) fn parse(bytes: &'b [u8], magic: i8) -> Result<Self, RecordError> {
        if magic == 2 {
            Self::parse_v2(bytes)
        } else {
            Self::parse_legacy(bytes, magic)
        }
    }

    fn parse_v2(bytes: &'b [u8]) -> Result<Self, RecordError> {
        if bytes.len() < HEADER_BYTES {
            return Err(too_short(bytes, (HEADER_BYTES - LENGTH_END) as i32));
        }
        let mut header = bytes;
        let base_offset = header.get_i64();
        let _length = header.get_i32();
        let leader_epoch = header.get_i32();
        let magic = header.get_i8();
        let crc = header.get_u32();
        let attributes = header.get_i16();
        let last_offset_delta = header.get_i32();
        let last_offset = base_offset
            .checked_add(i64::from(last_offset_delta))
            .filter(|&last_offset| base_offset >= 0 && last_offset >= base_offset)
            .ok_or(RecordError::BatchOffsets {
                base_offset: Offset(base_offset),
                last_offset_delta,
            })?;
        Ok(Self {
            bytes,
            magic,
            base_offset,
            last_offset,
            leader_epoch,
            crc,
            attributes,
            base_timestamp: header.get_i64(),
            max_timestamp: header.get_i64(),
            producer_id: header.get_i64(),
            producer_epoch: header.get_i16(),
            base_sequence: header.get_i32(),
            record_count: header.get_i32(),
        })
    }

    fn parse_legacy(bytes: &'b [u8], magic: i8) -> Result<Self, RecordError> {
        let length_min = if magic == 0 {
            LENGTH_MIN
        } else {
            LENGTH_MIN_V1
        };
        if bytes.len() < LENGTH_END + length_min as usize {
            return Err(too_short(bytes, length_min));
        }
        let mut header = bytes;
        let offset = header.get_i64();
        let _length = header.get_i32();
        let crc = header.get_u32();
        let _magic = header.get_i8();
        let attributes = i16::from(header.get_u8());
        let timestamp = if magic == 0 { -1 } else { header.get_i64() };
        if offset < 0 {
            return Err(RecordError::BatchOffsets {
                base_offset: Offset(offset),
                last_offset_delta: 0,
            });
        }
        Ok(Self {
            bytes,
            magic,
            base_offset: offset,
            last_offset: offset,
            leader_epoch: -1,
            crc,
            // The bits above have no meaning in these formats and some in format 2.
            attributes: attributes & (CODEC_MASK | LOG_APPEND_TIME),
            base_timestamp: timestamp,
            max_timestamp: timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: if attributes & CODEC_MASK == 0 { 1 } else { -1 },
        })
    }

    /// The batch format ("magic"): 0, 1 or 2.
    pub fn magic(&self) -> i8 {
        self.magic
    }

    /// The offset from which the batch counts those of its records. The record that had it may be
    /// gone if the topic is compacted. A compressed message of format 0 or 1 does not tell it:
    /// there this is the offset of its last record.
    pub fn base_offset(&self) -> Offset {
        Offset(self.base_offset)
    }

    /// The offset of the batch's last record, or that it had before compaction removed it.
    pub fn last_offset(&self) -> Offset {
        Offset(self.last_offset)
    }

    /// The offset to go on from after this batch. Always after [`base_offset`](Self::base_offset).
    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset.saturating_add(1))
    }

    /// The leader epoch under which the batch was appended, -1 where it is not known.
    /// Not covered by the checksum.
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// The checksum in the header: CRC-32C, or CRC-32 in formats 0 and 1.
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// The producer that wrote the batch, -1 where it is not idempotent.
    pub fn producer_id(&self) -> ProducerId {
        ProducerId(self.producer_id)
    }

    /// The epoch of that producer, -1 where it is not idempotent.
    pub fn producer_epoch(&self) -> i16 {
        self.producer_epoch
    }

    /// The sequence number of the first record, -1 where the producer is not idempotent.
    pub fn base_sequence(&self) -> i32 {
        self.base_sequence
    }

    /// The sequence number of the last record, -1 where the producer is not idempotent. Sequence
    /// numbers go on at 0 after 2³¹ - 1.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        // Both are at most 2³¹ - 1, so the sum fits 64 bits and the remainder 32.
        let sum = i64::from(self.base_sequence) + (self.last_offset - self.base_offset);
        (sum % (i64::from(i32::MAX) + 1)) as i32
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the batch is Kafka's own, such as a transaction's end: see
    /// [`ControlRecord`](super::ControlRecord). Its records are never for applications.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// How the records are compressed.
    ///
    /// # Errors
    /// [`RecordError::UnknownCodec`] where the codec is none that Kafka has in this format.
    pub fn compression(&self) -> Result<Compression, RecordError> {
        let codec = (self.attributes & CODEC_MASK) as u8;
        Compression::from_id(codec)
            .filter(|&compression| self.magic == 2 || compression != Compression::Zstd)
            .ok_or(RecordError::UnknownCodec {
                base_offset: self.base_offset(),
                codec,
                magic: self.magic,
            })
    }

    /// What the timestamps mean.
    pub fn timestamp_type(&self) -> TimestampType {
        match self.magic {
            0 => TimestampType::None,
            _ if self.attributes & LOG_APPEND_TIME != 0 => TimestampType::LogAppendTime,
            _ => TimestampType::CreateTime,
        }
    }

    /// The timestamp, in milliseconds since 1970, from which the batch counts those of its records:
    /// that of its first one, except after compaction (see
    /// [`delete_horizon_ms`](Self::delete_horizon_ms)).
    pub fn base_timestamp(&self) -> i64 {
        self.base_timestamp
    }

    /// The largest timestamp of the batch, in milliseconds since 1970; the time of its appending
    /// where the type is [`TimestampType::LogAppendTime`].
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// When, in milliseconds since 1970, compaction may remove the batch's tombstones or
    /// transaction marker (KIP-534), where it has said so.
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        (self.attributes & DELETE_HORIZON != 0).then_some(self.base_timestamp)
    }

    /// How many records the header claims; `None` where it does not say (a compressed message of
    /// format 0 or 1) or where the number is negative, which decoding refuses.
    pub fn record_count(&self) -> Option<usize> {
        usize::try_from(self.record_count).ok()
    }

    /// The number of records as it stands in the header.
    pub(super) fn claimed_count(&self) -> i32 {
        self.record_count
    }

    /// The length of the whole batch as it lies in the record set, header included.
    pub fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    /// The whole batch, header included.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// What follows a format 2 header: the records, compressed or not.
    pub(super) fn records(&self) -> &'b [u8] {
        self.bytes.get(HEADER_BYTES..).unwrap_or_default()
    }

    /// Checks the checksum, which covers everything but base offset, length, leader epoch and
    /// magic (format 2), or everything after itself (formats 0 and 1).
    /// [`Columns::decode`](super::Columns::decode) does it too.
    ///
    /// # Errors
    /// [`RecordError::CrcMismatch`].
    pub fn verify_crc(&self) -> Result<(), RecordError> {
        let computed = if self.magic == 2 {
            crc32c::crc32c(self.bytes.get(CRC_END..).unwrap_or_default())
        } else {
            super::legacy::message_crc(self.bytes)
        };
        if computed == self.crc {
            return Ok(());
        }
        Err(RecordError::CrcMismatch {
            base_offset: self.base_offset(),
            stored: self.crc,
            computed,
        })
    }
}

fn too_short(bytes: &[u8], length_min: i32) -> RecordError {
    RecordError::BatchTooShort {
        base_offset: Offset(bytes.first_chunk().map_or(-1, |b| i64::from_be_bytes(*b))),
        length: bytes.len().saturating_sub(LENGTH_END) as i32,
        length_min,
    }
}
