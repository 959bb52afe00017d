//! The records of a format 2 batch: the innermost loop of every consumer.
//!
//! ```text
//! size           varint   bytes after itself
//! attributes     1        unused
//! timestamp      varlong  minus the batch's base timestamp
//! offset         varint   minus the batch's base offset
//! key            varint length (-1: null), bytes
//! value          varint length (-1: null), bytes
//! headers        varint count; each: varint length, UTF-8 name; varint length (-1: null), value
//! ```
//!
//! The loop only finds out that a record is broken. What is wrong with it is for a second, slower
//! reading to say, which keeps the first one small.

use super::columns::{Span, Vectors};
use super::error::RecordFault;
use super::varint::{read_varint, read_varlong};

/// The least a record takes: its size, attributes, two deltas, two lengths, a header count.
pub(super) const RECORD_BYTES_MIN: usize = 7;

/// What the records of a batch are relative to.
#[derive(Clone, Copy)]
pub(super) struct Bases {
    pub(super) timestamp: i64,
    pub(super) last_offset_delta: i32,
}

/// Decodes as many records as `vectors` has room for from the front of `bytes`, and returns where
/// they end. At most 2³¹ bytes.
///
/// # Errors
/// The first broken record's index, and what is wrong with it.
pub(super) fn decode_records(
    bytes: &[u8],
    bases: Bases,
    vectors: &mut Vectors,
) -> Result<usize, (usize, RecordFault)> {
    let Vectors {
        len,
        offset_deltas,
        timestamps,
        keys,
        values,
        headers,
    } = vectors;
    let slots = offset_deltas
        .iter_mut()
        .zip(timestamps)
        .zip(keys)
        .zip(values)
        .zip(headers);
    let mut position = 0;
    let mut offset_delta_before = -1;
    for (index, ((((offset_delta, timestamp), key), value), headers)) in
        slots.take(*len).enumerate()
    {
        let start = position;
        let record = read_record(bytes, &mut position).and_then(|record| {
            let in_order = record.offset_delta > offset_delta_before
                && record.offset_delta <= bases.last_offset_delta;
            let absolute = bases.timestamp.checked_add(record.timestamp_delta)?;
            in_order.then_some((record, absolute))
        });
        let Some((record, absolute)) = record else {
            return Err((index, fault_of(bytes, start, bases, offset_delta_before)));
        };
        offset_delta_before = record.offset_delta;
        *offset_delta = record.offset_delta;
        *timestamp = absolute;
        *key = record.key;
        *value = record.value;
        *headers = record.headers;
    }
    Ok(position)
}

struct Record {
    offset_delta: i32,
    timestamp_delta: i64,
    key: Span,
    value: Span,
    headers: Span,
}

/// Reads the record at `*position` and moves past it. `None` where it is broken in any way.
///
/// A key's or value's end is not checked where it is computed: something is always read after it,
/// and that fails if the end lies beyond the record.
#[inline(always)]
fn read_record(bytes: &[u8], position: &mut usize) -> Option<Record> {
    let size = usize::try_from(read_varint(bytes, position)?).ok()?;
    let end = *position + size;
    let record = bytes.get(..end)?;
    *position += 1;
    let timestamp_delta = read_varlong(record, position)?;
    let offset_delta = read_varint(record, position)?;
    let key = read_span(record, position)?;
    let value = read_span(record, position)?;
    let headers_start = *position;
    let header_count = read_varint(record, position)?;
    if header_count != 0 {
        check_headers(record, position, header_count).ok()?;
    }
    if *position != end {
        return None;
    }
    let headers = Span {
        start: headers_start as u32,
        end: end as u32,
    };
    Some(Record {
        offset_delta,
        timestamp_delta,
        key,
        value,
        headers,
    })
}

/// Reads the length of a key or value and moves behind its bytes, which may be too few.
#[inline(always)]
fn read_span(record: &[u8], position: &mut usize) -> Option<Span> {
    let len = read_varint(record, position)?;
    if len < 0 {
        return (len == -1).then_some(Span::NULL);
    }
    let start = *position;
    *position += len as usize;
    Some(Span {
        start: start as u32,
        end: *position as u32,
    })
}

/// Checks `count` headers from `*position` to the end of `record`, and moves past them.
#[inline(never)]
fn check_headers(record: &[u8], position: &mut usize, count: i32) -> Result<(), RecordFault> {
    // A header takes two bytes at least.
    let left = record.len().saturating_sub(*position);
    let count = usize::try_from(count)
        .ok()
        .filter(|&count| count <= left / 2);
    for _ in 0..count.ok_or(RecordFault::HeaderCount)? {
        let name_len = read_varint(record, position).ok_or(RecordFault::Varint)?;
        let name_len = usize::try_from(name_len).map_err(|_| RecordFault::Header)?;
        let name = take(record, position, name_len).ok_or(RecordFault::Header)?;
        std::str::from_utf8(name).map_err(|_| RecordFault::HeaderKey)?;
        let value_len = read_varint(record, position).ok_or(RecordFault::Varint)?;
        if value_len != -1 {
            let value_len = usize::try_from(value_len).map_err(|_| RecordFault::Header)?;
            take(record, position, value_len).ok_or(RecordFault::Header)?;
        }
    }
    Ok(())
}

fn take<'b>(bytes: &'b [u8], position: &mut usize, len: usize) -> Option<&'b [u8]> {
    let end = position.checked_add(len)?;
    let taken = bytes.get(*position..end)?;
    *position = end;
    Some(taken)
}

/// Says what is wrong with the record at `position`, which the fast reading has refused.
#[cold]
#[inline(never)]
fn fault_of(bytes: &[u8], position: usize, bases: Bases, offset_delta_before: i32) -> RecordFault {
    let checked = check_record(bytes, position, bases, offset_delta_before);
    debug_assert!(checked.is_err(), "both readings refuse the same records");
    checked.err().unwrap_or(RecordFault::Length)
}

fn check_record(
    bytes: &[u8],
    mut position: usize,
    bases: Bases,
    offset_delta_before: i32,
) -> Result<(), RecordFault> {
    let position = &mut position;
    let size = read_varint(bytes, position).ok_or(RecordFault::Varint)?;
    let size = usize::try_from(size).map_err(|_| RecordFault::Size)?;
    let end = position.checked_add(size).ok_or(RecordFault::Size)?;
    let record = bytes.get(..end).ok_or(RecordFault::Size)?;
    take(record, position, 1).ok_or(RecordFault::Length)?;
    let timestamp_delta = read_varlong(record, position).ok_or(RecordFault::Varint)?;
    let offset_delta = read_varint(record, position).ok_or(RecordFault::Varint)?;
    for fault in [RecordFault::Key, RecordFault::Value] {
        let len = read_varint(record, position).ok_or(RecordFault::Varint)?;
        if len != -1 {
            let len = usize::try_from(len).map_err(|_| fault)?;
            take(record, position, len).ok_or(fault)?;
        }
    }
    let header_count = read_varint(record, position).ok_or(RecordFault::Varint)?;
    check_headers(record, position, header_count)?;
    if *position != end {
        return Err(RecordFault::Length);
    }
    if offset_delta <= offset_delta_before || offset_delta > bases.last_offset_delta {
        return Err(RecordFault::Offset);
    }
    bases
        .timestamp
        .checked_add(timestamp_delta)
        .ok_or(RecordFault::Timestamp)?;
    Ok(())
}
