//! Messages alone and as frames.

use bytes::Bytes;
use serde_json::Value;
use thalweg_protocol::messages::*;
use thalweg_protocol::reflect::{AnyMessage, Codec, Kind};
use thalweg_protocol::{Decoder, FrameSplitter, Message, NextFrame, decode_request_header};
use thalweg_tests::json::{set_from_json, to_json};
use thalweg_tests::vectors::{from_hex, to_hex};

use thalweg_tests::tally::Outcome;

/// The APIs between brokers and controllers and of the raft quorum, which clients never speak.
const OUT_OF_SCOPE: &[i64] = &[
    52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82, 83, 84, 85, 86, 87, 94,
];

/// The types of the records in brokers' own topics, by the name of the key.
const RECORD_TYPES: &[(&str, i16)] = &[
    ("LegacyOffsetCommitKey", LegacyOffsetCommitKey::RECORD_TYPE),
    ("OffsetCommitKey", OffsetCommitKey::RECORD_TYPE),
    ("GroupMetadataKey", GroupMetadataKey::RECORD_TYPE),
    (
        "ConsumerGroupMetadataKey",
        ConsumerGroupMetadataKey::RECORD_TYPE,
    ),
    (
        "ConsumerGroupPartitionMetadataKey",
        ConsumerGroupPartitionMetadataKey::RECORD_TYPE,
    ),
    (
        "ConsumerGroupMemberMetadataKey",
        ConsumerGroupMemberMetadataKey::RECORD_TYPE,
    ),
    (
        "ConsumerGroupTargetAssignmentMetadataKey",
        ConsumerGroupTargetAssignmentMetadataKey::RECORD_TYPE,
    ),
    (
        "ConsumerGroupTargetAssignmentMemberKey",
        ConsumerGroupTargetAssignmentMemberKey::RECORD_TYPE,
    ),
    (
        "ConsumerGroupCurrentMemberAssignmentKey",
        ConsumerGroupCurrentMemberAssignmentKey::RECORD_TYPE,
    ),
    (
        "ConsumerGroupRegularExpressionKey",
        ConsumerGroupRegularExpressionKey::RECORD_TYPE,
    ),
    (
        "ShareGroupMemberMetadataKey",
        ShareGroupMemberMetadataKey::RECORD_TYPE,
    ),
    ("ShareGroupMetadataKey", ShareGroupMetadataKey::RECORD_TYPE),
    (
        "ShareGroupTargetAssignmentMetadataKey",
        ShareGroupTargetAssignmentMetadataKey::RECORD_TYPE,
    ),
    (
        "ShareGroupTargetAssignmentMemberKey",
        ShareGroupTargetAssignmentMemberKey::RECORD_TYPE,
    ),
    (
        "ShareGroupCurrentMemberAssignmentKey",
        ShareGroupCurrentMemberAssignmentKey::RECORD_TYPE,
    ),
    (
        "ShareGroupStatePartitionMetadataKey",
        ShareGroupStatePartitionMetadataKey::RECORD_TYPE,
    ),
    ("ShareSnapshotKey", ShareSnapshotKey::RECORD_TYPE),
    ("ShareUpdateKey", ShareUpdateKey::RECORD_TYPE),
    (
        "StreamsGroupMetadataKey",
        StreamsGroupMetadataKey::RECORD_TYPE,
    ),
    (
        "StreamsGroupMemberMetadataKey",
        StreamsGroupMemberMetadataKey::RECORD_TYPE,
    ),
    (
        "StreamsGroupTargetAssignmentMetadataKey",
        StreamsGroupTargetAssignmentMetadataKey::RECORD_TYPE,
    ),
    (
        "StreamsGroupTargetAssignmentMemberKey",
        StreamsGroupTargetAssignmentMemberKey::RECORD_TYPE,
    ),
    (
        "StreamsGroupCurrentMemberAssignmentKey",
        StreamsGroupCurrentMemberAssignmentKey::RECORD_TYPE,
    ),
    (
        "StreamsGroupTopologyKey",
        StreamsGroupTopologyKey::RECORD_TYPE,
    ),
    ("TransactionLogKey", TransactionLogKey::RECORD_TYPE),
];

/// The codec a line is about, or what to count the line as.
pub(crate) fn codec(line: &Value, name: &str) -> Result<&'static Codec, Outcome> {
    let is_api = matches!(line["kind"].as_str(), None | Some("request" | "response"));
    if is_api
        && line["api_key"]
            .as_i64()
            .is_some_and(|key| OUT_OF_SCOPE.contains(&key))
    {
        return Err(Outcome::OutOfScope(name.to_owned()));
    }
    Codec::named(name).ok_or_else(|| Outcome::NotDefined(name.to_owned()))
}

/// An API with its versions and the header versions that go with each.
pub(crate) fn api(line: &Value) -> Outcome {
    let name = text(line, "name");
    if line["max_version"].is_null()
        || OUT_OF_SCOPE.contains(&line["api_key"].as_i64().unwrap_or(-1))
    {
        return Outcome::OutOfScope(name.to_owned());
    }
    let codecs = [format!("{name}Request"), format!("{name}Response")];
    let codecs = codecs.iter().map(|name| Codec::named(name));
    let Some(codecs) = codecs.collect::<Option<Vec<_>>>() else {
        return Outcome::NotDefined(name.to_owned());
    };
    codecs
        .into_iter()
        .try_for_each(|codec| check_api(codec, line))
        .into()
}

fn check_api(codec: &Codec, line: &Value) -> Result<(), String> {
    let (Kind::Request(key) | Kind::Response(key)) = codec.kind else {
        return Err("neither request nor response".to_owned());
    };
    expect("API key", key.code(), &line["api_key"])?;
    expect("name", key.name(), &line["name"])?;
    expect("oldest version", codec.min_version, &line["min_version"])?;
    expect(
        "newest version",
        codec.max_unstable_version,
        &line["max_version"],
    )?;
    let has_unstable = codec.max_unstable_version > codec.max_version;
    expect(
        "unstable version",
        has_unstable,
        &line["latest_version_unstable"],
    )?;
    for entry in line["versions"].as_array().ok_or("no versions")? {
        let version = number(entry, "version");
        let request_header = key.request_header_version(version);
        expect("request header", request_header, &entry["request_header"])?;
        let response_header = key.response_header_version(version);
        expect(
            "response header",
            response_header,
            &entry["response_header"],
        )?;
    }
    Ok(())
}

/// A line with a message alone.
pub(crate) fn message(line: &Value) -> Outcome {
    match codec(line, text(line, "name")) {
        Ok(codec) => check_message(codec, line).into(),
        Err(outcome) => outcome,
    }
}

fn check_message(codec: &Codec, line: &Value) -> Result<(), String> {
    let version = number(line, "version");
    let bytes = Bytes::from(from_hex(text(line, "hex")));
    let json = &line["json"];
    expect(
        "flexible",
        version >= codec.first_flexible_version,
        &line["flexible"],
    )?;
    expect("unstable", version > codec.max_version, &line["unstable"])?;
    check_header_version(codec, version, &line["header_version"])?;
    check_prefix(codec, version, line)?;

    let mut decoded = decode_all(codec, &bytes, version)?;
    let stated = to_json(decoded.reflect(), version);
    if stated != *json {
        return Err(format!("decoding gives {stated} instead of {json}"));
    }
    let mut built = (codec.new)();
    set_from_json(built.reflect(), version, json)?;
    if !built.equals(&*decoded) {
        return Err(format!("decoding gives {decoded:?}, the JSON {built:?}"));
    }
    check_encoding(&*built, version, &bytes)?;
    check_encoding(&*decoded, version, &bytes)?;
    check_prefixes(codec, &bytes, version)
}

/// What precedes the message where it is stored.
fn check_prefix(codec: &Codec, version: i16, line: &Value) -> Result<(), String> {
    let Some(prefix) = line["prefix"].as_str() else {
        return Ok(());
    };
    let number = if line["kind"] == "coordinator-key" {
        let known = RECORD_TYPES.iter().find(|(name, _)| *name == codec.name);
        known.ok_or("its record type is not known")?.1
    } else {
        version
    };
    expect(
        "prefix",
        to_hex(&number.to_be_bytes()),
        &Value::from(prefix),
    )
}

fn decode_all(codec: &Codec, bytes: &Bytes, version: i16) -> Result<Box<dyn AnyMessage>, String> {
    let mut decoder = Decoder::new(bytes.clone());
    let message = (codec.decode)(&mut decoder, version).map_err(|e| e.to_string())?;
    decoder.finish().map_err(|e| e.to_string())?;
    Ok(message)
}

fn check_encoding(message: &dyn AnyMessage, version: i16, bytes: &Bytes) -> Result<(), String> {
    let encoded = message.encode(version).map_err(|e| e.to_string())?;
    if encoded == *bytes {
        return Ok(());
    }
    Err(format!(
        "encoding gives {} instead of {}",
        to_hex(&encoded),
        to_hex(bytes)
    ))
}

fn check_prefixes(codec: &Codec, bytes: &Bytes, version: i16) -> Result<(), String> {
    for cut in 0..bytes.len() {
        if (codec.decode)(&mut Decoder::new(bytes.slice(..cut)), version).is_ok() {
            return Err(format!("the first {cut} of {} bytes decode", bytes.len()));
        }
    }
    Ok(())
}

fn check_header_version(codec: &Codec, version: i16, stated: &Value) -> Result<(), String> {
    match codec.kind {
        Kind::Request(key) => expect(
            "header version",
            key.request_header_version(version),
            stated,
        ),
        Kind::Response(key) => expect(
            "header version",
            key.response_header_version(version),
            stated,
        ),
        Kind::Data => Ok(()),
    }
}

/// A line with a complete frame.
pub(crate) fn frame(line: &Value) -> Outcome {
    match codec(line, text(line, "name")) {
        Ok(codec) => check_frame(codec, line).into(),
        Err(outcome) => outcome,
    }
}

fn check_frame(codec: &Codec, line: &Value) -> Result<(), String> {
    let version = number(line, "version");
    let bytes = Bytes::from(from_hex(text(line, "hex")));
    let next = FrameSplitter::new(bytes.len())
        .next_frame(&bytes)
        .map_err(|e| e.to_string())?;
    let NextFrame::Complete { body } = next else {
        return Err(format!("{next:?}"));
    };
    if body.end != bytes.len() {
        return Err(format!("the frame is {body:?} of {} bytes", bytes.len()));
    }
    let correlation_id = line["correlation_id"].as_i64().expect("a number");
    let client_id = line["client_id"].as_str();
    let body_offset = line["body_offset"].as_u64().expect("a number") as usize - 4;
    let frame = bytes.slice(body);
    let message = match codec.decode_frame {
        Some(decode) => {
            let (id, message) = decode(frame.clone(), version).map_err(|e| e.to_string())?;
            expect("correlation id", id, &line["correlation_id"])?;
            message
        }
        None => decode_request(codec, frame.clone(), body_offset, line)?,
    };
    let encode = codec.encode_frame.ok_or("neither request nor response")?;
    let encoded = encode(&*message, version, correlation_id as i32, client_id)
        .map_err(|e| e.to_string())?
        .to_bytes();
    if encoded != bytes {
        return Err(format!(
            "encoding gives {} instead of {}",
            to_hex(&encoded),
            to_hex(&bytes)
        ));
    }
    check_frame_prefixes(codec, &frame, version)
}

fn decode_request(
    codec: &Codec,
    frame: Bytes,
    body_offset: usize,
    line: &Value,
) -> Result<Box<dyn AnyMessage>, String> {
    let mut decoder = Decoder::new(frame);
    let (key, header) = decode_request_header(&mut decoder).map_err(|e| e.to_string())?;
    expect("API key", key.code(), &line["api_key"])?;
    expect(
        "correlation id",
        header.correlation_id,
        &line["correlation_id"],
    )?;
    expect("version", header.request_api_version, &line["version"])?;
    expect("client id", header.client_id.as_deref(), &line["client_id"])?;
    if decoder.position() != body_offset {
        return Err(format!(
            "the body is at {} instead of {body_offset}",
            decoder.position()
        ));
    }
    let version = header.request_api_version;
    let message = (codec.decode)(&mut decoder, version).map_err(|e| e.to_string())?;
    decoder.finish().map_err(|e| e.to_string())?;
    Ok(message)
}

fn check_frame_prefixes(codec: &Codec, frame: &Bytes, version: i16) -> Result<(), String> {
    for cut in 0..frame.len() {
        let prefix = frame.slice(..cut);
        let decodes = match codec.decode_frame {
            Some(decode) => decode(prefix, version).is_ok(),
            None => {
                let mut decoder = Decoder::new(prefix);
                let header = decode_request_header(&mut decoder);
                header.is_ok() && (codec.decode)(&mut decoder, version).is_ok()
            }
        };
        if decodes {
            return Err(format!("the first {cut} of {} bytes decode", frame.len()));
        }
    }
    Ok(())
}

/// Encodes a request header as it was decoded, with whatever tagged fields it has.
pub(crate) fn encode_header(header: &RequestHeader, version: i16) -> Result<Bytes, String> {
    header.to_bytes(version).map_err(|e| e.to_string())
}

pub(crate) fn expect<T: Into<Value>>(what: &str, ours: T, stated: &Value) -> Result<(), String> {
    let ours = ours.into();
    if ours == *stated {
        return Ok(());
    }
    Err(format!("the {what} is {ours} instead of {stated}"))
}

pub(crate) fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} is no text"))
}

pub(crate) fn number(line: &Value, field: &str) -> i16 {
    let number = line[field]
        .as_i64()
        .unwrap_or_else(|| panic!("{field} is no number"));
    number.try_into().expect("an int16")
}
