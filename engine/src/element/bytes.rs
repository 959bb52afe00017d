//! Bytes as they are, borrowed from the batch.

use super::{DecodeFailure, Element, Encode, EncodeFailure, Format, Portable};

/// Bytes as they came: `&[u8]` to the closures. A sink writes anything that is `AsRef<[u8]>`.
///
/// Null values are bad records; see [`Nullable`](super::Nullable).
pub struct Bytes;

impl Element for Bytes {
    type View<'b> = &'b [u8];
}

impl Format for Bytes {
    type Reader = ();

    #[inline]
    fn read<'b>((): &mut (), bytes: Option<&'b [u8]>) -> Result<&'b [u8], DecodeFailure> {
        bytes.ok_or_else(|| DecodeFailure::new("it is null"))
    }
}

impl<V: AsRef<[u8]> + ?Sized> Encode<V> for Bytes {
    fn encode(value: &V, out: &mut Vec<u8>) -> Result<bool, EncodeFailure> {
        out.extend_from_slice(value.as_ref());
        Ok(true)
    }
}

impl Portable for Bytes {
    type Unpacker = ();

    fn pack(view: &&[u8], out: &mut Vec<u8>) -> Result<bool, EncodeFailure> {
        Self::encode(*view, out)
    }

    fn unpack<'b>(reader: &mut (), bytes: Option<&'b [u8]>) -> Result<&'b [u8], DecodeFailure> {
        Self::read(reader, bytes)
    }
}
