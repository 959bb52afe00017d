//! What all messages have in common.

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::decode::{DecodeError, DecodeReason, Decoder};
use crate::encode::{EncodeError, Encoder};
use crate::wire::Structure;

/// A request, a response, a header, or data with a version of its own within them. Derived.
pub trait Message: Structure {
    /// The name in Kafka's schema.
    const NAME: &'static str;
    /// The oldest version.
    const MIN_VERSION: i16;
    /// The newest version that is stable; what a client may negotiate.
    const MAX_VERSION: i16;
    /// The newest version of all. Brokers refuse it unless told otherwise
    /// (`unstable.api.versions.enable`).
    const MAX_UNSTABLE_VERSION: i16;
    /// The first version with compact lengths and tagged fields; `i16::MAX` if there is none.
    const FIRST_FLEXIBLE_VERSION: i16;

    /// Reads a message. Bytes may be left over: see [`Decoder::finish`].
    ///
    /// # Errors
    /// The version is not defined, or the bytes are not such a message.
    fn decode(decoder: &mut Decoder, version: i16) -> Result<Self, DecodeError> {
        let range = (Self::MIN_VERSION, Self::MAX_UNSTABLE_VERSION);
        decoder.begin(Self::NAME, version, range, Self::FIRST_FLEXIBLE_VERSION)?;
        let mut message = Self::default();
        message.decode_fields(decoder)?;
        Ok(message)
    }

    /// Appends the message.
    ///
    /// # Errors
    /// The version is not defined, or cannot express a value.
    fn encode(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError> {
        let range = (Self::MIN_VERSION, Self::MAX_UNSTABLE_VERSION);
        encoder.begin(Self::NAME, version, range, Self::FIRST_FLEXIBLE_VERSION)?;
        self.encode_fields(encoder)
    }

    /// Reads a message that is all of `bytes`.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and if bytes are left over.
    fn from_bytes(bytes: Bytes, version: i16) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes);
        let message = Self::decode(&mut decoder, version)?;
        decoder.finish()?;
        Ok(message)
    }

    /// The message alone, without header or length.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut encoder = Encoder::new();
        self.encode(&mut encoder, version)?;
        Ok(encoder.into_bytes())
    }

    /// Reads a message that follows two bytes with its version, as consumer protocol data and the
    /// values of control records are stored.
    ///
    /// A version newer than ours is read as ours and the rest left alone, as Kafka does: such data
    /// only ever grows at the end.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    fn from_versioned_bytes(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes);
        let version = i16::from_be_bytes(decoder.array()?);
        if version < Self::MIN_VERSION {
            let (min, max) = (Self::MIN_VERSION, Self::MAX_VERSION);
            return Err(decoder.error(DecodeReason::UnsupportedVersion { version, min, max }));
        }
        Self::decode(&mut decoder, version.min(Self::MAX_VERSION))
    }

    /// The message after two bytes with its version.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    fn to_versioned_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut encoder = Encoder::new();
        encoder.array(version.to_be_bytes());
        self.encode(&mut encoder, version)?;
        Ok(encoder.into_bytes())
    }
}

/// A message that a client sends and a broker answers.
pub trait Request: Message {
    /// The API.
    const API_KEY: ApiKey;
    /// The answer, which has the version of the request.
    type Response: Message;
}
