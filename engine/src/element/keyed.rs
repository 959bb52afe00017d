//! A record's key and value, each in a format of its own.

use std::marker::PhantomData;

use super::{Decode, DecodeFailure, Element, EncodeFailure, Format, Portable, SourceRecord};

/// Key and value of a record: [`KeyedView`] to the closures.
///
/// A null key is a bad record unless the key's format is [`Nullable`](super::Nullable).
pub struct Keyed<K, V>(PhantomData<fn() -> (K, V)>);

/// What [`Keyed`] gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyedView<K, V> {
    /// The record's key.
    pub key: K,
    /// The record's value.
    pub value: V,
}

impl<K: Element, V: Element> Element for Keyed<K, V> {
    type View<'b> = KeyedView<K::View<'b>, V::View<'b>>;
}

impl<K: Format, V: Format> Decode for Keyed<K, V> {
    type Decoder = (K::Reader, V::Reader);

    #[inline]
    fn decode<'b>(
        (key, value): &mut Self::Decoder,
        record: &SourceRecord<'b>,
    ) -> Result<Self::View<'b>, DecodeFailure> {
        let key = K::read(key, record.record.key)
            .map_err(|failure| DecodeFailure::new(format!("its key: {failure}")))?;
        Ok(KeyedView {
            key,
            value: V::read(value, record.record.value)?,
        })
    }
}

/// Travels as the key's length (4 bytes, all ones for null), the key, a byte that says whether the
/// value is null, and the value.
impl<K: Portable, V: Portable> Portable for Keyed<K, V> {
    type Unpacker = (K::Unpacker, V::Unpacker);

    fn pack(view: &Self::View<'_>, out: &mut Vec<u8>) -> Result<bool, EncodeFailure> {
        let start = out.len();
        out.extend_from_slice(&NULL);
        let present = K::pack(&view.key, out)?;
        if present {
            let length = (out.len() - start - NULL.len()) as u32;
            if let Some(prefix) = out.get_mut(start..).and_then(|tail| tail.first_chunk_mut()) {
                *prefix = length.to_be_bytes();
            }
        }
        let flag = out.len();
        out.push(0);
        if V::pack(&view.value, out)?
            && let Some(flag) = out.get_mut(flag)
        {
            *flag = 1;
        }
        Ok(true)
    }

    fn unpack<'b>(
        (key, value): &mut Self::Unpacker,
        bytes: Option<&'b [u8]>,
    ) -> Result<Self::View<'b>, DecodeFailure> {
        let cut_short = || DecodeFailure::new("key and value are cut short");
        let bytes = bytes.ok_or_else(cut_short)?;
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut_short)?;
        let (key_bytes, rest) = if *length == NULL {
            (None, rest)
        } else {
            let length = u32::from_be_bytes(*length) as usize;
            let (key, rest) = rest.split_at_checked(length).ok_or_else(cut_short)?;
            (Some(key), rest)
        };
        let (present, rest) = rest.split_first().ok_or_else(cut_short)?;
        Ok(KeyedView {
            key: K::unpack(key, key_bytes)?,
            value: V::unpack(value, (*present == 1).then_some(rest))?,
        })
    }
}

/// The length that stands for a null key.
const NULL: [u8; 4] = [0xff; 4];
