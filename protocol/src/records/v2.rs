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

use super::columns::{NO_HEADERS, Slot, Span};
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

/// Decodes as many records as there are `slots` from the front of `bytes`, and returns where they
/// end. At most 2³¹ bytes.
///
/// # Errors
/// The first broken record's index, and what is wrong with it.
#[inline(never)]
pub(super) fn decode_records(
    bytes: &[u8],
    bases: Bases,
    slots: &mut [Slot],
) -> Result<usize, (usize, RecordFault)> {
    let mut rest = bytes;
    let mut offset_delta_before = -1;
    for (index, slot) in slots.iter_mut().enumerate() {
        let after = match read_usual_record(bytes.len(), rest, bases, slot) {
            Some(after) => after,
            None => match read_any_record(bytes, rest, bases, slot) {
                Some(after) => after,
                None => return Err((index, fault_of(bytes, rest, bases))),
            },
        };
        // As they rise, the last one tells for all whether they stay within the batch.
        if slot.offset_delta <= offset_delta_before {
            return Err((index, RecordFault::Offset));
        }
        offset_delta_before = slot.offset_delta;
        rest = after;
    }
    if offset_delta_before > bases.last_offset_delta {
        return Err((slots.len() - 1, RecordFault::Offset));
    }
    Ok(bytes.len() - rest.len())
}

/// Reads a record that is not among the last bytes, has no headers, and no number of more than two
/// bytes: nearly all records of nearly all batches. `rest` are the last of `total` bytes. Returns
/// what follows the record.
///
/// Eight bytes are loaded at once, after one check that they are there, and numbers are shifted out
/// of them. What is found goes to its place in `slot` at once, which needs fewer registers. What
/// follows is told by the record's size and not by where its value ends, so that the processor can
/// begin with the next record while it waits for this one's lengths.
#[inline(always)]
fn read_usual_record<'b>(
    total: usize,
    rest: &'b [u8],
    bases: Bases,
    slot: &mut Slot,
) -> Option<&'b [u8]> {
    let mut word = load(rest)?;
    let mut used = 0;
    let size = shift_number(&mut word, &mut used)?;
    let after = rest.get(used + size as usize / 2..)?;
    // Attributes.
    word >>= 8;
    used += 1;
    let timestamp_delta = unzigzag(shift_number(&mut word, &mut used)?);
    slot.timestamp = bases.timestamp.checked_add(i64::from(timestamp_delta))?;
    slot.offset_delta = unzigzag(shift_number(&mut word, &mut used)?);
    let rest = rest.get(used..)?;
    let rest = read_usual_span(total, rest, &mut slot.key)?;
    let rest = read_usual_span(total, rest, &mut slot.value)?;
    slot.headers = NO_HEADERS;
    let (&header_count, rest) = rest.split_first()?;
    if header_count != 0 || rest.len() != after.len() || size & 1 != 0 {
        return None;
    }
    Some(after)
}

/// Reads a key or value.
#[inline(always)]
fn read_usual_span<'b>(total: usize, rest: &'b [u8], span: &mut Span) -> Option<&'b [u8]> {
    let mut word = load(rest)?;
    let mut used = 0;
    let raw = shift_number(&mut word, &mut used)?;
    if raw & 1 != 0 {
        *span = Span::NULL;
        return if raw == 1 { rest.get(1..) } else { None };
    }
    let start = total - rest.len() + used;
    let len = raw as usize / 2;
    *span = Span {
        start: start as u32,
        end: (start + len) as u32,
    };
    rest.get(used + len..)
}

/// The next eight bytes, the first one lowest.
#[inline(always)]
fn load(rest: &[u8]) -> Option<u64> {
    rest.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

/// Shifts a number of one or two bytes, still in zigzag, out of the low end of `word`.
#[inline(always)]
fn shift_number(word: &mut u64, used: &mut usize) -> Option<u32> {
    let low = *word as u32;
    if low & 0x80 == 0 {
        *word >>= 8;
        *used += 1;
        return Some(low & 0x7f);
    }
    if low & 0x8000 == 0 {
        *word >>= 16;
        *used += 2;
        return Some(low & 0x7f | low >> 1 & 0x3f80);
    }
    None
}

#[inline(always)]
fn unzigzag(raw: u32) -> i32 {
    (raw >> 1) as i32 ^ -((raw & 1) as i32)
}

/// Reads any record at the front of `rest`, the last part of `bytes`, and returns what follows it.
/// `None` where it is broken in any way.
///
/// A key's or value's end is not checked where it is computed: something is always read after it,
/// and that fails if the end lies beyond the record.
#[inline(never)]
fn read_any_record<'b>(
    bytes: &'b [u8],
    rest: &[u8],
    bases: Bases,
    slot: &mut Slot,
) -> Option<&'b [u8]> {
    let mut position = bytes.len() - rest.len();
    let size = usize::try_from(read_varint(bytes, &mut position)?).ok()?;
    let end = position + size;
    let record = bytes.get(..end)?;
    position += 1;
    slot.timestamp = bases
        .timestamp
        .checked_add(read_varlong(record, &mut position)?)?;
    slot.offset_delta = read_varint(record, &mut position)?;
    slot.key = read_span(record, &mut position)?;
    slot.value = read_span(record, &mut position)?;
    slot.headers = NO_HEADERS;
    let headers_start = position;
    let header_count = read_varint(record, &mut position)?;
    if header_count != 0 {
        slot.headers = headers_start as u32;
        check_headers(record, &mut position, header_count).ok()?;
    }
    if position != end {
        return None;
    }
    bytes.get(end..)
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

/// Says what is wrong with the record at the front of `rest`, which the fast reading has refused.
#[cold]
#[inline(never)]
fn fault_of(bytes: &[u8], rest: &[u8], bases: Bases) -> RecordFault {
    let position = bytes.len() - rest.len();
    let checked = check_record(bytes, position, bases);
    debug_assert!(checked.is_err(), "both readings refuse the same records");
    checked.err().unwrap_or(RecordFault::Length)
}

fn check_record(bytes: &[u8], mut position: usize, bases: Bases) -> Result<(), RecordFault> {
    let position = &mut position;
    let size = read_varint(bytes, position).ok_or(RecordFault::Varint)?;
    let size = usize::try_from(size).map_err(|_| RecordFault::Size)?;
    let end = position.checked_add(size).ok_or(RecordFault::Size)?;
    let record = bytes.get(..end).ok_or(RecordFault::Size)?;
    take(record, position, 1).ok_or(RecordFault::Length)?;
    let timestamp_delta = read_varlong(record, position).ok_or(RecordFault::Varint)?;
    read_varint(record, position).ok_or(RecordFault::Varint)?;
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
    bases
        .timestamp
        .checked_add(timestamp_delta)
        .ok_or(RecordFault::Timestamp)?;
    Ok(())
}
