//! Frames and messages.

use allocation_counter::measure;
use bytes::Bytes;
use thalweg_protocol::reflect::{AnyMessage, CODECS, Codec, Kind};
use thalweg_protocol::{
    ALLOCATION_BYTES_PER_FRAME_BYTE, Decoder, FrameSplitter, NextFrame, decode_request_header,
};

/// Beyond what is in proportion: the count of the owners of a shared buffer, once per frame.
const ALLOCATION_BYTES_FIXED: usize = 64;

/// The longest frame that is accepted, the default of Kafka's brokers for requests.
const FRAME_BYTES_MAX: usize = 100 << 20;

/// Takes `data` for what a socket received: splits it into frames, reads each as a request, and as a
/// response of the kind and version that the first bytes of the frame name.
pub fn frame(data: &[u8]) {
    let splitter = FrameSplitter::new(FRAME_BYTES_MAX);
    let mut received = Bytes::copy_from_slice(data);
    while let Ok(NextFrame::Complete { body }) = splitter.next_frame(&received) {
        let end = body.end;
        let frame = received.slice(body);
        request(frame.clone());
        response(frame);
        received = received.slice(end..);
    }
}

fn request(frame: Bytes) {
    let frame_bytes = frame.len();
    let mut decoder = Decoder::new(frame);
    let Ok((api_key, header)) = decode_request_header(&mut decoder) else {
        return;
    };
    let codec = CODECS
        .iter()
        .find(|codec| codec.kind == Kind::Request(api_key));
    let Some(codec) = codec else { return };
    let version = header.request_api_version;
    let Some(request) = within_bound(codec, version, frame_bytes, || {
        (codec.decode)(&mut decoder, version).ok()
    }) else {
        return;
    };
    let encode = codec.encode_frame.expect("requests are sent as frames");
    let client_id = header.client_id.as_deref();
    let again = encode(&*request, version, header.correlation_id, client_id);
    again.expect("what was decoded can be encoded");
}

fn response(frame: Bytes) {
    let Some([selector, version]) = frame.first_chunk::<2>().copied() else {
        return;
    };
    let responses = CODECS
        .iter()
        .filter(|codec| matches!(codec.kind, Kind::Response(_)));
    let Some(codec) = responses.cycle().nth(usize::from(selector)) else {
        return;
    };
    let decode = codec.decode_frame.expect("responses come as frames");
    let version = version_of(codec, version);
    let (frame_bytes, mut correlation_id) = (frame.len(), 0);
    let Some(response) = within_bound(codec, version, frame_bytes, || {
        let (id, response) = decode(frame, version).ok()?;
        correlation_id = id;
        Some(response)
    }) else {
        return;
    };
    let encode = codec.encode_frame.expect("responses are sent as frames");
    // Unless it is ApiVersions' answer in version 0 to a newer request, which may lack fields.
    if let Ok(encoded) = encode(&*response, version, correlation_id, None) {
        assert!(encoded.len() >= 8, "a length and a correlation id");
    }
}

/// Takes the first two bytes for the message and its version, the rest for its encoding. What can be
/// decoded can be encoded again, and that encoding is stable.
pub fn message(data: &[u8]) {
    let Some(([selector, version], rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let Some(codec) = CODECS.get(usize::from(*selector) % CODECS.len()) else {
        return;
    };
    let version = version_of(codec, *version);
    let Some(message) = decode_within_bound(codec, rest, version) else {
        return;
    };
    let encoded = message
        .encode(version)
        .expect("what was decoded can be encoded");
    let mut decoder = Decoder::new(encoded.clone());
    let again = (codec.decode)(&mut decoder, version).expect("what was encoded can be decoded");
    decoder.finish().expect("an encoding has nothing left over");
    let stable = again
        .encode(version)
        .expect("what was decoded can be encoded");
    assert_eq!(encoded, stable, "{} version {version}", codec.name);
}

/// Decodes a message, and checks what that allocated.
pub fn decode_within_bound(
    codec: &Codec,
    bytes: &[u8],
    version: i16,
) -> Option<Box<dyn AnyMessage>> {
    let frame = Bytes::copy_from_slice(bytes);
    within_bound(codec, version, bytes.len(), || {
        (codec.decode)(&mut Decoder::new(frame), version).ok()
    })
}

fn within_bound(
    codec: &Codec,
    version: i16,
    frame_bytes: usize,
    decode: impl FnOnce() -> Option<Box<dyn AnyMessage>>,
) -> Option<Box<dyn AnyMessage>> {
    let mut decoded = None;
    let allocated = measure(|| decoded = decode());
    // The box around the message is not the decoder's.
    let own = decoded
        .as_ref()
        .map_or(0, |message| size_of_val(&**message));
    let bound = frame_bytes * ALLOCATION_BYTES_PER_FRAME_BYTE + ALLOCATION_BYTES_FIXED + own;
    assert!(
        allocated.bytes_total <= bound as u64,
        "{} version {version}: {} bytes allocated for a frame of {frame_bytes}",
        codec.name,
        allocated.bytes_total,
    );
    decoded
}

fn version_of(codec: &Codec, selector: u8) -> i16 {
    let versions = codec.max_unstable_version - codec.min_version + 1;
    codec.min_version + i16::from(selector) % versions
}
