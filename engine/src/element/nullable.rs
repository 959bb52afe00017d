//! A format whose values may be Kafka's null.

use std::marker::PhantomData;

use super::{DecodeFailure, Element, Encode, EncodeFailure, Format, Portable};

/// Values of `F` or null: `Option<F::View>` to the closures. A sink writes `None` as null: a
/// tombstone, in a compacted topic.
pub struct Nullable<F>(PhantomData<fn() -> F>);

impl<F: Element> Element for Nullable<F> {
    type View<'b> = Option<F::View<'b>>;
}

impl<F: Format> Format for Nullable<F> {
    type Reader = F::Reader;

    #[inline]
    fn read<'b>(
        reader: &mut F::Reader,
        bytes: Option<&'b [u8]>,
    ) -> Result<Option<F::View<'b>>, DecodeFailure> {
        match bytes {
            Some(bytes) => F::read(reader, Some(bytes)).map(Some),
            None => Ok(None),
        }
    }
}

impl<V, F: Encode<V>> Encode<Option<V>> for Nullable<F> {
    fn encode(value: &Option<V>, out: &mut Vec<u8>) -> Result<bool, EncodeFailure> {
        value
            .as_ref()
            .map_or(Ok(false), |value| F::encode(value, out))
    }
}

impl<F: Portable> Portable for Nullable<F> {
    type Unpacker = F::Unpacker;

    fn pack(view: &Option<F::View<'_>>, out: &mut Vec<u8>) -> Result<bool, EncodeFailure> {
        view.as_ref().map_or(Ok(false), |view| F::pack(view, out))
    }

    fn unpack<'b>(
        unpacker: &mut F::Unpacker,
        bytes: Option<&'b [u8]>,
    ) -> Result<Option<F::View<'b>>, DecodeFailure> {
        match bytes {
            Some(bytes) => F::unpack(unpacker, Some(bytes)).map(Some),
            None => Ok(None),
        }
    }
}
