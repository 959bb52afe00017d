//! Writes messages, keeping large byte fields as references instead of copying them.

use bytes::Bytes;

use crate::StrBytes;
use crate::decode::STRING_BYTES_MAX;
use crate::tags::UnknownTags;
use crate::varint;
use crate::wire::{Nullable, Wire};

/// Byte fields from this size on are not copied into the frame but referred to.
///
/// Below it a copy is cheaper than one more part in a vectored write.
pub const SHARED_BYTES_MIN: usize = 1024;

/// Why a message could not be encoded: it says something that its version cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The version is not defined here.
    #[error("{message} has versions {min} to {max}, not {version}")]
    UnsupportedVersion {
        /// The message.
        message: &'static str,
        /// The version asked for.
        version: i16,
        /// The oldest version defined.
        min: i16,
        /// The newest version defined.
        max: i16,
    },
    /// A field is set that the version does not have, and whose loss would change the meaning.
    #[error("{field} is set, which version {version} does not have")]
    FieldNotInVersion {
        /// The field, as `Structure.field`.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A field is `None` where the version has no null.
    #[error("{field} is null, which version {version} does not allow")]
    Null {
        /// The field, as `Structure.field`.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// Unknown tagged fields, in a version without tagged fields or with a tag that is defined.
    #[error("the unknown tagged fields of {structure} cannot be written in version {version}")]
    UnknownTags {
        /// The structure that holds them.
        structure: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A string, bytes, an array or the frame exceeds what its length field can say.
    #[error("{field} has {length} bytes or elements, more than {max}")]
    TooLong {
        /// The field, as `Structure.field`.
        field: &'static str,
        /// Its length.
        length: usize,
        /// The greatest length the protocol allows.
        max: usize,
    },
}

/// A number of one byte or more, to be known and written later.
#[derive(Debug)]
struct LateVarint {
    position: usize,
}

/// The tagged fields of one structure as they are written; see [`Encoder::begin_tags`].
#[derive(Debug)]
pub struct TagWriter<'a> {
    structure: &'static str,
    unknown: &'a UnknownTags,
    unknown_written: usize,
    written: u32,
    last: Option<u32>,
    count: Option<LateVarint>,
}

/// Collects the encoding of messages: the small fields in one buffer, large ones as references.
///
/// The version and whether it is flexible are set by [`Message::encode`](crate::Message::encode).
#[derive(Debug, Default)]
pub struct Encoder {
    small: Vec<u8>,
    /// Large byte fields, each with the position in `small` that it goes before, ascending.
    shared: Vec<(usize, Bytes)>,
    shared_bytes: usize,
    /// How many sections are open whose length is yet to be patched: nothing is shared within.
    open_sections: u32,
    version: i16,
    flexible: bool,
    field: &'static str,
}

impl Encoder {
    /// An empty encoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty encoder with room for small fields of `bytes` together.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            small: Vec::with_capacity(bytes),
            ..Self::default()
        }
    }

    /// The version of the message being encoded.
    #[inline]
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Whether that version has compact lengths and tagged fields.
    #[inline]
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// The bytes written so far, those of shared fields included.
    pub fn len(&self) -> usize {
        self.small.len() + self.shared_bytes
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All that was written, in one piece.
    pub fn into_bytes(self) -> Bytes {
        if self.shared.is_empty() {
            return Bytes::from(self.small);
        }
        let mut whole = Vec::with_capacity(self.len());
        for part in self.into_parts() {
            whole.extend_from_slice(&part);
        }
        Bytes::from(whole)
    }

    /// The parts of what was written, in order; none is empty.
    pub(crate) fn into_parts(self) -> impl Iterator<Item = Bytes> {
        let mut small = Bytes::from(self.small);
        let mut split = 0;
        let mut parts = Vec::with_capacity(2 * self.shared.len() + 1);
        for (position, shared) in self.shared {
            parts.push(small.split_to(position - split));
            parts.push(shared);
            split = position;
        }
        parts.push(small);
        parts.into_iter().filter(|part| !part.is_empty())
    }

    /// Begins a message, or says that its version is not defined.
    pub(crate) fn begin(
        &mut self,
        message: &'static str,
        version: i16,
        (min, max): (i16, i16),
        first_flexible: i16,
    ) -> Result<(), EncodeError> {
        self.field = message;
        self.version = version;
        self.flexible = version >= first_flexible;
        if !(min..=max).contains(&version) {
            return Err(EncodeError::UnsupportedVersion {
                message,
                version,
                min,
                max,
            });
        }
        Ok(())
    }

    /// Writes one field; `field` names it in errors.
    ///
    /// # Errors
    /// The version cannot express the value.
    #[inline]
    pub fn write<T: Wire>(&mut self, field: &'static str, value: &T) -> Result<(), EncodeError> {
        self.field = field;
        value.write(self)
    }

    /// Writes a field that may be `None`, but not in this version.
    ///
    /// # Errors
    /// It is `None`, or the version cannot express the value.
    pub fn write_present<T: Nullable>(
        &mut self,
        field: &'static str,
        value: &Option<T>,
    ) -> Result<(), EncodeError> {
        self.field = field;
        match value {
            Some(value) => value.write(self),
            None => Err(EncodeError::Null {
                field,
                version: self.version,
            }),
        }
    }

    /// Writes a field that is never compact, not even in a flexible version.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_inflexible<T: Wire>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let flexible = std::mem::replace(&mut self.flexible, false);
        let result = self.write(field, value);
        self.flexible = flexible;
        result
    }

    /// Checks that a field is at its default, because this version does not have it.
    ///
    /// # Errors
    /// [`EncodeError::FieldNotInVersion`].
    pub fn check_absent<T: PartialEq>(
        &self,
        field: &'static str,
        value: &T,
        default: &T,
    ) -> Result<(), EncodeError> {
        if value == default {
            return Ok(());
        }
        Err(EncodeError::FieldNotInVersion {
            field,
            version: self.version,
        })
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self, bytes: [u8; N]) {
        self.small.extend_from_slice(&bytes);
    }

    pub(crate) fn unsigned_varint(&mut self, value: u32) {
        varint::write_u32(value, &mut self.small);
    }

    /// Writes a length, compact or not; `short` ones take two bytes where they are not compact.
    fn length(&mut self, length: Option<usize>, short: bool) -> Result<(), EncodeError> {
        let max = if short {
            STRING_BYTES_MAX
        } else {
            i32::MAX as usize
        };
        if let Some(length) = length.filter(|length| *length > max) {
            return Err(EncodeError::TooLong {
                field: self.field,
                length,
                max,
            });
        }
        if self.flexible {
            self.unsigned_varint(length.map_or(0, |length| length as u32 + 1));
        } else if short {
            self.array(length.map_or(-1, |length| length as i16).to_be_bytes());
        } else {
            self.array(length.map_or(-1, |length| length as i32).to_be_bytes());
        }
        Ok(())
    }

    pub(crate) fn string(&mut self, value: Option<&StrBytes>) -> Result<(), EncodeError> {
        self.length(value.map(|text| text.len()), true)?;
        self.small
            .extend_from_slice(value.map_or(&[], |text| text.as_bytes()));
        Ok(())
    }

    pub(crate) fn bytes(&mut self, value: Option<&Bytes>) -> Result<(), EncodeError> {
        self.length(value.map(Bytes::len), false)?;
        match value {
            Some(bytes) if bytes.len() >= SHARED_BYTES_MIN && self.open_sections == 0 => {
                self.shared_bytes += bytes.len();
                self.shared.push((self.small.len(), bytes.clone()));
            }
            Some(bytes) => self.small.extend_from_slice(bytes),
            None => {}
        }
        Ok(())
    }

    pub(crate) fn array_length(&mut self, length: Option<usize>) -> Result<(), EncodeError> {
        self.length(length, false)
    }

    /// Leaves one byte for a number that is known later; until then nothing is shared, so that what
    /// follows can move if the number turns out longer.
    fn late_varint(&mut self) -> LateVarint {
        let position = self.small.len();
        self.small.push(0);
        self.open_sections += 1;
        LateVarint { position }
    }

    fn set_late_varint(&mut self, late: LateVarint, value: u32) {
        self.open_sections -= 1;
        let mut bytes = Vec::new();
        varint::write_u32(value, &mut bytes);
        self.small.splice(late.position..late.position + 1, bytes);
    }

    /// Starts the tagged fields of a structure. Those that are not known are written among those
    /// that are, by ascending tag.
    ///
    /// # Errors
    /// There are unknown ones, and the version has no tagged fields.
    pub fn begin_tags<'a>(
        &mut self,
        structure: &'static str,
        unknown: &'a UnknownTags,
    ) -> Result<TagWriter<'a>, EncodeError> {
        if !self.flexible && !unknown.is_empty() {
            return Err(EncodeError::UnknownTags {
                structure,
                version: self.version,
            });
        }
        Ok(TagWriter {
            structure,
            unknown,
            unknown_written: 0,
            written: 0,
            last: None,
            count: self.flexible.then(|| self.late_varint()),
        })
    }

    /// Writes a tagged field, unless it is at its default.
    ///
    /// # Errors
    /// The version cannot express the value.
    pub fn write_tag<T: Wire + PartialEq>(
        &mut self,
        tags: &mut TagWriter<'_>,
        tag: u32,
        field: &'static str,
        value: &T,
        default: &T,
    ) -> Result<(), EncodeError> {
        if value == default {
            return Ok(());
        }
        self.unknown_tags_below(tags, Some(tag))?;
        self.count_tag(tags, tag)?;
        let size = self.late_varint();
        let start = self.small.len();
        self.field = field;
        value.write_tagged(self)?;
        let bytes = self.small.len() - start;
        self.set_late_varint(size, bytes as u32);
        Ok(())
    }

    /// Writes the remaining unknown fields, and the number of all.
    ///
    /// # Errors
    /// One of them has the tag of a known field.
    pub fn end_tags(&mut self, mut tags: TagWriter<'_>) -> Result<(), EncodeError> {
        self.unknown_tags_below(&mut tags, None)?;
        if let Some(count) = tags.count {
            self.set_late_varint(count, tags.written);
        }
        Ok(())
    }

    /// Writes the tagged fields of a structure that defines none itself.
    ///
    /// # Errors
    /// There are some, and the version has no tagged fields.
    #[inline]
    pub fn write_unknown_tags(
        &mut self,
        structure: &'static str,
        unknown: &UnknownTags,
    ) -> Result<(), EncodeError> {
        if unknown.is_empty() {
            if self.flexible {
                self.small.push(0);
            }
            return Ok(());
        }
        let tags = self.begin_tags(structure, unknown)?;
        self.end_tags(tags)
    }

    fn unknown_tags_below(
        &mut self,
        tags: &mut TagWriter<'_>,
        end: Option<u32>,
    ) -> Result<(), EncodeError> {
        let unknown = tags.unknown;
        let pending = unknown.iter().skip(tags.unknown_written);
        for (tag, contents) in pending.take_while(|(tag, _)| end.is_none_or(|end| *tag < end)) {
            self.count_tag(tags, tag)?;
            self.unsigned_varint(contents.len() as u32);
            self.small.extend_from_slice(contents);
            tags.unknown_written += 1;
        }
        Ok(())
    }

    fn count_tag(&mut self, tags: &mut TagWriter<'_>, tag: u32) -> Result<(), EncodeError> {
        if tags.last.is_some_and(|last| last >= tag) {
            let (structure, version) = (tags.structure, self.version);
            return Err(EncodeError::UnknownTags { structure, version });
        }
        tags.last = Some(tag);
        tags.written += 1;
        self.unsigned_varint(tag);
        Ok(())
    }
}
