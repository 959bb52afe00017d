//! Record sets as JSON: written for a request, and read from an answer.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use thalweg_protocol::ProducerId;
use thalweg_protocol::records::{
    BatchSeal, Columns, Compression, Compressor, ControlRecord, Decompressor, RecordBatch,
    RecordBatchBuilder, RecordBatches, RecordRef, Rows, TimestampType, reseal,
};

use crate::json::from_base64;

/// Where the checksum of a batch is.
const CRC_POSITION: usize = 17;

/// The bytes of `{"_batches": [...]}`, as a producer sends them. What a batch may say:
/// `producerId`, `producerEpoch`, `baseSequence`, `transactional`, `compression` (its number),
/// `corrupt` and `records`, each of which is `{"key", "value", "timestamp"}`.
pub(super) fn batches_from_json(set: &Map<String, Value>) -> Vec<u8> {
    let batches = set.get("_batches").and_then(Value::as_array);
    let mut bytes = Vec::new();
    for batch in batches.into_iter().flatten() {
        let start = bytes.len();
        bytes.extend_from_slice(&batch_from_json(batch));
        if batch.get("corrupt").is_some()
            && let Some(byte) = bytes.get_mut(start + CRC_POSITION)
        {
            *byte ^= 1;
        }
    }
    bytes
}

/// The producer of the first batch, if that is idempotent.
pub(super) fn producer_of(bytes: &[u8]) -> Option<i64> {
    let batch = RecordBatches::new(bytes).next()?.ok()?;
    Some(batch.producer_id().0).filter(|id| *id >= 0)
}

/// The batch of `{"_sealed", "producerId"}`, as this producer would have sent it.
pub(super) fn resealed(set: &Map<String, Value>) -> Vec<u8> {
    let sealed = set
        .get("_sealed")
        .and_then(Value::as_str)
        .and_then(from_base64);
    let sealed = sealed.expect("records");
    let producer = set.get("producerId").and_then(Value::as_i64);
    let batch = RecordBatches::new(&sealed)
        .next()
        .expect("a batch")
        .expect("a batch");
    reseal(
        &Bytes::copy_from_slice(&sealed),
        ProducerId(producer.expect("a producer")),
        batch.producer_epoch(),
        batch.base_sequence(),
    )
    .to_vec()
}

fn batch_from_json(batch: &Value) -> Vec<u8> {
    let number = |name: &str, otherwise| {
        let number = batch.get(name).and_then(Value::as_i64);
        number.unwrap_or(otherwise)
    };
    let compression = u8::try_from(number("compression", 0)).ok();
    let compression = compression.and_then(Compression::from_id);
    let mut builder = RecordBatchBuilder::new(compression.expect("a compression"));
    let records = batch.get("records").and_then(Value::as_array);
    for record in records.into_iter().flatten() {
        let text = |name: &str| record.get(name).and_then(Value::as_str).map(str::as_bytes);
        let timestamp = record.get("timestamp").and_then(Value::as_i64);
        builder
            .append(timestamp.unwrap_or(-1), text("key"), text("value"), &[])
            .expect("a small record");
    }
    let sealed = builder.build(&mut Compressor::new()).seal_with(BatchSeal {
        producer_id: ProducerId(number("producerId", -1)),
        producer_epoch: i16::try_from(number("producerEpoch", -1)).expect("an epoch"),
        base_sequence: i32::try_from(number("baseSequence", -1)).expect("a sequence"),
        transactional: batch.get("transactional").and_then(Value::as_bool) == Some(true),
        ..BatchSeal::default()
    });
    sealed.to_vec()
}

/// The whole batches of an answer. Where a limit of bytes fell within a batch, the bytes before the
/// limit are in the answer too: how many there are means nothing.
pub(super) fn batches_to_json(bytes: &[u8]) -> Value {
    let mut columns = Columns::new();
    let mut decompressor = Decompressor::new();
    let mut batches = Vec::new();
    for batch in RecordBatches::new(bytes) {
        batches.push(match batch {
            Ok(batch) => match columns.decode(&batch, &mut decompressor) {
                Ok(rows) => batch_to_json(&batch, &rows),
                Err(error) => json!(error.to_string()),
            },
            Err(error) => json!(error.to_string()),
        });
    }
    Value::Array(batches)
}

fn batch_to_json(batch: &RecordBatch<'_>, rows: &Rows<'_>) -> Value {
    // The time of a marker or of appending is the broker's.
    let by_broker = batch.is_control() || batch.timestamp_type() == TimestampType::LogAppendTime;
    let time = |timestamp: i64| match by_broker {
        true => json!("(the broker's time)"),
        false => json!(timestamp),
    };
    let records: Vec<Value> = match batch.is_control() {
        true => rows.iter().map(|row| marker_to_json(&row)).collect(),
        false => rows
            .iter()
            .map(|row| record_to_json(&row, time(row.timestamp)))
            .collect(),
    };
    json!({
        "magic": batch.magic(),
        "baseOffset": batch.base_offset().0,
        "lastOffset": batch.last_offset().0,
        "leaderEpoch": batch.leader_epoch(),
        "producerId": batch.producer_id().0,
        "producerEpoch": batch.producer_epoch(),
        "baseSequence": batch.base_sequence(),
        "transactional": batch.is_transactional(),
        "compression": batch.compression().map_or(-1, |compression| i64::from(compression.id())),
        "appendTime": batch.timestamp_type() == TimestampType::LogAppendTime,
        "maxTimestamp": time(batch.max_timestamp()),
        "crcHolds": batch.verify_crc().is_ok(),
        "records": records,
    })
}

fn marker_to_json(row: &RecordRef<'_>) -> Value {
    // The coordinator's epoch depends on how often the coordinator has moved.
    json!(match ControlRecord::decode(row) {
        Ok(ControlRecord::Commit { .. }) => "commit",
        Ok(ControlRecord::Abort { .. }) => "abort",
        Ok(_) => "another",
        Err(_) => "none",
    })
}

fn record_to_json(row: &RecordRef<'_>, timestamp: Value) -> Value {
    let text = |bytes: Option<&[u8]>| bytes.map(String::from_utf8_lossy).map(String::from);
    json!({
        "offset": row.offset.0,
        "timestamp": timestamp,
        "key": text(row.key),
        "value": text(row.value),
        "headers": row.headers.count(),
    })
}
