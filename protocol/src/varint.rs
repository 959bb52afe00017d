//! Variable-length integers: seven bits a byte, the least significant first, the top bit set on all
//! bytes but the last. Signed ones are zigzag-coded, so that small negative numbers stay short.

/// Why bytes are not a varint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarintError {
    /// The input ends within the number.
    Truncated,
    /// The number goes on past five bytes (32 bits) or ten bytes (64 bits).
    TooLong,
}

/// Reads an unsigned 32-bit varint from the front of `input`: the value and its length in bytes.
///
/// # Errors
/// See [`VarintError`]. Bits beyond 32 in a fifth byte are dropped, as Kafka does.
#[inline]
pub fn read_u32(input: &[u8]) -> Result<(u32, usize), VarintError> {
    let mut value = 0;
    for (i, &byte) in input.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Ok((value, i + 1));
        }
    }
    Err(if input.len() < 5 {
        VarintError::Truncated
    } else {
        VarintError::TooLong
    })
}

/// Reads an unsigned 64-bit varint from the front of `input`: the value and its length in bytes.
///
/// # Errors
/// See [`VarintError`]. Bits beyond 64 in a tenth byte are dropped, as Kafka does.
#[inline]
pub fn read_u64(input: &[u8]) -> Result<(u64, usize), VarintError> {
    let mut value = 0;
    for (i, &byte) in input.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Ok((value, i + 1));
        }
    }
    Err(if input.len() < 10 {
        VarintError::Truncated
    } else {
        VarintError::TooLong
    })
}

/// Appends an unsigned 32-bit varint.
#[inline]
pub fn write_u32(value: u32, output: &mut Vec<u8>) {
    write_u64(u64::from(value), output);
}

/// Appends an unsigned 64-bit varint.
#[inline]
pub fn write_u64(mut value: u64, output: &mut Vec<u8>) {
    while value >= 0x80 {
        output.push(value as u8 | 0x80);
        value >>= 7;
    }
    output.push(value as u8);
}

/// The length in bytes of an unsigned varint.
#[inline]
pub const fn length(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Zigzag: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
#[inline]
pub const fn zigzag_i32(value: i32) -> u32 {
    (value << 1 ^ value >> 31) as u32
}

/// The inverse of [`zigzag_i32`].
#[inline]
pub const fn unzigzag_i32(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

/// Zigzag: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
#[inline]
pub const fn zigzag_i64(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// The inverse of [`zigzag_i64`].
#[inline]
pub const fn unzigzag_i64(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_read_back_and_every_prefix_is_truncated() {
        for bits in 0..64 {
            for value in [1u64 << bits, (1 << bits) - 1, u64::MAX >> bits] {
                let mut bytes = Vec::new();
                write_u64(value, &mut bytes);
                assert_eq!(bytes.len(), length(value), "{value}");
                assert_eq!(read_u64(&bytes), Ok((value, bytes.len())));
                for cut in 0..bytes.len() {
                    assert_eq!(read_u64(&bytes[..cut]), Err(VarintError::Truncated));
                }
                if let Ok(value) = u32::try_from(value) {
                    assert_eq!(read_u32(&bytes), Ok((value, bytes.len())));
                }
            }
        }
    }

    #[test]
    fn a_number_without_an_end_is_refused() {
        assert_eq!(read_u32(&[0x80; 5]), Err(VarintError::TooLong));
        assert_eq!(read_u64(&[0xff; 1000]), Err(VarintError::TooLong));
    }

    #[test]
    fn zigzag_keeps_small_numbers_small() {
        for (signed, unsigned) in [
            (0, 0),
            (-1, 1),
            (1, 2),
            (i32::MAX, u32::MAX - 1),
            (i32::MIN, u32::MAX),
        ] {
            assert_eq!(zigzag_i32(signed), unsigned);
            assert_eq!(unzigzag_i32(unsigned), signed);
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag_i64(zigzag_i64(value)), value);
        }
    }
}
