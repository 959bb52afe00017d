//! Checks record sets against what Kafka's Java code read from them.
//!
//! `v2`, `legacy` and `framing` say what is in each batch, which must come out exactly, header and
//! records; where a batch is not compressed, building it anew must give the same bytes. `bad` and
//! `bitflips` say whether damaged or hostile bytes must be refused.

#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value gives null for what it lacks"
)]

use std::cell::RefCell;

use bytes::Bytes;
use serde_json::Value;
use thalweg_protocol::records::{
    BatchSeal, Columns, Compression, Compressor, Decompressor, RecordBatch, RecordBatchBuilder,
    RecordBatches, RecordError, RecordRef, Rows, TimestampType,
};

thread_local! {
    static READER: RefCell<Reader> = RefCell::default();
}

/// Checks one line of a file in the folder `records`.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn check(vector: &Value) -> Result<(), String> {
    let checked = READER.with_borrow_mut(|reader| check_line(vector, reader));
    checked
        .map(drop)
        .map_err(|why| format!("{}: {why}", vector["name"].as_str().unwrap_or("?")))
}

/// What one reader keeps from batch to batch, so that leftovers of one would show in the next.
#[derive(Default)]
struct Reader {
    columns: Columns,
    decompressor: Decompressor,
    compressor: Compressor,
}

fn check_line(vector: &Value, reader: &mut Reader) -> Result<usize, String> {
    let bytes = unhex(text(&vector["hex"])?)?;
    if vector.get("java").is_some() {
        return check_bad(vector, &bytes, reader).map(|()| 0);
    }
    match vector["expect"].as_str() {
        // Java may have read some of it before it gave up: whatever was read may stand.
        Some("either") => {
            let _: Result<usize, RecordError> = count_records(&bytes, reader);
            Ok(0)
        }
        _ => check_content(vector, &bytes, reader),
    }
}

fn check_bad(vector: &Value, bytes: &[u8], reader: &mut Reader) -> Result<(), String> {
    let read = count_records(bytes, reader);
    match (text(&vector["expect"])?, read) {
        ("refuse", Ok(count)) => Err(format!("read {count} records instead of refusing it")),
        ("accept", Err(error)) => Err(format!("refused: {error}")),
        ("accept", Ok(count)) => same("records", &Value::from(count), &vector["java"]["records"]),
        ("refuse" | "either", _) => Ok(()),
        (other, _) => Err(format!("unknown expectation {other}")),
    }
}

/// Reads all there is; how many records, or the first error.
fn count_records(bytes: &[u8], reader: &mut Reader) -> Result<usize, RecordError> {
    let mut count = 0;
    for batch in RecordBatches::new(bytes) {
        let rows = reader.columns.decode(&batch?, &mut reader.decompressor)?;
        count += rows
            .iter()
            .map(|row| row.headers.count())
            .map(|_| 1)
            .sum::<usize>();
    }
    Ok(count)
}

/// Compares every batch with what is expected; how many were built anew.
fn check_content(vector: &Value, bytes: &[u8], reader: &mut Reader) -> Result<usize, String> {
    let mut rebuilt = 0;
    let mut batches = RecordBatches::new(bytes);
    let expected_batches = vector["batches"].as_array().ok_or("no batches")?;
    for (index, expected) in expected_batches.iter().enumerate() {
        let batch = batches.next().ok_or(format!("batch {index} is missing"))?;
        let batch = batch.map_err(|error| format!("batch {index}: {error}"))?;
        let Reader {
            columns,
            decompressor,
            compressor,
        } = reader;
        let rows = columns
            .decode(&batch, decompressor)
            .map_err(|error| format!("batch {index}: {error}"))?;
        check_batch(&batch, &rows, expected).map_err(|why| format!("batch {index}: {why}"))?;
        if batch.magic() == 2 {
            rebuilt += usize::from(check_rebuilt(&batch, &rows, compressor)?);
        }
    }
    if let Some(more) = batches.next() {
        return Err(format!("one batch too many: {more:?}"));
    }
    same(
        "consumed_bytes",
        &Value::from(batches.consumed_bytes()),
        &vector["consumed_bytes"],
    )?;
    Ok(rebuilt)
}

fn check_batch(batch: &RecordBatch<'_>, rows: &Rows<'_>, expected: &Value) -> Result<(), String> {
    let timestamp_type = match batch.timestamp_type() {
        TimestampType::None => "none",
        TimestampType::CreateTime => "create_time",
        TimestampType::LogAppendTime => "log_append_time",
    };
    let compression = batch.compression().map_err(|error| error.to_string())?;
    // A compressed message of the old formats only tells its last offset.
    let base_offset = match rows.iter().next() {
        Some(first) if batch.magic() < 2 => first.offset,
        _ => batch.base_offset(),
    };
    let mut fields = vec![
        ("magic", Value::from(batch.magic())),
        ("base_offset", Value::from(base_offset.0)),
        ("last_offset", Value::from(batch.last_offset().0)),
        ("size_in_bytes", Value::from(batch.encoded_len())),
        ("crc", Value::from(batch.crc())),
        ("compression", Value::from(compression.name())),
        ("timestamp_type", Value::from(timestamp_type)),
        ("max_timestamp", Value::from(batch.max_timestamp())),
    ];
    if batch.magic() == 2 {
        fields.extend([
            ("transactional", Value::from(batch.is_transactional())),
            ("control", Value::from(batch.is_control())),
            ("partition_leader_epoch", Value::from(batch.leader_epoch())),
            ("base_timestamp", Value::from(batch.base_timestamp())),
            ("producer_id", Value::from(batch.producer_id().0)),
            ("producer_epoch", Value::from(batch.producer_epoch())),
            ("base_sequence", Value::from(batch.base_sequence())),
            ("last_sequence", Value::from(batch.last_sequence())),
            ("count", Value::from(batch.record_count())),
            ("delete_horizon_ms", Value::from(batch.delete_horizon_ms())),
        ]);
    }
    for (name, found) in &fields {
        same(name, found, &expected[*name])?;
    }
    if fields.len() + 1 != expected.as_object().map_or(0, serde_json::Map::len) {
        return Err("there are fields that are not compared".to_owned());
    }

    let expected_records = expected["records"].as_array().ok_or("no records")?;
    same(
        "records",
        &Value::from(rows.len()),
        &Value::from(expected_records.len()),
    )?;
    for (row, expected) in rows.iter().zip(expected_records) {
        check_record(&row, batch.magic(), expected)
            .map_err(|why| format!("the record at {}: {why}", row.offset))?;
    }
    Ok(())
}

fn check_record(row: &RecordRef<'_>, magic: i8, expected: &Value) -> Result<(), String> {
    same("offset", &Value::from(row.offset.0), &expected[0])?;
    same("timestamp", &Value::from(row.timestamp), &expected[1])?;
    same_bytes("key", row.key, &expected[2])?;
    same_bytes("value", row.value, &expected[3])?;
    if magic < 2 {
        return same("headers", &Value::from(row.headers.len()), &Value::from(0));
    }
    let headers = expected[4].as_array().ok_or("no headers")?;
    same(
        "headers",
        &Value::from(row.headers.len()),
        &Value::from(headers.len()),
    )?;
    for ((name, value), expected) in row.headers.zip(headers) {
        same("header name", &Value::from(name), &expected[0])?;
        same_bytes("header value", value, &expected[1])?;
    }
    Ok(())
}

/// Builds the batch anew. An uncompressed one must have the same bytes, any other the same records.
/// Whether it was compared byte by byte.
fn check_rebuilt(
    batch: &RecordBatch<'_>,
    rows: &Rows<'_>,
    compressor: &mut Compressor,
) -> Result<bool, String> {
    let compression = batch.compression().map_err(|error| error.to_string())?;
    let log_append_time = batch.timestamp_type() == TimestampType::LogAppendTime;
    // What the builder is not for: the sign that compaction has been there, and the records' own
    // times where the broker's took their place.
    let bytes_can_be_same = compression == Compression::None
        && batch.delete_horizon_ms().is_none()
        && !rows.is_empty()
        && !log_append_time;

    let mut builder = RecordBatchBuilder::new(compression).with_batch_bytes_max(usize::MAX);
    if batch.is_control() {
        builder = builder.control();
    }
    for row in rows {
        let headers: Vec<_> = row.headers.collect();
        let offset_delta = (row.offset.0 - batch.base_offset().0) as i32;
        builder
            .append_at(offset_delta, row.timestamp, row.key, row.value, &headers)
            .map_err(|error| format!("cannot be built anew: {error}"))?;
    }
    let rebuilt: Bytes = builder.build(compressor).seal_with(BatchSeal {
        producer_id: batch.producer_id(),
        producer_epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        transactional: batch.is_transactional(),
        base_offset: batch.base_offset(),
        leader_epoch: batch.leader_epoch(),
        last_offset_delta: Some((batch.last_offset().0 - batch.base_offset().0) as i32),
        log_append_time: log_append_time.then_some(batch.max_timestamp()),
    });
    if bytes_can_be_same {
        return match rebuilt == batch.bytes() {
            true => Ok(true),
            false => Err("built anew it has other bytes".to_owned()),
        };
    }

    let again = RecordBatches::new(&rebuilt)
        .next()
        .ok_or("built anew it is cut")?;
    let again = again.map_err(|error| format!("built anew: {error}"))?;
    let mut columns = Columns::new();
    let again = columns
        .decode(&again, &mut Decompressor::new())
        .map_err(|error| format!("built anew: {error}"))?;
    match again.iter().eq(rows.iter()) {
        true => Ok(false),
        false => Err("built anew it has other records".to_owned()),
    }
}

fn same(what: &str, found: &Value, expected: &Value) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{what} is {found} instead of {expected}")),
    }
}

/// Bytes are given in hexadecimal, or, where there are many, by length and checksum.
fn same_bytes(what: &str, found: Option<&[u8]>, expected: &Value) -> Result<(), String> {
    let same = match (found, expected) {
        (None, Value::Null) => true,
        (Some(found), Value::String(hex)) => found == unhex(hex)?,
        (Some(found), digest) => {
            digest["len"] == found.len() && digest["crc32c"] == crc32c::crc32c(found)
        }
        _ => false,
    };
    match same {
        true => Ok(()),
        false => Err(format!("{what} is {found:02x?} instead of {expected}")),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is not text"))
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.as_bytes().chunks_exact(2);
    let rest = digits.remainder().len();
    let byte = |pair: &[u8]| {
        std::str::from_utf8(pair)
            .ok()
            .and_then(|p| u8::from_str_radix(p, 16).ok())
    };
    let bytes: Option<Vec<u8>> = digits.map(byte).collect();
    bytes
        .filter(|_| rest == 0)
        .ok_or_else(|| "not hexadecimal".to_owned())
}
