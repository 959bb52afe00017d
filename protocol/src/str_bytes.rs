//! Strings that share the buffer of the frame they came in.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::Utf8Error;

use bytes::Bytes;
use bytestring::ByteString;

/// An immutable UTF-8 string, cheap to clone: a counted reference into a larger buffer.
///
/// A decoded string points into the frame it was decoded from and keeps that whole frame in memory.
/// What lives longer than the frame's other contents is better kept as [`detached`](Self::detached).
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StrBytes(ByteString);

impl StrBytes {
    /// The empty string.
    pub const fn new() -> Self {
        Self(ByteString::new())
    }

    /// A string that lives in the program; nothing is allocated or counted.
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// Takes bytes without copying them.
    ///
    /// # Errors
    /// The bytes are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Utf8Error> {
        // The conversion's own error does not say where the fault is.
        std::str::from_utf8(&bytes)?;
        Ok(Self(ByteString::try_from(bytes).unwrap_or_default()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text's bytes, sharing this string's buffer.
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }

    /// A copy in a buffer of its own, which does not hold the frame in memory.
    pub fn detached(&self) -> Self {
        Self::from(self.as_str())
    }
}

impl Deref for StrBytes {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for StrBytes {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

// `ByteString` hashes and compares as `str`, as `Borrow` demands.
impl Borrow<str> for StrBytes {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for StrBytes {
    /// Copies; see [`from_static`](StrBytes::from_static) for literals.
    fn from(text: &str) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<&String> for StrBytes {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for StrBytes {
    fn from(text: String) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<StrBytes> for Bytes {
    fn from(text: StrBytes) -> Self {
        text.0.into_bytes()
    }
}

impl From<StrBytes> for String {
    fn from(text: StrBytes) -> Self {
        text.as_str().to_owned()
    }
}

impl PartialEq<str> for StrBytes {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for StrBytes {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<StrBytes> for str {
    fn eq(&self, other: &StrBytes) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<StrBytes> for &str {
    fn eq(&self, other: &StrBytes) -> bool {
        *self == other.as_str()
    }
}

impl fmt::Display for StrBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Debug for StrBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn bytes_that_are_not_utf_8_are_refused() {
        let error = StrBytes::from_utf8(Bytes::from_static(b"ab\xff")).expect_err("not UTF-8");
        assert_eq!(error.valid_up_to(), 2);
    }

    #[test]
    fn a_string_shares_the_buffer_it_came_from_until_it_is_detached() {
        let buffer = Bytes::from(b"a topic".to_vec());
        let text = StrBytes::from_utf8(buffer.slice(2..)).expect("UTF-8");
        assert_eq!(text.as_bytes().as_ptr(), buffer[2..].as_ptr());
        let detached = text.detached();
        assert_eq!(detached, text);
        assert_ne!(detached.as_bytes().as_ptr(), text.as_bytes().as_ptr());
    }

    #[test]
    fn a_map_keyed_by_strings_is_searched_by_str() {
        let map = HashMap::from([(StrBytes::from("topic"), 1)]);
        assert_eq!(map.get("topic"), Some(&1));
    }
}
