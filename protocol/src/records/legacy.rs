//! Messages of formats 0 and 1, as Kafka wrote them before 0.11 and may still hold them.
//!
//! A compressed message is a wrapper: its value decompresses to a set of plain messages. Those of
//! format 0 carry their own offsets; those of format 1 count from the first of them, and the
//! wrapper's offset is that of the last. Wrappers do not nest.

use bytes::Buf;

use crate::Offset;

use super::batch::{CODEC_MASK, LENGTH_END, LENGTH_MIN, RecordBatch, TimestampType};
use super::columns::{NO_HEADERS, Slot, Slots, Span};
use super::compression::{Compression, Decompressor};
use super::error::{RecordError, RecordFault};
use super::scratch::Scratch;

/// Where the bytes begin that a message's checksum covers.
const CRC_END: usize = 16;
/// Where the key length lies: after magic and attributes, and in format 1 the timestamp.
const fn fields_start(magic: i8) -> usize {
    if magic == 0 { 18 } else { 26 }
}

/// The checksum of a message: CRC-32 of everything after the checksum itself.
pub(super) fn message_crc(message: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(message.get(CRC_END..).unwrap_or_default());
    crc.sum()
}

/// Decodes the message, or those within it, whose own checksum has been checked. Returns the bytes
/// that the spans point into, and the first record's offset.
pub(super) fn decode<'b>(
    batch: &RecordBatch<'b>,
    compression: Compression,
    decompressor: &mut Decompressor,
    scratch: &'b mut Scratch,
    slots: &mut Slots,
) -> Result<(&'b [u8], Offset), RecordError> {
    slots.clear();
    let base_offset = batch.base_offset();
    let bad = |index| {
        move |fault| RecordError::Record {
            base_offset,
            index,
            fault,
        }
    };
    let message = batch.bytes();
    let (key, value) = key_and_value(message, 0, batch.magic()).map_err(bad(0))?;
    if compression == Compression::None {
        let slot = Slot {
            timestamp: batch.max_timestamp(),
            key,
            value,
            ..Slot::EMPTY
        };
        slots.push(slot).map_err(bad(0))?;
        return Ok((message, base_offset));
    }

    let empty = RecordError::EmptyWrapper { base_offset };
    let Some(compressed) = message.get(value.start as usize..value.end as usize) else {
        return Err(empty);
    };
    let inner = decompressor
        .decompress_into(compression, batch.magic() == 0, compressed, scratch)
        .map_err(|source| RecordError::Decompress {
            base_offset,
            compression,
            source,
        })?;
    let first = Message::read(inner, 0, batch.magic())
        .map_err(bad(0))?
        .ok_or(empty)?;
    let mut next = Some(first);
    let mut last_offset = 0;
    while let Some(message) = next {
        let index = slots.len();
        message
            .slot(first.offset)
            .and_then(|slot| slots.push(slot))
            .map_err(bad(index))?;
        last_offset = message.offset;
        next = Message::read(inner, message.end, batch.magic()).map_err(bad(index + 1))?;
    }
    if batch.timestamp_type() == TimestampType::LogAppendTime {
        slots.stamp(batch.max_timestamp());
    }
    // What to add to inner offsets; the wrapper has the offset of its last message.
    let shift = match batch.magic() {
        0 => 0,
        _ => base_offset.0 - last_offset,
    };
    let first_offset = first.offset + shift;
    if first_offset < 0 || last_offset + shift > base_offset.0 {
        return Err(bad(slots.len() - 1)(RecordFault::Offset));
    }
    Ok((inner, Offset(first_offset)))
}

/// A plain message within a wrapper.
#[derive(Clone, Copy)]
struct Message {
    offset: i64,
    timestamp: i64,
    key: Span,
    value: Span,
    end: usize,
}

impl Message {
    /// Its slot, where offsets count from `first_offset`.
    fn slot(&self, first_offset: i64) -> Result<Slot, RecordFault> {
        let delta = self
            .offset
            .checked_sub(first_offset)
            .and_then(|delta| delta.try_into().ok());
        Ok(Slot {
            timestamp: self.timestamp,
            offset_delta: delta.ok_or(RecordFault::Offset)?,
            key: self.key,
            value: self.value,
            headers: NO_HEADERS,
        })
    }

    /// Reads the message at `start`; `None` at the end of `set`.
    fn read(set: &[u8], start: usize, magic: i8) -> Result<Option<Self>, RecordFault> {
        let rest = set.get(start..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        if rest.len() < LENGTH_END + LENGTH_MIN as usize {
            return Err(RecordFault::Size);
        }
        let mut header = rest;
        let offset = header.get_i64();
        let length = usize::try_from(header.get_i32()).map_err(|_| RecordFault::Size)?;
        let message = rest.get(..LENGTH_END + length).ok_or(RecordFault::Size)?;
        if message.len() < fields_start(magic) {
            return Err(RecordFault::Size);
        }
        let crc = header.get_u32();
        if header.get_i8() != magic {
            return Err(RecordFault::Magic);
        }
        if crc != message_crc(message) {
            return Err(RecordFault::Crc);
        }
        if i16::from(header.get_u8()) & CODEC_MASK != 0 {
            return Err(RecordFault::Nested);
        }
        if offset < 0 {
            return Err(RecordFault::Offset);
        }
        let timestamp = if magic == 0 { -1 } else { header.get_i64() };
        let (key, value) = key_and_value(message, start, magic)?;
        Ok(Some(Self {
            offset,
            timestamp,
            key,
            value,
            end: start + message.len(),
        }))
    }
}

/// The places of a message's key and value within what lies around it from `start` on.
fn key_and_value(message: &[u8], start: usize, magic: i8) -> Result<(Span, Span), RecordFault> {
    let mut position = fields_start(magic);
    let mut field = |fault| {
        let len = message
            .get(position..)
            .and_then(|rest| rest.first_chunk::<4>())
            .ok_or(fault)?;
        position += len.len();
        let len = i32::from_be_bytes(*len);
        if len == -1 {
            return Ok(Span::NULL);
        }
        let len = usize::try_from(len).map_err(|_| fault)?;
        let end = position
            .checked_add(len)
            .filter(|&end| end <= message.len())
            .ok_or(fault)?;
        let span = Span {
            start: (start + position) as u32,
            end: (start + end) as u32,
        };
        position = end;
        Ok(span)
    };
    let key = field(RecordFault::Key)?;
    let value = field(RecordFault::Value)?;
    if position != message.len() {
        return Err(RecordFault::Length);
    }
    Ok((key, value))
}
