//! Keys: what streams are partitioned and grouped by.

mod lookup;
mod record_key;
mod selector;

use std::hash::Hash;

use crate::element::DecodeFailure;

pub(crate) use lookup::KEY_HASHER;
pub use lookup::Lookup;
pub use record_key::RecordKey;
pub(crate) use selector::{ByFunction, ByRecordKey, ByReference, FromWire, KeyOf};

/// A value to group by, with the bytes Kafka knows it as.
///
/// The bytes decide the partition, so they must equal what other writers of the topic write:
/// integers are decimal text, strings are UTF-8, bytes are themselves. `Eq` and `Hash` have to
/// agree with them.
pub trait Key: Clone + Eq + Hash + 'static {
    /// A key read from bytes, not yet owned.
    type Borrowed<'b>: Lookup<Self>;

    /// Appends its bytes.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads its bytes.
    ///
    /// # Errors
    /// They are no such key.
    fn decode(bytes: &[u8]) -> Result<Self::Borrowed<'_>, DecodeFailure>;
}

macro_rules! integer_keys {
    ($($integer:ty),*) => {$(
        /// Decimal text.
        impl Key for $integer {
            type Borrowed<'b> = Self;

            fn encode(&self, out: &mut Vec<u8>) {
                use std::io::Write as _;
                write!(out, "{self}").expect("writing to a Vec does not fail");
            }

            fn decode(bytes: &[u8]) -> Result<Self, DecodeFailure> {
                std::str::from_utf8(bytes)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(|| not_a_key(bytes, stringify!($integer)))
            }
        }
    )*};
}

integer_keys!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);

impl Key for String {
    type Borrowed<'b> = &'b str;

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn decode(bytes: &[u8]) -> Result<&str, DecodeFailure> {
        std::str::from_utf8(bytes).map_err(|_| not_a_key(bytes, "UTF-8 text"))
    }
}

impl Key for Vec<u8> {
    type Borrowed<'b> = &'b [u8];

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(bytes: &[u8]) -> Result<&[u8], DecodeFailure> {
        Ok(bytes)
    }
}

#[cold]
fn not_a_key(bytes: &[u8], kind: &str) -> DecodeFailure {
    let shown = String::from_utf8_lossy(bytes.get(..40).unwrap_or(bytes));
    DecodeFailure::new(format!("its key {shown:?} is no {kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded<K: Key>(key: &K) -> Vec<u8> {
        let mut bytes = Vec::new();
        key.encode(&mut bytes);
        bytes
    }

    #[test]
    fn integers_are_decimal_text_as_other_writers_have_them() {
        assert_eq!(encoded(&1001_u64), b"1001");
        assert_eq!(encoded(&-7_i32), b"-7");
        assert_eq!(u64::decode(b"1001"), Ok(1001));
    }

    #[test]
    fn what_is_no_key_of_the_type_is_refused() {
        for bytes in [
            &b""[..],
            b"x",
            b"1.0",
            b" 1",
            b"-1",
            b"99999999999999999999",
            b"\xff",
        ] {
            assert!(u64::decode(bytes).is_err(), "{bytes:?}");
        }
        assert!(String::decode(b"\xff").is_err());
    }
}
