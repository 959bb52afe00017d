//! Reads messages from a frame, without copying and without believing it.
//!
//! Every length and count is checked against the bytes that remain before anything is allocated, and
//! the allocations of one frame together stay under [`ALLOCATION_BYTES_PER_FRAME_BYTE`] times its size.

use bytes::Bytes;

use crate::tags::UnknownTags;
use crate::varint::{self, VarintError};
use crate::wire::Wire;
use crate::{StrBytes, Uuid};

/// What decoding may allocate at most, in bytes for each byte of the frame.
///
/// Only arrays and unknown tagged fields allocate; strings and bytes are slices of the frame. An
/// element in memory is larger than on the wire: an empty string takes one byte there and 32 here.
/// The most that a sound frame needs is 50 (a ListGroups response of groups without names), so none
/// is ever refused for it.
pub const ALLOCATION_BYTES_PER_FRAME_BYTE: usize = 64;

/// Kafka's limit on the length of a string, in both encodings.
pub(crate) const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// Why a frame could not be decoded, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot decode {field} at byte {offset}: {reason}")]
pub struct DecodeError {
    /// Bytes from the start of the frame to the fault.
    pub offset: usize,
    /// The field, as `Structure.field`.
    pub field: &'static str,
    /// What is wrong.
    pub reason: DecodeReason,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeReason {
    /// The frame ends within the field.
    #[error("{needed} bytes are needed and {remaining} remain")]
    Truncated {
        /// The length of the field.
        needed: usize,
        /// The bytes from the field to the end of the frame or of the enclosing tagged field.
        remaining: usize,
    },
    /// A length or count below -1, which stands for null.
    #[error("the length {0} is negative")]
    NegativeLength(i32),
    /// Null, where this version has no null.
    #[error("it is null, which this version does not allow")]
    Null,
    /// A string beyond Kafka's limit of 32767 bytes.
    #[error("a string of {0} bytes exceeds 32767")]
    StringTooLong(usize),
    /// A string that is not UTF-8.
    #[error("the string is not UTF-8")]
    NotUtf8,
    /// An array that claims more elements than the remaining bytes can hold.
    #[error("{count} elements of at least {element_bytes_min} bytes do not fit into {remaining}")]
    CountTooLarge {
        /// The number of elements claimed.
        count: usize,
        /// The length of the smallest such element.
        element_bytes_min: usize,
        /// The bytes that remain.
        remaining: usize,
    },
    /// The arrays of this frame need more memory than [`ALLOCATION_BYTES_PER_FRAME_BYTE`] grants.
    #[error("{needed} more bytes of memory are out of proportion to the frame")]
    MemoryExceeded {
        /// The size of the array that was refused.
        needed: usize,
    },
    /// A variable-length integer without an end.
    #[error("a varint goes on for too long")]
    VarintTooLong,
    /// Tagged fields are not in ascending order, or one comes twice.
    #[error("the tag {0} is out of order")]
    TagOutOfOrder(u32),
    /// The contents of a tagged field are shorter than its size.
    #[error("{0} bytes of a tagged field are left over")]
    TagNotConsumed(usize),
    /// The message is over and bytes remain.
    #[error("{0} bytes are left over")]
    LeftOver(usize),
    /// A version that is not defined here.
    #[error("version {version} is not between {min} and {max}")]
    UnsupportedVersion {
        /// The version asked for.
        version: i16,
        /// The oldest version defined.
        min: i16,
        /// The newest version defined.
        max: i16,
    },
    /// A request of an API that is not defined here.
    #[error("the API key {0} is not known")]
    UnknownApiKey(i16),
}

/// The position within the tagged fields of one structure; see [`Decoder::begin_tags`].
#[derive(Debug)]
pub struct TagCursor {
    left: u32,
    previous: Option<u32>,
    /// The end of what encloses the tagged fields, restored after each.
    outer_end: usize,
}

/// Reads fields from a frame, in order.
///
/// The version and whether it is flexible are set by [`Message::decode`](crate::Message::decode).
#[derive(Debug, Clone)]
pub struct Decoder {
    frame: Bytes,
    position: usize,
    /// Invariant: `position <= end <= frame.len()`.
    end: usize,
    version: i16,
    flexible: bool,
    field: &'static str,
    allocation_left: usize,
}

impl Decoder {
    /// Starts at the first byte of `frame`.
    pub fn new(frame: Bytes) -> Self {
        Self {
            position: 0,
            end: frame.len(),
            version: 0,
            flexible: false,
            field: "frame",
            allocation_left: frame.len().saturating_mul(ALLOCATION_BYTES_PER_FRAME_BYTE),
            frame,
        }
    }

    /// The version of the message being decoded.
    #[inline]
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Whether that version has compact lengths and tagged fields.
    #[inline]
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// The bytes read so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The bytes not yet read.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.end - self.position
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`DecodeReason::LeftOver`].
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.error(DecodeReason::LeftOver(left))),
        }
    }

    /// Begins a message, or says that its version is not defined.
    pub(crate) fn begin(
        &mut self,
        name: &'static str,
        version: i16,
        (min, max): (i16, i16),
        first_flexible: i16,
    ) -> Result<(), DecodeError> {
        self.field = name;
        self.version = version;
        self.flexible = version >= first_flexible;
        if !(min..=max).contains(&version) {
            return Err(self.error(DecodeReason::UnsupportedVersion { version, min, max }));
        }
        Ok(())
    }

    /// Reads one field; `field` names it in errors.
    ///
    /// # Errors
    /// The bytes are not such a field.
    #[inline]
    pub fn read<T: Wire>(&mut self, field: &'static str, into: &mut T) -> Result<(), DecodeError> {
        self.field = field;
        into.read(self)
    }

    /// Reads the value of a tagged field; `field` names it in errors.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_tagged<T: Wire>(
        &mut self,
        field: &'static str,
        into: &mut T,
    ) -> Result<(), DecodeError> {
        self.field = field;
        into.read_tagged(self)
    }

    /// Reads a field that is never compact, not even in a flexible version.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_inflexible<T: Wire>(
        &mut self,
        field: &'static str,
        into: &mut T,
    ) -> Result<(), DecodeError> {
        let flexible = std::mem::replace(&mut self.flexible, false);
        let result = self.read(field, into);
        self.flexible = flexible;
        result
    }

    #[cold]
    pub(crate) fn error(&self, reason: DecodeReason) -> DecodeError {
        DecodeError {
            offset: self.position,
            field: self.field,
            reason,
        }
    }

    fn rest(&self) -> &[u8] {
        self.frame.get(self.position..self.end).unwrap_or_default()
    }

    /// Reads `N` bytes as they are.
    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest().first_chunk::<N>() {
            Some(bytes) => {
                let bytes = *bytes;
                self.position += N;
                Ok(bytes)
            }
            None => Err(self.truncated(N)),
        }
    }

    #[cold]
    fn truncated(&self, needed: usize) -> DecodeError {
        self.error(DecodeReason::Truncated {
            needed,
            remaining: self.remaining(),
        })
    }

    pub(crate) fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        match varint::read_u32(self.rest()) {
            Ok((value, length)) => {
                self.position += length;
                Ok(value)
            }
            Err(VarintError::Truncated) => Err(self.truncated(self.remaining() + 1)),
            Err(VarintError::TooLong) => Err(self.error(DecodeReason::VarintTooLong)),
        }
    }

    /// The next `length` bytes, sharing the frame's buffer.
    pub(crate) fn slice(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        if length > self.remaining() {
            return Err(self.truncated(length));
        }
        let start = self.position;
        self.position += length;
        Ok(self.frame.slice(start..self.position))
    }

    /// The length of a string, bytes or an array; `None` is null. `short` lengths take two bytes
    /// where they are not compact.
    fn length(&mut self, short: bool) -> Result<Option<usize>, DecodeError> {
        if self.flexible {
            return Ok((self.unsigned_varint()? as usize).checked_sub(1));
        }
        let length = if short {
            i32::from(i16::from_be_bytes(self.array()?))
        } else {
            i32::from_be_bytes(self.array()?)
        };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(self.error(DecodeReason::NegativeLength(length))),
        }
    }

    pub(crate) fn string(&mut self) -> Result<Option<StrBytes>, DecodeError> {
        let Some(length) = self.length(true)? else {
            return Ok(None);
        };
        if length > STRING_BYTES_MAX {
            return Err(self.error(DecodeReason::StringTooLong(length)));
        }
        let bytes = self.slice(length)?;
        match StrBytes::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(self.error(DecodeReason::NotUtf8)),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Option<Bytes>, DecodeError> {
        match self.length(false)? {
            Some(length) => self.slice(length).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        self.array().map(Uuid)
    }

    /// The number of elements of an array, checked against the bytes and the memory that remain, so
    /// that the caller may allocate the whole array; `None` is null.
    pub(crate) fn array_length(
        &mut self,
        element_bytes_min: usize,
        element_memory_bytes: usize,
    ) -> Result<Option<usize>, DecodeError> {
        let Some(count) = self.length(false)? else {
            return Ok(None);
        };
        self.check_count(count, element_bytes_min, element_memory_bytes)?;
        Ok(Some(count))
    }

    fn check_count(
        &mut self,
        count: usize,
        element_bytes_min: usize,
        element_memory_bytes: usize,
    ) -> Result<(), DecodeError> {
        // An element without any bytes could be claimed without limit.
        let element_bytes_min = element_bytes_min.max(1);
        let remaining = self.remaining();
        if count > remaining / element_bytes_min {
            let reason = DecodeReason::CountTooLarge {
                count,
                element_bytes_min,
                remaining,
            };
            return Err(self.error(reason));
        }
        let needed = count.saturating_mul(element_memory_bytes);
        match self.allocation_left.checked_sub(needed) {
            Some(left) => self.allocation_left = left,
            None => return Err(self.error(DecodeReason::MemoryExceeded { needed })),
        }
        Ok(())
    }

    /// Starts on the tagged fields of a structure; there are none unless the version is flexible.
    ///
    /// # Errors
    /// There are more than the remaining bytes can hold.
    pub fn begin_tags(&mut self) -> Result<TagCursor, DecodeError> {
        let left = if self.flexible {
            self.unsigned_varint()?
        } else {
            0
        };
        // Each takes at least a byte for its tag and one for its size.
        self.check_count(left as usize, 2, 0)?;
        Ok(TagCursor {
            left,
            previous: None,
            outer_end: self.end,
        })
    }

    /// Steps into the next tagged field: from here to [`end_tag`](Self::end_tag) only its own bytes
    /// can be read.
    ///
    /// # Errors
    /// The tag is not greater than the one before, or the field is longer than what encloses it.
    pub fn next_tag(&mut self, cursor: &mut TagCursor) -> Result<Option<u32>, DecodeError> {
        let Some(left) = cursor.left.checked_sub(1) else {
            return Ok(None);
        };
        cursor.left = left;
        let tag = self.unsigned_varint()?;
        if cursor.previous.is_some_and(|previous| tag <= previous) {
            return Err(self.error(DecodeReason::TagOutOfOrder(tag)));
        }
        cursor.previous = Some(tag);
        let size = self.unsigned_varint()? as usize;
        if size > self.remaining() {
            return Err(self.truncated(size));
        }
        self.end = self.position + size;
        Ok(Some(tag))
    }

    /// Steps out of a tagged field.
    ///
    /// # Errors
    /// Some of its bytes were not read.
    pub fn end_tag(&mut self, cursor: &TagCursor) -> Result<(), DecodeError> {
        let left = self.remaining();
        if left > 0 {
            return Err(self.error(DecodeReason::TagNotConsumed(left)));
        }
        self.end = cursor.outer_end;
        Ok(())
    }

    /// Keeps the current tagged field, whose meaning is not known.
    ///
    /// # Errors
    /// There is no memory left for it.
    pub fn unknown_tag(&mut self, tag: u32, into: &mut UnknownTags) -> Result<(), DecodeError> {
        let needed = into.growth_bytes();
        self.allocation_left = match self.allocation_left.checked_sub(needed) {
            Some(left) => left,
            None => return Err(self.error(DecodeReason::MemoryExceeded { needed })),
        };
        let contents = self.slice(self.remaining())?;
        into.push(tag, contents);
        Ok(())
    }

    /// Keeps all tagged fields of a structure that defines none itself.
    ///
    /// # Errors
    /// As for each of them.
    pub fn unknown_tags(&mut self, into: &mut UnknownTags) -> Result<(), DecodeError> {
        let mut cursor = self.begin_tags()?;
        while let Some(tag) = self.next_tag(&mut cursor)? {
            self.unknown_tag(tag, into)?;
            self.end_tag(&cursor)?;
        }
        Ok(())
    }
}
