//! How each type of Kafka's message format is read and written.

use bytes::Bytes;

use crate::decode::{DecodeError, DecodeReason, Decoder};
use crate::encode::{EncodeError, Encoder};
use crate::{BrokerId, ErrorCode, Offset, PartitionId, ProducerId, StrBytes, Uuid};

/// A type that a field of a message may have.
///
/// Whether lengths are compact, and which fields a structure has, depends on the version that the
/// decoder or encoder holds.
pub trait Wire: Sized {
    /// Reads a value over this one, which is at its default.
    ///
    /// # Errors
    /// The bytes are not such a value. What was read so far is left in place.
    fn read(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError>;

    /// Appends the value.
    ///
    /// # Errors
    /// The version cannot express the value.
    fn write(&self, encoder: &mut Encoder) -> Result<(), EncodeError>;

    /// The length of the shortest encoding of any value.
    fn bytes_min(version: i16, flexible: bool) -> usize;

    /// Reads a value as tagged fields hold it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    #[inline]
    fn read_tagged(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError> {
        self.read(decoder)
    }

    /// Appends the value as tagged fields hold it.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    #[inline]
    fn write_tagged(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        self.write(encoder)
    }
}

/// A type with an encoding for null, of which a field may hold an `Option`.
pub trait Nullable: Wire + Default {
    /// Reads a value or null over `into`, which is at its default.
    ///
    /// # Errors
    /// As [`Wire::read`].
    fn read_nullable(into: &mut Option<Self>, decoder: &mut Decoder) -> Result<(), DecodeError>;

    /// Appends a value or null.
    ///
    /// # Errors
    /// As [`Wire::write`].
    fn write_nullable(value: Option<&Self>, encoder: &mut Encoder) -> Result<(), EncodeError>;

    /// The length of the shortest encoding of null or any value.
    fn nullable_bytes_min(flexible: bool) -> usize;

    /// Reads a value or null as tagged fields hold it.
    ///
    /// # Errors
    /// As [`Wire::read`].
    fn read_nullable_tagged(
        into: &mut Option<Self>,
        decoder: &mut Decoder,
    ) -> Result<(), DecodeError> {
        Self::read_nullable(into, decoder)
    }

    /// Appends a value or null as tagged fields hold it.
    ///
    /// # Errors
    /// As [`Wire::write`].
    fn write_nullable_tagged(
        value: Option<&Self>,
        encoder: &mut Encoder,
    ) -> Result<(), EncodeError> {
        Self::write_nullable(value, encoder)
    }
}

/// A structure within a message, or the message itself. Derived.
pub trait Structure: Default {
    /// Reads the fields over this value, which is at its default.
    ///
    /// # Errors
    /// The bytes are not such a structure.
    fn decode_fields(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError>;

    /// Appends the fields.
    ///
    /// # Errors
    /// The version cannot express a value.
    fn encode_fields(&self, encoder: &mut Encoder) -> Result<(), EncodeError>;

    /// The length of the shortest such structure.
    fn bytes_min(version: i16, flexible: bool) -> usize;
}

macro_rules! number {
    ($($number:ty),*) => {$(
        impl Wire for $number {
            #[inline]
            fn read(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError> {
                *self = <$number>::from_be_bytes(decoder.array()?);
                Ok(())
            }

            #[inline]
            fn write(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
                encoder.array(self.to_be_bytes());
                Ok(())
            }

            #[inline]
            fn bytes_min(_: i16, _: bool) -> usize {
                size_of::<$number>()
            }
        }
    )*};
}

number!(i8, i16, u16, i32, u32, i64, f64);

macro_rules! newtype {
    ($($newtype:ident($inner:ty)),*) => {$(
        impl Wire for $newtype {
            #[inline]
            fn read(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError> {
                self.0.read(decoder)
            }

            #[inline]
            fn write(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
                self.0.write(encoder)
            }

            #[inline]
            fn bytes_min(version: i16, flexible: bool) -> usize {
                <$inner as Wire>::bytes_min(version, flexible)
            }
        }
    )*};
}

newtype!(
    BrokerId(i32),
    ErrorCode(i16),
    Offset(i64),
    PartitionId(i32),
    ProducerId(i64)
);

impl Wire for bool {
    /// As Kafka does, takes every byte but zero for true.
    #[inline]
    fn read(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError> {
        *self = decoder.array()? != [0];
        Ok(())
    }

    #[inline]
    fn write(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        encoder.array([u8::from(*self)]);
        Ok(())
    }

    #[inline]
    fn bytes_min(_: i16, _: bool) -> usize {
        1
    }
}

impl Wire for Uuid {
    #[inline]
    fn read(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError> {
        *self = decoder.uuid()?;
        Ok(())
    }

    #[inline]
    fn write(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        encoder.array(self.0);
        Ok(())
    }

    #[inline]
    fn bytes_min(_: i16, _: bool) -> usize {
        16
    }
}

fn not_null<T>(value: Option<T>, decoder: &Decoder) -> Result<T, DecodeError> {
    value.ok_or_else(|| decoder.error(DecodeReason::Null))
}

impl Wire for StrBytes {
    fn read(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError> {
        let text = decoder.string()?;
        *self = not_null(text, decoder)?;
        Ok(())
    }

    fn write(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        encoder.string(Some(self))
    }

    #[inline]
    fn bytes_min(_: i16, flexible: bool) -> usize {
        Self::nullable_bytes_min(flexible)
    }
}

impl Nullable for StrBytes {
    fn read_nullable(into: &mut Option<Self>, decoder: &mut Decoder) -> Result<(), DecodeError> {
        *into = decoder.string()?;
        Ok(())
    }

    fn write_nullable(value: Option<&Self>, encoder: &mut Encoder) -> Result<(), EncodeError> {
        encoder.string(value)
    }

    #[inline]
    fn nullable_bytes_min(flexible: bool) -> usize {
        if flexible { 1 } else { 2 }
    }
}

impl Wire for Bytes {
    fn read(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError> {
        let bytes = decoder.bytes()?;
        *self = not_null(bytes, decoder)?;
        Ok(())
    }

    fn write(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        encoder.bytes(Some(self))
    }

    #[inline]
    fn bytes_min(_: i16, flexible: bool) -> usize {
        Self::nullable_bytes_min(flexible)
    }
}

impl Nullable for Bytes {
    fn read_nullable(into: &mut Option<Self>, decoder: &mut Decoder) -> Result<(), DecodeError> {
        *into = decoder.bytes()?;
        Ok(())
    }

    fn write_nullable(value: Option<&Self>, encoder: &mut Encoder) -> Result<(), EncodeError> {
        encoder.bytes(value)
    }

    #[inline]
    fn nullable_bytes_min(flexible: bool) -> usize {
        if flexible { 1 } else { 4 }
    }
}

/// Reads the elements of an array whose count has been checked against bytes and memory.
fn read_elements<T: Wire + Default>(
    into: &mut Vec<T>,
    count: usize,
    decoder: &mut Decoder,
) -> Result<(), DecodeError> {
    into.reserve_exact(count);
    for _ in 0..count {
        let mut element = T::default();
        element.read(decoder)?;
        into.push(element);
    }
    Ok(())
}

fn array_length<T: Wire>(decoder: &mut Decoder) -> Result<Option<usize>, DecodeError> {
    let element_bytes_min = T::bytes_min(decoder.version(), decoder.is_flexible());
    decoder.array_length(element_bytes_min, size_of::<T>())
}

impl<T: Wire + Default> Wire for Vec<T> {
    fn read(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError> {
        let count = array_length::<T>(decoder)?;
        read_elements(self, not_null(count, decoder)?, decoder)
    }

    fn write(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        encoder.array_length(Some(self.len()))?;
        self.iter().try_for_each(|element| element.write(encoder))
    }

    #[inline]
    fn bytes_min(_: i16, flexible: bool) -> usize {
        Self::nullable_bytes_min(flexible)
    }
}

impl<T: Wire + Default> Nullable for Vec<T> {
    fn read_nullable(into: &mut Option<Self>, decoder: &mut Decoder) -> Result<(), DecodeError> {
        match array_length::<T>(decoder)? {
            Some(count) => read_elements(into.insert(Vec::new()), count, decoder),
            None => {
                *into = None;
                Ok(())
            }
        }
    }

    fn write_nullable(value: Option<&Self>, encoder: &mut Encoder) -> Result<(), EncodeError> {
        match value {
            Some(elements) => elements.write(encoder),
            None => encoder.array_length(None),
        }
    }

    #[inline]
    fn nullable_bytes_min(flexible: bool) -> usize {
        if flexible { 1 } else { 4 }
    }
}

impl<T: Structure> Wire for T {
    #[inline]
    fn read(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError> {
        self.decode_fields(decoder)
    }

    #[inline]
    fn write(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        self.encode_fields(encoder)
    }

    #[inline]
    fn bytes_min(version: i16, flexible: bool) -> usize {
        <T as Structure>::bytes_min(version, flexible)
    }
}

/// A nullable structure is preceded by a byte: -1 for null, 1 for a structure. In a tagged field that
/// is an unsigned varint instead, and null is 0.
impl<T: Structure> Nullable for T {
    fn read_nullable(into: &mut Option<Self>, decoder: &mut Decoder) -> Result<(), DecodeError> {
        let mut presence = 0i8;
        presence.read(decoder)?;
        if presence < 0 {
            *into = None;
            return Ok(());
        }
        into.insert(T::default()).decode_fields(decoder)
    }

    fn write_nullable(value: Option<&Self>, encoder: &mut Encoder) -> Result<(), EncodeError> {
        match value {
            Some(structure) => {
                1i8.write(encoder)?;
                structure.encode_fields(encoder)
            }
            None => (-1i8).write(encoder),
        }
    }

    #[inline]
    fn nullable_bytes_min(_: bool) -> usize {
        1
    }

    fn read_nullable_tagged(
        into: &mut Option<Self>,
        decoder: &mut Decoder,
    ) -> Result<(), DecodeError> {
        if decoder.unsigned_varint()? == 0 {
            *into = None;
            return Ok(());
        }
        into.insert(T::default()).decode_fields(decoder)
    }

    fn write_nullable_tagged(
        value: Option<&Self>,
        encoder: &mut Encoder,
    ) -> Result<(), EncodeError> {
        encoder.unsigned_varint(value.is_some().into());
        value.map_or(Ok(()), |structure| structure.encode_fields(encoder))
    }
}

impl<T: Nullable> Wire for Option<T> {
    #[inline]
    fn read(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError> {
        T::read_nullable(self, decoder)
    }

    #[inline]
    fn write(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        T::write_nullable(self.as_ref(), encoder)
    }

    #[inline]
    fn bytes_min(_: i16, flexible: bool) -> usize {
        T::nullable_bytes_min(flexible)
    }

    fn read_tagged(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError> {
        T::read_nullable_tagged(self, decoder)
    }

    fn write_tagged(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        T::write_nullable_tagged(self.as_ref(), encoder)
    }
}
