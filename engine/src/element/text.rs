//! UTF-8 text, borrowed from the batch.

use super::{DecodeFailure, Element, Encode, EncodeFailure, Format, Portable};

/// A UTF-8 string: `&str` to the closures. A sink writes anything that is `AsRef<str>`.
///
/// Bytes that are not UTF-8, and null values (see [`Nullable`](super::Nullable)), are bad records.
pub struct Text;

impl Element for Text {
    type View<'b> = &'b str;
}

impl Format for Text {
    type Reader = ();

    #[inline]
    fn read<'b>((): &mut (), bytes: Option<&'b [u8]>) -> Result<&'b str, DecodeFailure> {
        let bytes = bytes.ok_or_else(|| DecodeFailure::new("it is null, not text"))?;
        std::str::from_utf8(bytes)
            .map_err(|error| DecodeFailure::new(format!("not UTF-8 text: {error}")))
    }
}

impl<V: AsRef<str> + ?Sized> Encode<V> for Text {
    fn encode(value: &V, out: &mut Vec<u8>) -> Result<bool, EncodeFailure> {
        out.extend_from_slice(value.as_ref().as_bytes());
        Ok(true)
    }
}

impl Portable for Text {
    type Unpacker = ();

    fn pack(view: &&str, out: &mut Vec<u8>) -> Result<bool, EncodeFailure> {
        Self::encode(*view, out)
    }

    fn unpack<'b>(reader: &mut (), bytes: Option<&'b [u8]>) -> Result<&'b str, DecodeFailure> {
        Self::read(reader, bytes)
    }
}
