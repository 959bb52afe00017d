//! The key of a Kafka record, as it is.

use std::fmt;

use crate::element::DecodeFailure;

use super::Key;

/// A record's key: bytes, whatever they mean. What `by_record_key` groups by.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RecordKey(Box<[u8]>);

impl RecordKey {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl AsRef<[u8]> for RecordKey {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for RecordKey {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl Key for RecordKey {
    type Borrowed<'b> = &'b [u8];

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(bytes: &[u8]) -> Result<&[u8], DecodeFailure> {
        Ok(bytes)
    }
}

/// As text; what is not UTF-8 is replaced.
impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}
