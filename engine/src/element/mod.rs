//! What flows: families of values that may borrow from the batch they were read from.
//!
//! An [`Element`] names a family `View<'b>`; a source's [`Decode`] makes a view of each record, a
//! sink's [`Encode`] writes one. Most formats are a way to read bytes, [`Format`]; those serve for
//! a record's value, for both sides of [`Keyed`], and within [`Nullable`].

mod bytes;
mod json;
mod keyed;
mod nullable;
mod text;

use std::fmt;
use std::marker::PhantomData;

use thalweg_protocol::PartitionId;
use thalweg_protocol::records::RecordRef;

pub use bytes::Bytes;
pub use json::Json;
pub use keyed::{Keyed, KeyedView};
pub use nullable::Nullable;
pub use text::Text;

/// A kind of value that flows through operators. Never itself a value: `Json<Bid>` is the kind,
/// `Bid` what the closures see.
pub trait Element: 'static {
    /// The value as operators see it, which may borrow from the batch it came in.
    type View<'b>;
}

/// Values of a type that borrows nothing: what `map` makes.
pub struct Owned<T>(PhantomData<fn() -> T>);

impl<T: 'static> Element for Owned<T> {
    type View<'b> = T;
}

/// Makes the view of a whole record: value, key, headers, timestamp, and where it stands.
///
/// Implemented for every [`Format`], which reads the record's value.
pub trait Decode: Element {
    /// What the decoder keeps from record to record (a schema, a scratch buffer). One per task.
    type Decoder: Default + 'static;

    /// Reads one record.
    ///
    /// # Errors
    /// The record is bad; the source's policy decides what becomes of it.
    fn decode<'b>(
        decoder: &mut Self::Decoder,
        record: &SourceRecord<'b>,
    ) -> Result<Self::View<'b>, DecodeFailure>;
}

/// A record with the place it was read from.
#[derive(Debug, Clone, Copy)]
pub struct SourceRecord<'b> {
    /// The record.
    pub record: RecordRef<'b>,
    /// Its topic.
    pub topic: &'b str,
    /// Its partition.
    pub partition: PartitionId,
}

/// A way to read a value from bytes.
pub trait Format: Element {
    /// What the reader keeps from value to value. One per task.
    type Reader: Default + 'static;

    /// Reads a value; `None` is Kafka's null.
    ///
    /// # Errors
    /// The bytes are not of this format.
    fn read<'b>(
        reader: &mut Self::Reader,
        bytes: Option<&'b [u8]>,
    ) -> Result<Self::View<'b>, DecodeFailure>;
}

impl<F: Format> Decode for F {
    type Decoder = F::Reader;

    #[inline]
    fn decode<'b>(
        decoder: &mut F::Reader,
        record: &SourceRecord<'b>,
    ) -> Result<F::View<'b>, DecodeFailure> {
        F::read(decoder, record.record.value)
    }
}

/// A way to write a value to bytes.
pub trait Encode<V: ?Sized> {
    /// Appends the value to `out`. `Ok(false)` makes the record's value null.
    ///
    /// # Errors
    /// The value has no form in this format; the sink's policy decides.
    fn encode(value: &V, out: &mut Vec<u8>) -> Result<bool, EncodeFailure>;
}

/// An element that can travel through a repartition topic and come out the same.
///
/// Implemented for [`Text`], [`Bytes`], [`Json`], [`Nullable`] and [`Keyed`] of them, and for what
/// `map` makes if it is `Serialize + DeserializeOwned` (which travels as JSON).
pub trait Portable: Element {
    /// What the reader keeps from value to value. One per task.
    type Unpacker: Default + 'static;

    /// Appends the view's bytes to `out`. `Ok(false)` makes the value null.
    ///
    /// # Errors
    /// The value has no form in its format.
    fn pack(view: &Self::View<'_>, out: &mut Vec<u8>) -> Result<bool, EncodeFailure>;

    /// Reads what `pack` wrote.
    ///
    /// # Errors
    /// Something else wrote it.
    fn unpack<'b>(
        unpacker: &mut Self::Unpacker,
        bytes: Option<&'b [u8]>,
    ) -> Result<Self::View<'b>, DecodeFailure>;
}

/// Why a record is bad, in words that follow "bad record …:".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeFailure(Box<str>);

impl DecodeFailure {
    /// With the reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into().into_boxed_str())
    }
}

impl fmt::Display for DecodeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeFailure {}

/// Why a value cannot be encoded, in words that follow "it cannot be encoded:".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeFailure(Box<str>);

impl EncodeFailure {
    /// With the reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into().into_boxed_str())
    }
}

impl fmt::Display for EncodeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EncodeFailure {}
