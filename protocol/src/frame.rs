//! Requests and responses with their headers, as frames.
//!
//! ```text
//! length i32 | api key i16, version i16, correlation id i32, client id, [tags] | request body
//! length i32 | correlation id i32, [tags]                                      | response body
//! ```
//! The length counts what follows it. The tags are there in flexible versions, with one exception:
//! the response to ApiVersions always has the short header, since a client reads it before it knows
//! which versions the broker has.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

use crate::api_key::ApiKey;
use crate::decode::{DecodeError, DecodeReason, Decoder};
use crate::encode::{EncodeError, Encoder};
use crate::error_code::ErrorCode;
use crate::message::{Message, Request};
use crate::messages::{RequestHeader, ResponseHeader};
use crate::{StrBytes, UnknownTags};

/// A frame ready to be sent, the four bytes of its length included.
///
/// It consists of chunks, so that record sets are sent from where they lie: write it with vectored
/// writes, through [`Buf`] (as `tokio::io::AsyncWriteExt::write_buf` does) or by [`chunks`].
///
/// [`chunks`]: Self::chunks
#[derive(Debug, Clone, Default)]
pub struct EncodedFrame {
    chunks: VecDeque<Bytes>,
    remaining: usize,
}

impl EncodedFrame {
    fn new(encoder: Encoder) -> Result<Self, EncodeError> {
        let length = encoder.len();
        let Ok(length_on_wire) = i32::try_from(length) else {
            let max = i32::MAX as usize;
            return Err(EncodeError::TooLong {
                field: "frame",
                length,
                max,
            });
        };
        let prefix = Bytes::copy_from_slice(&length_on_wire.to_be_bytes());
        let chunks = std::iter::once(prefix)
            .chain(encoder.into_parts())
            .collect();
        Ok(Self {
            chunks,
            remaining: length + 4,
        })
    }

    /// The bytes not yet sent, length included.
    pub fn len(&self) -> usize {
        self.remaining
    }

    /// Whether all is sent.
    pub fn is_empty(&self) -> bool {
        self.remaining == 0
    }

    /// What is not yet sent, in order.
    pub fn chunks(&self) -> impl Iterator<Item = &Bytes> {
        self.chunks.iter()
    }

    /// All that is not yet sent in one piece, for tests and captures.
    pub fn to_bytes(&self) -> Bytes {
        self.chunks.iter().flatten().copied().collect()
    }
}

impl Buf for EncodedFrame {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.chunks.front().map(Bytes::as_ref).unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pairs = slices.iter_mut().zip(&self.chunks);
        pairs
            .map(|(slice, chunk)| *slice = IoSlice::new(chunk))
            .count()
    }

    fn advance(&mut self, mut count: usize) {
        assert!(
            count <= self.remaining,
            "a frame is not sent beyond its end"
        );
        self.remaining -= count;
        while let Some(chunk) = self.chunks.front_mut() {
            if count < chunk.len() {
                chunk.advance(count);
                return;
            }
            count -= chunk.len();
            self.chunks.pop_front();
        }
    }
}

/// Encodes a request with its header and length.
///
/// # Errors
/// The version is not defined, or cannot express what the request says.
pub fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<EncodedFrame, EncodeError> {
    let header = RequestHeader {
        request_api_key: R::API_KEY.code(),
        request_api_version: version,
        correlation_id,
        client_id: client_id.map(StrBytes::from),
        unknown_tagged_fields: UnknownTags::new(),
    };
    let mut encoder = Encoder::with_capacity(256);
    header.encode(&mut encoder, R::API_KEY.request_header_version(version))?;
    request.encode(&mut encoder, version)?;
    EncodedFrame::new(encoder)
}

/// Encodes a response with its header and length.
///
/// # Errors
/// The version is not defined, or cannot express what the response says.
pub fn encode_response<R: Request>(
    response: &R::Response,
    version: i16,
    correlation_id: i32,
) -> Result<EncodedFrame, EncodeError> {
    let header = ResponseHeader {
        correlation_id,
        unknown_tagged_fields: UnknownTags::new(),
    };
    let mut encoder = Encoder::with_capacity(256);
    header.encode(&mut encoder, R::API_KEY.response_header_version(version))?;
    response.encode(&mut encoder, version)?;
    EncodedFrame::new(encoder)
}

/// Decodes the frame (without its length) that answers a request of this version: the correlation id
/// and the response.
///
/// A broker that does not have the version of an ApiVersions request answers in version 0; such an
/// answer is understood. Bytes after the response are left alone, as Kafka's clients do.
///
/// # Errors
/// The frame is not such a response. [`peek_correlation_id`] may still tell what it answers.
pub fn decode_response<R: Request>(
    frame: Bytes,
    version: i16,
) -> Result<(i32, R::Response), DecodeError> {
    let mut decoder = Decoder::new(frame);
    let header = ResponseHeader::decode(&mut decoder, R::API_KEY.response_header_version(version))?;
    let version = if R::API_KEY == ApiKey::ApiVersions && version > 0 {
        let mut error_code = ErrorCode::NONE;
        decoder
            .clone()
            .read("ApiVersionsResponse.error_code", &mut error_code)?;
        if error_code == ErrorCode::UNSUPPORTED_VERSION {
            0
        } else {
            version
        }
    } else {
        version
    };
    let response = R::Response::decode(&mut decoder, version)?;
    Ok((header.correlation_id, response))
}

/// The correlation id of a response frame (without its length), whichever request it answers.
///
/// # Errors
/// The frame is shorter than four bytes.
pub fn peek_correlation_id(frame: &Bytes) -> Result<i32, DecodeError> {
    Decoder::new(frame.clone()).array().map(i32::from_be_bytes)
}

/// Decodes the header of a request frame (without its length). The decoder is left at the body, which
/// [`Message::decode`] reads in the header's version.
///
/// # Errors
/// The frame is too short or its API key is not known. For a version that is not known of an API
/// that is, the header of the newest version we know is assumed, so that a broker can answer.
pub fn decode_request_header(
    decoder: &mut Decoder,
) -> Result<(ApiKey, RequestHeader), DecodeError> {
    let mut peek = decoder.clone();
    let code = i16::from_be_bytes(peek.array()?);
    let version = i16::from_be_bytes(peek.array()?);
    let Some(api_key) = ApiKey::from_code(code) else {
        return Err(decoder.error(DecodeReason::UnknownApiKey(code)));
    };
    let header = RequestHeader::decode(decoder, api_key.request_header_version(version))?;
    Ok((api_key, header))
}
