//! The records of one decoded batch.

use crate::Offset;

use super::columns::{NO_HEADERS, Slot, Slots, Span};
use super::headers::Headers;

/// The records of one batch, by column and by row: a copyable view of the columns they were decoded
/// to and of the bytes that hold their keys, values and headers.
///
/// Rows are numbered from 0 within the batch. Methods that take a row's number panic if there is no
/// such row.
#[derive(Clone, Copy)]
pub struct Rows<'b> {
    bytes: &'b [u8],
    base_offset: i64,
    slots: &'b [Slot],
}

/// One record, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'b> {
    /// The record's offset in its partition.
    pub offset: Offset,
    /// Milliseconds since 1970, -1 where the record has no timestamp. What it means is the batch's
    /// [`timestamp_type`](super::RecordBatch::timestamp_type).
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<&'b [u8]>,
    /// The value; `None` is null, in a compacted topic a tombstone.
    pub value: Option<&'b [u8]>,
    /// The headers.
    pub headers: Headers<'b>,
}

#[expect(
    clippy::indexing_slicing,
    reason = "a row's number is the caller's promise, as with slices"
)]
impl<'b> Rows<'b> {
    pub(super) fn new(bytes: &'b [u8], base_offset: Offset, slots: &'b Slots) -> Self {
        Self {
            bytes,
            base_offset: base_offset.0,
            slots: slots.valid(),
        }
    }

    /// No records.
    pub const fn empty() -> Self {
        Self {
            bytes: &[],
            base_offset: 0,
            slots: &[],
        }
    }

    /// How many records there are: none where compaction removed all of the batch.
    #[inline]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are no records.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The offset of a record.
    #[inline]
    pub fn offset(&self, row: usize) -> Offset {
        Offset(self.base_offset + i64::from(self.slots[row].offset_delta))
    }

    /// The timestamp of a record, in milliseconds since 1970; -1 where it has none.
    #[inline]
    pub fn timestamp(&self, row: usize) -> i64 {
        self.slots[row].timestamp
    }

    /// The timestamps of all records, in milliseconds since 1970; -1 where they have none.
    #[inline]
    pub fn timestamps(&self) -> impl ExactSizeIterator<Item = i64> + 'b {
        self.slots.iter().map(|slot| slot.timestamp)
    }

    /// The key of a record; `None` is null.
    #[inline]
    pub fn key(&self, row: usize) -> Option<&'b [u8]> {
        slice(self.bytes, self.slots[row].key)
    }

    /// The value of a record; `None` is null.
    #[inline]
    pub fn value(&self, row: usize) -> Option<&'b [u8]> {
        slice(self.bytes, self.slots[row].value)
    }

    /// The headers of a record.
    #[inline]
    pub fn headers(&self, row: usize) -> Headers<'b> {
        headers(self.bytes, self.slots[row].headers)
    }

    /// All of a record.
    #[inline]
    pub fn row(&self, row: usize) -> RecordRef<'b> {
        RecordRef {
            offset: self.offset(row),
            timestamp: self.timestamp(row),
            key: self.key(row),
            value: self.value(row),
            headers: self.headers(row),
        }
    }

    /// All records in order of their offsets.
    #[inline]
    pub fn iter(&self) -> RowsIter<'b> {
        RowsIter {
            rows: *self,
            next: 0,
        }
    }

    /// The records from row `from` on: what is left after those before a position.
    pub fn skip(&self, from: usize) -> Self {
        Self {
            slots: &self.slots[from..],
            ..*self
        }
    }

    /// The records at and after `offset`: a fetch from the middle of a batch returns all of it.
    pub fn starting_at(&self, offset: Offset) -> Self {
        let before = |slot: &Slot| self.base_offset + i64::from(slot.offset_delta) < offset.0;
        self.skip(self.slots.partition_point(before))
    }
}

/// A null begins after its end, which no slice does.
#[inline]
fn slice(bytes: &[u8], span: Span) -> Option<&[u8]> {
    bytes.get(span.start as usize..span.end as usize)
}

#[inline]
fn headers(bytes: &[u8], start: u32) -> Headers<'_> {
    match start {
        NO_HEADERS => Headers::default(),
        start => Headers::new(bytes.get(start as usize..).unwrap_or_default()),
    }
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'b> IntoIterator for Rows<'b> {
    type Item = RecordRef<'b>;
    type IntoIter = RowsIter<'b>;

    fn into_iter(self) -> RowsIter<'b> {
        self.iter()
    }
}

impl<'b> IntoIterator for &Rows<'b> {
    type Item = RecordRef<'b>;
    type IntoIter = RowsIter<'b>;

    fn into_iter(self) -> RowsIter<'b> {
        self.iter()
    }
}

/// The records of [`Rows`], one after another.
#[derive(Debug, Clone)]
pub struct RowsIter<'b> {
    rows: Rows<'b>,
    next: usize,
}

impl<'b> Iterator for RowsIter<'b> {
    type Item = RecordRef<'b>;

    #[inline]
    fn next(&mut self) -> Option<RecordRef<'b>> {
        if self.next >= self.rows.len() {
            return None;
        }
        let row = self.rows.row(self.next);
        self.next += 1;
        Some(row)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.rows.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for RowsIter<'_> {}
impl std::iter::FusedIterator for RowsIter<'_> {}
