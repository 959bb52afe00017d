//! The headers of one record.

use super::varint::{read_varint, varint_len, write_varint};

/// The headers of a record, in their order, doubles included: an iterator of name and value that
/// reads them as it goes.
///
/// Kafka's headers (KIP-82) have a UTF-8 name and a value that may be null. Their encoding was
/// checked when the batch was decoded.
#[derive(Clone, Copy, Default)]
pub struct Headers<'b> {
    /// Begins with the headers that are left, and goes on past them.
    rest: &'b [u8],
    count: usize,
}

impl<'b> Headers<'b> {
    /// Over the front of `bytes`: a count and that many headers, whose encoding has been checked.
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        let mut position = 0;
        let count = read_varint(bytes, &mut position).unwrap_or(0);
        Self {
            rest: bytes.get(position..).unwrap_or_default(),
            count: usize::try_from(count).unwrap_or(0),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The value of the last header of that name, as Kafka's `lastHeader` gives it; the inner
    /// `None` is a null value.
    pub fn last(self, name: &str) -> Option<Option<&'b [u8]>> {
        self.filter(|&(found, _)| found == name)
            .map(|(_, value)| value)
            .last()
    }
}

impl<'b> Iterator for Headers<'b> {
    type Item = (&'b str, Option<&'b [u8]>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        let mut position = 0;
        let header = read_header(self.rest, &mut position)?;
        self.rest = self.rest.get(position..).unwrap_or_default();
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Headers<'_> {}
impl std::iter::FusedIterator for Headers<'_> {}

impl std::fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

/// Two sets of headers are equal if they have the same names and values in the same order.
impl PartialEq for Headers<'_> {
    fn eq(&self, other: &Self) -> bool {
        Iterator::eq(*self, *other)
    }
}

impl Eq for Headers<'_> {}

#[inline]
fn read_header<'b>(bytes: &'b [u8], position: &mut usize) -> Option<(&'b str, Option<&'b [u8]>)> {
    let name_len = usize::try_from(read_varint(bytes, position)?).ok()?;
    let name = take(bytes, position, name_len)?;
    let name = std::str::from_utf8(name).ok()?;
    let value = match read_varint(bytes, position)? {
        -1 => None,
        len => Some(take(bytes, position, usize::try_from(len).ok()?)?),
    };
    Some((name, value))
}

#[inline]
fn take<'b>(bytes: &'b [u8], position: &mut usize, len: usize) -> Option<&'b [u8]> {
    let end = position.checked_add(len)?;
    let taken = bytes.get(*position..end)?;
    *position = end;
    Some(taken)
}

/// The encoded length of `headers`, their count included.
pub(super) fn headers_len(headers: &[(&str, Option<&[u8]>)]) -> usize {
    let fields = headers
        .iter()
        .map(|(name, value)| bytes_len(Some(name.len())) + bytes_len(value.map(<[u8]>::len)));
    varint_len(headers.len() as i32) + fields.sum::<usize>()
}

/// Appends `headers`, their count first.
pub(super) fn write_headers(out: &mut Vec<u8>, headers: &[(&str, Option<&[u8]>)]) {
    write_varint(out, headers.len() as i32);
    for (name, value) in headers {
        write_bytes(out, Some(name.as_bytes()));
        write_bytes(out, *value);
    }
}

/// The encoded length of a byte string of that length, or of null.
#[inline]
pub(super) fn bytes_len(len: Option<usize>) -> usize {
    match len {
        Some(len) => varint_len(len as i32) + len,
        None => 1,
    }
}

/// Appends a byte string, or null.
#[inline]
pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            write_varint(out, bytes.len() as i32);
            out.extend_from_slice(bytes);
        }
        None => write_varint(out, -1),
    }
}
