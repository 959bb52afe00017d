//! Encoding one record of a format 2 batch; [`v2`](super::v2) has the layout.

use super::headers::{bytes_len, headers_len, write_bytes, write_headers};
use super::varint::{
    ShortNumbers, varint_len, varlong_len, write_varint, write_varlong, zigzag_32, zigzag_64,
};

/// What is known of a record before it is encoded.
#[derive(Clone, Copy)]
pub(super) struct NewRecord<'a> {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// The numbers of a record that has no headers, and none of more than two bytes: nearly all records.
pub(super) struct UsualRecord {
    /// Size, attributes and both deltas.
    head: ShortNumbers,
    key_len: ShortNumbers,
    value_len: ShortNumbers,
    pub(super) record_bytes: usize,
}

impl NewRecord<'_> {
    /// Encodes the numbers, where the record is a usual one.
    #[inline(always)]
    pub(super) fn usual(&self) -> Option<UsualRecord> {
        let mut deltas = ShortNumbers::new();
        deltas.push(0);
        deltas.push(zigzag_64(self.timestamp_delta));
        deltas.push(u64::from(zigzag_32(self.offset_delta)));
        let (key_len, key_bytes) = short_len(self.key);
        let (value_len, value_bytes) = short_len(self.value);
        let body_bytes =
            deltas.len() + key_len.len() + key_bytes + value_len.len() + value_bytes + 1;
        let mut head = ShortNumbers::new();
        head.push(body_bytes as u64 * 2);
        let fit = head.fit & deltas.fit & key_len.fit & value_len.fit & self.headers.is_empty();
        let record_bytes = head.len() + body_bytes;
        head.append(&deltas);
        fit.then_some(UsualRecord {
            head,
            key_len,
            value_len,
            record_bytes,
        })
    }

    /// The record's length, whatever it is like. Lengths past 31 bits wrap in their varint's size, but
    /// not in the sum.
    pub(super) fn encoded_len(&self) -> usize {
        let body_bytes = self.body_bytes();
        varint_len(body_bytes as i32) + body_bytes
    }

    fn body_bytes(&self) -> usize {
        1 + varlong_len(self.timestamp_delta)
            + varint_len(self.offset_delta)
            + bytes_len(self.key.map(<[u8]>::len))
            + bytes_len(self.value.map(<[u8]>::len))
            + headers_len(self.headers)
    }

    /// Appends the record, whatever it is like.
    #[inline(never)]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_varint(out, self.body_bytes() as i32);
        out.push(0);
        write_varlong(out, self.timestamp_delta);
        write_varint(out, self.offset_delta);
        write_bytes(out, self.key);
        write_bytes(out, self.value);
        write_headers(out, self.headers);
    }
}

impl UsualRecord {
    /// Appends the record whose key and value these are.
    #[inline(always)]
    pub(super) fn write(&self, out: &mut Vec<u8>, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.head.write(out);
        self.key_len.write(out);
        out.extend_from_slice(key.unwrap_or_default());
        self.value_len.write(out);
        out.extend_from_slice(value.unwrap_or_default());
        out.push(0);
    }
}

/// The length, or null's -1, in zigzag, and how many bytes follow it.
#[inline(always)]
fn short_len(bytes: Option<&[u8]>) -> (ShortNumbers, usize) {
    let mut number = ShortNumbers::new();
    let len = bytes.map_or(0, <[u8]>::len);
    number.push(match bytes {
        Some(_) => len as u64 * 2,
        None => 1,
    });
    (number, len)
}
