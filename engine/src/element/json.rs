//! JSON, read into and written from the user's serde types.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{DecodeFailure, Element, Encode, EncodeFailure, Format, Owned, Portable};

/// A JSON document. As a source's format the view is `T`, owned; a sink writes anything that is
/// `Serialize`, without white space.
///
/// A null value is a bad record (see [`Nullable`](super::Nullable)), and so is a missing field, or
/// anything after the document.
pub struct Json<T>(PhantomData<fn() -> T>);

impl<T: 'static> Element for Json<T> {
    type View<'b> = T;
}

impl<T: DeserializeOwned + 'static> Format for Json<T> {
    type Reader = ();

    #[inline]
    fn read((): &mut (), bytes: Option<&[u8]>) -> Result<T, DecodeFailure> {
        match bytes.map(serde_json::from_slice) {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(refuse(&error)),
            None => Err(DecodeFailure::new("its value is null, not JSON")),
        }
    }
}

#[cold]
fn refuse(error: &serde_json::Error) -> DecodeFailure {
    DecodeFailure::new(format!("not the JSON expected: {error}"))
}

impl<T: Serialize> Encode<T> for Json<T> {
    fn encode(value: &T, out: &mut Vec<u8>) -> Result<bool, EncodeFailure> {
        serde_json::to_writer(out, value).map_err(|error| EncodeFailure::new(error.to_string()))?;
        Ok(true)
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Portable for Json<T> {
    type Unpacker = ();

    fn pack(view: &T, out: &mut Vec<u8>) -> Result<bool, EncodeFailure> {
        Self::encode(view, out)
    }

    fn unpack(unpacker: &mut (), bytes: Option<&[u8]>) -> Result<T, DecodeFailure> {
        Self::read(unpacker, bytes)
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Portable for Owned<T> {
    type Unpacker = ();

    fn pack(view: &T, out: &mut Vec<u8>) -> Result<bool, EncodeFailure> {
        Json::encode(view, out)
    }

    fn unpack(unpacker: &mut (), bytes: Option<&[u8]>) -> Result<T, DecodeFailure> {
        Json::read(unpacker, bytes)
    }
}
