//! Zigzag varints as record batches use them.
//!
//! Nearly every varint in a batch takes one byte (deltas, short lengths), most others two, so those
//! two are read by branches in line and the rest by a loop out of line.

/// The longest encoding of an `i32`.
const VARINT_BYTES_MAX: usize = 5;
/// The longest encoding of an `i64`.
const VARLONG_BYTES_MAX: usize = 10;

/// Reads an `i32` at `*position` and moves past it. `None` where the bytes end inside it or where
/// it goes on after its fifth byte. Bits above the 32nd are dropped, as Kafka's Java client does.
#[inline(always)]
pub(super) fn read_varint(bytes: &[u8], position: &mut usize) -> Option<i32> {
    let first = *bytes.get(*position)?;
    if first < 0x80 {
        *position += 1;
        return Some(unzigzag_32(u32::from(first)));
    }
    let second = *bytes.get(*position + 1)?;
    if second < 0x80 {
        *position += 2;
        return Some(unzigzag_32(
            u32::from(first & 0x7f) | u32::from(second) << 7,
        ));
    }
    let raw = read_long_form(bytes, position, VARINT_BYTES_MAX)?;
    Some(unzigzag_32(raw as u32))
}

/// Reads an `i64` at `*position` and moves past it. `None` where the bytes end inside it or where
/// it goes on after its tenth byte.
#[inline(always)]
pub(super) fn read_varlong(bytes: &[u8], position: &mut usize) -> Option<i64> {
    let first = *bytes.get(*position)?;
    if first < 0x80 {
        *position += 1;
        return Some(unzigzag_64(u64::from(first)));
    }
    let second = *bytes.get(*position + 1)?;
    if second < 0x80 {
        *position += 2;
        return Some(unzigzag_64(
            u64::from(first & 0x7f) | u64::from(second) << 7,
        ));
    }
    let raw = read_long_form(bytes, position, VARLONG_BYTES_MAX)?;
    Some(unzigzag_64(raw))
}

#[cold]
#[inline(never)]
fn read_long_form(bytes: &[u8], position: &mut usize, bytes_max: usize) -> Option<u64> {
    let mut raw = 0;
    for (index, &byte) in bytes.get(*position..)?.iter().take(bytes_max).enumerate() {
        raw |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *position += index + 1;
            return Some(raw);
        }
    }
    None
}

/// Up to four numbers of one or two bytes each, gathered in a word to be written at once.
pub(super) struct ShortNumbers {
    word: u64,
    bits: u32,
    /// Whether all numbers were short enough.
    pub(super) fit: bool,
}

impl ShortNumbers {
    /// How many bytes past what it appends [`write`](Self::write) may touch.
    pub(super) const SPARE_BYTES: usize = size_of::<u64>();

    #[inline(always)]
    pub(super) fn new() -> Self {
        Self {
            word: 0,
            bits: 0,
            fit: true,
        }
    }

    /// Adds a number that is in zigzag already.
    #[inline(always)]
    pub(super) fn push(&mut self, raw: u64) {
        if raw < 1 << 7 {
            self.word |= raw << self.bits;
            self.bits += 8;
        } else {
            self.fit &= raw < 1 << 14;
            let two_bytes = raw & 0x7f | 0x80 | (raw & 0x3f80) << 1;
            self.word |= two_bytes << self.bits;
            self.bits += 16;
        }
    }

    /// How many bytes they take.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.bits as usize / 8
    }

    /// Adds those of `next`; four in all.
    #[inline(always)]
    pub(super) fn append(&mut self, next: &Self) {
        self.word |= next.word << self.bits;
        self.bits += next.bits;
        self.fit &= next.fit;
    }

    /// Appends them.
    #[inline(always)]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let len = out.len() + self.len();
        out.extend_from_slice(&self.word.to_le_bytes());
        out.truncate(len);
    }
}

/// Appends `value` as a varint.
#[inline(always)]
pub(super) fn write_varint(out: &mut Vec<u8>, value: i32) {
    write_unsigned(out, u64::from(zigzag_32(value)));
}

/// Appends `value` as a varlong.
#[inline(always)]
pub(super) fn write_varlong(out: &mut Vec<u8>, value: i64) {
    write_unsigned(out, zigzag_64(value));
}

#[inline(always)]
fn write_unsigned(out: &mut Vec<u8>, raw: u64) {
    let mut short = ShortNumbers::new();
    short.push(raw);
    if short.fit {
        short.write(out);
    } else {
        write_long_form(out, raw);
    }
}

#[cold]
#[inline(never)]
fn write_long_form(out: &mut Vec<u8>, mut raw: u64) {
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

/// The encoded length of a varint.
#[inline]
pub(super) fn varint_len(value: i32) -> usize {
    unsigned_len(u64::from(zigzag_32(value)))
}

/// The encoded length of a varlong.
#[inline]
pub(super) fn varlong_len(value: i64) -> usize {
    unsigned_len(zigzag_64(value))
}

#[inline]
fn unsigned_len(raw: u64) -> usize {
    let bits = 64 - (raw | 1).leading_zeros() as usize;
    // A seventh of the bits, rounded up, for up to 64 of them.
    (bits * 9 + 64) / 64
}

#[inline]
pub(super) fn zigzag_32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

#[inline]
pub(super) fn zigzag_64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
fn unzigzag_32(raw: u32) -> i32 {
    (raw >> 1) as i32 ^ -((raw & 1) as i32)
}

#[inline]
fn unzigzag_64(raw: u64) -> i64 {
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [i64; 17] = [
        0,
        -1,
        1,
        63,
        -64,
        64,
        -65,
        8191,
        -8192,
        8192,
        -8193,
        i32::MAX as i64,
        i32::MIN as i64,
        i32::MAX as i64 + 1,
        i32::MIN as i64 - 1,
        i64::MAX,
        i64::MIN,
    ];

    #[test]
    fn what_is_written_is_read_back_and_has_the_length_announced() {
        for value in EDGES {
            let mut bytes = Vec::new();
            write_varlong(&mut bytes, value);
            assert_eq!(bytes.len(), varlong_len(value));
            let mut position = 0;
            assert_eq!(read_varlong(&bytes, &mut position), Some(value));
            assert_eq!(position, bytes.len());
            let Ok(value) = i32::try_from(value) else {
                continue;
            };
            let mut bytes = Vec::new();
            write_varint(&mut bytes, value);
            assert_eq!(bytes.len(), varint_len(value));
            let mut position = 0;
            assert_eq!(read_varint(&bytes, &mut position), Some(value));
            assert_eq!(position, bytes.len());
        }
    }

    #[test]
    fn a_cut_varint_is_refused_at_every_byte() {
        for value in EDGES {
            let mut bytes = Vec::new();
            write_varlong(&mut bytes, value);
            for len in 0..bytes.len() {
                let mut position = 0;
                assert_eq!(read_varlong(&bytes[..len], &mut position), None);
                assert_eq!(read_varint(&bytes[..len], &mut position), None);
            }
        }
    }

    #[test]
    fn a_varint_that_does_not_end_in_time_is_refused() {
        assert_eq!(
            read_varint(&[0x80, 0x80, 0x80, 0x80, 0x80, 0], &mut 0),
            None
        );
        assert_eq!(read_varlong(&[0xff; 11], &mut 0), None);
        assert_eq!(read_varint(&[], &mut usize::MAX.clone()), None);
    }
}
