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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{
        ApiVersionsRequest, ApiVersionsResponse, HeartbeatRequest, MetadataRequest,
        PartitionProduceData, ProduceRequest, TopicProduceData,
    };

    fn produce(records: Bytes) -> ProduceRequest {
        let partition_data = vec![
            PartitionProduceData {
                records: Some(records),
                ..Default::default()
            };
            2
        ];
        let topic_data = vec![TopicProduceData {
            name: "t".into(),
            partition_data,
            ..Default::default()
        }];
        ProduceRequest {
            acks: -1,
            timeout_ms: 1,
            topic_data,
            ..Default::default()
        }
    }

    #[test]
    fn a_request_begins_with_its_length_and_header() {
        let request = HeartbeatRequest {
            group_id: "g".into(),
            ..Default::default()
        };
        let frame = encode_request(&request, 0, 0x0102_0304, Some("me")).expect("it can be said");
        let expected = [
            &[0, 0, 0, 21][..],
            &[0, 12, 0, 0, 1, 2, 3, 4, 0, 2, b'm', b'e'],
            &[0, 1, b'g', 0, 0, 0, 0, 0, 0],
        ];
        assert_eq!(frame.to_bytes(), expected.concat());
        assert_eq!(frame.len(), 25);
        // Flexible: tags after the client id, which itself stays as it was.
        let frame = encode_request(&request, 4, 1, None)
            .expect("it can be said")
            .to_bytes();
        assert_eq!(
            frame.get(4..15),
            Some(&[0, 12, 0, 4, 0, 0, 0, 1, 0xff, 0xff, 0][..])
        );
    }

    #[test]
    fn large_records_are_sent_from_where_they_lie() {
        let records = Bytes::from(vec![7; 10_000]);
        let frame = encode_request(&produce(records.clone()), 9, 1, None).expect("it can be said");
        let shared = frame
            .chunks()
            .filter(|chunk| chunk.as_ptr() == records.as_ptr());
        assert_eq!(shared.count(), 2);
        assert_eq!(frame.chunks().map(Bytes::len).sum::<usize>(), frame.len());
        assert!(frame.chunks().all(|chunk| !chunk.is_empty()));
    }

    #[test]
    fn small_records_are_copied_and_the_bytes_are_the_same() {
        for bytes in [0, 1, 1023, 1024, 1025] {
            let request = produce(Bytes::from(vec![7; bytes]));
            let frame = encode_request(&request, 9, 1, None).expect("it can be said");
            let mut whole = frame.to_bytes();
            assert_eq!(whole.get_i32() as usize, whole.len());
            let mut decoder = Decoder::new(whole);
            let (key, header) = decode_request_header(&mut decoder).expect("a header");
            assert_eq!((key, header.request_api_version), (ApiKey::Produce, 9));
            assert_eq!(ProduceRequest::decode(&mut decoder, 9), Ok(request));
        }
    }

    #[test]
    fn a_frame_is_sent_in_pieces_of_any_size() {
        let frame = encode_request(&produce(Bytes::from(vec![7; 2000])), 9, 1, None)
            .expect("it can be said");
        let whole = frame.to_bytes();
        for step in [1, 3, 1024, 5000] {
            let mut frame = frame.clone();
            let mut sent = Vec::new();
            while frame.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 3];
                let used = frame.chunks_vectored(&mut slices);
                let offered = slices[..used]
                    .iter()
                    .flat_map(|slice| slice.iter().copied());
                let piece: Vec<u8> = offered.take(step).collect();
                frame.advance(piece.len());
                sent.extend_from_slice(&piece);
            }
            assert_eq!(sent, whole);
            assert!(frame.is_empty() && frame.chunk().is_empty());
        }
    }

    #[test]
    fn a_response_is_read_back_with_its_correlation_id() {
        let response = ApiVersionsResponse {
            throttle_time_ms: 9,
            ..Default::default()
        };
        for version in 1..=4 {
            let frame = encode_response::<ApiVersionsRequest>(&response, version, 77);
            let frame = frame.expect("it can be said").to_bytes().slice(4..);
            assert_eq!(peek_correlation_id(&frame), Ok(77));
            let decoded = decode_response::<ApiVersionsRequest>(frame, version);
            assert_eq!(decoded, Ok((77, response.clone())));
        }
    }

    /// A broker of 2.1 that is asked in version 4 answers so, whatever the version asked for.
    #[test]
    fn an_old_brokers_answer_to_api_versions_is_understood() {
        let frame = Bytes::from_static(&[0, 0, 0, 5, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 2]);
        let (id, response) =
            decode_response::<ApiVersionsRequest>(frame, 4).expect("a version 0 answer");
        assert_eq!(
            (id, response.error_code),
            (5, ErrorCode::UNSUPPORTED_VERSION)
        );
        assert_eq!(
            response
                .api_keys
                .first()
                .map(|api| (api.api_key, api.max_version)),
            Some((18, 2))
        );
    }

    #[test]
    fn bytes_after_a_response_are_left_alone() {
        let frame = Bytes::from_static(&[0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0xde, 0xad]);
        assert!(decode_response::<ApiVersionsRequest>(frame, 0).is_ok());
    }

    #[test]
    fn a_request_of_an_unknown_api_is_named() {
        let mut decoder =
            Decoder::new(Bytes::from_static(&[0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff]));
        let error = decode_request_header(&mut decoder).expect_err("no such API");
        assert_eq!(error.reason, DecodeReason::UnknownApiKey(0x7f00));
    }

    #[test]
    fn every_prefix_of_a_request_is_an_error() {
        let request = MetadataRequest {
            topics: None,
            ..Default::default()
        };
        let frame = encode_request(&request, 9, 1, Some("me"))
            .expect("it can be said")
            .to_bytes();
        let frame = frame.slice(4..);
        for cut in 0..frame.len() {
            let mut decoder = Decoder::new(frame.slice(..cut));
            let decoded = decode_request_header(&mut decoder)
                .and_then(|_| MetadataRequest::decode(&mut decoder, 9));
            assert!(decoded.is_err(), "{cut} of {} bytes", frame.len());
        }
    }

    #[test]
    fn a_string_too_long_for_the_protocol_is_refused() {
        let request = HeartbeatRequest {
            group_id: "g".repeat(40_000).into(),
            ..Default::default()
        };
        let error = encode_request(&request, 4, 1, None).expect_err("too long");
        let (field, length, max) = ("HeartbeatRequest.group_id", 40_000, 32_767);
        assert_eq!(error, EncodeError::TooLong { field, length, max });
    }
}
