//! Frames between Java clients and real brokers.

use bytes::Bytes;
use serde_json::Value;
use thalweg_protocol::messages::ResponseHeader;
use thalweg_protocol::reflect::{AnyMessage, Codec};
use thalweg_protocol::{Decoder, Message, decode_request_header};
use thalweg_tests::json::to_json;
use thalweg_tests::vectors::{from_hex, to_hex};

use crate::messages::{codec, encode_header, expect, number, text};
use thalweg_tests::tally::Outcome;

/// A line with one frame, without its length.
pub(crate) fn frame(line: &Value) -> Outcome {
    let is_request = text(line, "direction") == "request";
    let name = format!(
        "{}{}",
        text(line, "api"),
        if is_request { "Request" } else { "Response" }
    );
    match codec(line, &name) {
        Ok(codec) if is_request => check_request(codec, line).into(),
        Ok(codec) => check_response(codec, line).into(),
        Err(outcome) => outcome,
    }
}

fn check_request(codec: &Codec, line: &Value) -> Result<(), String> {
    let bytes = Bytes::from(from_hex(text(line, "hex")));
    let mut decoder = Decoder::new(bytes.clone());
    let (key, header) = decode_request_header(&mut decoder).map_err(|e| e.to_string())?;
    expect("API key", key.code(), &line["api_key"])?;
    expect("version", header.request_api_version, &line["api_version"])?;
    expect(
        "correlation id",
        header.correlation_id,
        &line["correlation_id"],
    )?;
    let header = encode_header(&header, number(line, "header_version"))?;
    check_body(codec, header, decoder, line, &bytes)
}

fn check_response(codec: &Codec, line: &Value) -> Result<(), String> {
    let bytes = Bytes::from(from_hex(text(line, "hex")));
    let version = number(line, "api_version");
    let decode = codec.decode_frame.ok_or("no response")?;
    let (correlation_id, whole) = decode(bytes.clone(), version).map_err(|e| e.to_string())?;
    expect("correlation id", correlation_id, &line["correlation_id"])?;

    let header_version = number(line, "header_version");
    let mut decoder = Decoder::new(bytes.clone());
    let header = ResponseHeader::decode(&mut decoder, header_version).map_err(|e| e.to_string())?;
    let header = header.to_bytes(header_version).map_err(|e| e.to_string())?;
    let body = body(codec, &mut decoder.clone(), line)?;
    if !whole.equals(&*body) {
        return Err(format!("the frame gives {whole:?}, the body {body:?}"));
    }
    check_body(codec, header, decoder, line, &bytes)
}

/// The version of the body differs from the request's where a broker does not know the latter.
fn body_version(line: &Value) -> i16 {
    let field = if line["body_version"].is_null() {
        "api_version"
    } else {
        "body_version"
    };
    number(line, field)
}

fn body(codec: &Codec, decoder: &mut Decoder, line: &Value) -> Result<Box<dyn AnyMessage>, String> {
    let message = (codec.decode)(decoder, body_version(line)).map_err(|e| e.to_string())?;
    decoder.finish().map_err(|e| e.to_string())?;
    Ok(message)
}

fn check_body(
    codec: &Codec,
    header: Bytes,
    mut decoder: Decoder,
    line: &Value,
    bytes: &Bytes,
) -> Result<(), String> {
    expect("body offset", decoder.position(), &line["body_offset"])?;
    let mut message = body(codec, &mut decoder, line)?;
    let version = body_version(line);
    let mut json = to_json(message.reflect(), version);
    empty_records(&mut json);
    let mut stated = line["json"].clone();
    rename(codec.name, version, &mut stated);
    if json != stated {
        return Err(format!("decoding gives {json} instead of {stated}"));
    }
    let body = message.encode(version).map_err(|e| e.to_string())?;
    let encoded = [header, body].concat();
    if encoded != *bytes {
        return Err(format!(
            "encoding gives {} instead of {}",
            to_hex(&encoded),
            to_hex(bytes)
        ));
    }
    Ok(())
}

/// Fields whose names in Kafka 4.3 are not those of 4.4, which ours follow.
const RENAMED: &[(&str, i16, &str, &str)] = &[
    (
        "TxnOffsetCommitRequest",
        5,
        "generationId",
        "generationIdOrMemberEpoch",
    ),
    (
        "StreamsGroupHeartbeatResponse",
        0,
        "acceptableRecoveryLag",
        "acceptableRecoveryLagLegacy",
    ),
];

fn rename(message: &str, version: i16, json: &mut Value) {
    let Value::Object(fields) = json else { return };
    for (_, _, old, new) in RENAMED.iter().filter(|r| r.0 == message && r.1 == version) {
        if let Some(value) = fields.remove(*old) {
            fields.insert((*new).to_owned(), value);
        }
    }
}

/// Record sets are left out of the JSON of captures.
fn empty_records(json: &mut Value) {
    match json {
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::String(text) if name == "records" => text.clear(),
                    value => empty_records(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(empty_records),
        _ => {}
    }
}
