//! What is done with hostile bytes: by libFuzzer, and by a test on stable Rust that includes this
//! file. None of it may panic, hang or allocate out of proportion, whatever the bytes.

use bytes::Bytes;
use thalweg_protocol::reflect::{CODECS, Codec, Kind};
use thalweg_protocol::{Decoder, FrameSplitter, NextFrame, decode_request_header};

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
    let mut decoder = Decoder::new(frame);
    let Ok((api_key, header)) = decode_request_header(&mut decoder) else {
        return;
    };
    let codec = CODECS
        .iter()
        .find(|codec| codec.kind == Kind::Request(api_key));
    let Some(codec) = codec else { return };
    let version = header.request_api_version;
    let Ok(request) = (codec.decode)(&mut decoder, version) else {
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
    let Ok((correlation_id, response)) = decode(frame, version) else {
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
    let bytes = Bytes::copy_from_slice(rest);
    let Ok(message) = (codec.decode)(&mut Decoder::new(bytes), version) else {
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

fn version_of(codec: &Codec, selector: u8) -> i16 {
    let versions = codec.max_unstable_version - codec.min_version + 1;
    codec.min_version + i16::from(selector) % versions
}
