//! The records of one decoded batch.

use crate::Offset;

use super::columns::{Span, Vectors};
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
    offset_deltas: &'b [i32],
    timestamps: &'b [i64],
    keys: &'b [Span],
    values: &'b [Span],
    headers: &'b [Span],
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
    pub(super) fn new(bytes: &'b [u8], base_offset: Offset, vectors: &'b Vectors) -> Self {
        let len = vectors.len;
        Self {
            bytes,
            base_offset: base_offset.0,
            offset_deltas: &vectors.offset_deltas[..len],
            timestamps: &vectors.timestamps[..len],
            keys: &vectors.keys[..len],
            values: &vectors.values[..len],
            headers: &vectors.headers[..len],
        }
    }

    /// No records.
    pub const fn empty() -> Self {
        Self {
            bytes: &[],
            base_offset: 0,
            offset_deltas: &[],
            timestamps: &[],
            keys: &[],
            values: &[],
            headers: &[],
        }
    }

    /// How many records there are: none where compaction removed all of the batch.
    #[inline]
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether there are no records.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// The offset of a record.
    #[inline]
    pub fn offset(&self, row: usize) -> Offset {
        Offset(self.base_offset + i64::from(self.offset_deltas[row]))
    }

    /// The timestamp of a record, in milliseconds since 1970; -1 where it has none.
    #[inline]
    pub fn timestamp(&self, row: usize) -> i64 {
        self.timestamps[row]
    }

    /// The timestamps of all records, in milliseconds since 1970; -1 where they have none.
    #[inline]
    pub fn timestamps(&self) -> &'b [i64] {
        self.timestamps
    }

    /// The key of a record; `None` is null.
    #[inline]
    pub fn key(&self, row: usize) -> Option<&'b [u8]> {
        slice(self.bytes, self.keys[row])
    }

    /// The value of a record; `None` is null.
    #[inline]
    pub fn value(&self, row: usize) -> Option<&'b [u8]> {
        slice(self.bytes, self.values[row])
    }

    /// The headers of a record.
    #[inline]
    pub fn headers(&self, row: usize) -> Headers<'b> {
        headers(self.bytes, self.headers[row])
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
            offset_deltas: &self.offset_deltas[from..],
            timestamps: &self.timestamps[from..],
            keys: &self.keys[from..],
            values: &self.values[from..],
            headers: &self.headers[from..],
            ..*self
        }
    }

    /// The records at and after `offset`: a fetch from the middle of a batch returns all of it.
    pub fn starting_at(&self, offset: Offset) -> Self {
        let before = |&delta: &i32| self.base_offset + i64::from(delta) < offset.0;
        self.skip(self.offset_deltas.partition_point(before))
    }
}

/// A null begins after its end, which no slice does.
#[inline]
fn slice(bytes: &[u8], span: Span) -> Option<&[u8]> {
    bytes.get(span.start as usize..span.end as usize)
}

#[inline]
fn headers(bytes: &[u8], span: Span) -> Headers<'_> {
    Headers::new(slice(bytes, span).unwrap_or_default())
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
