//! Record sets: batches of format 2, messages of formats 0 and 1, compressed and not.

use allocation_counter::measure;
use bytes::Bytes;
use thalweg_protocol::ProducerId;
use thalweg_protocol::records::{
    AppendError, BatchSeal, Columns, Compression, Compressor, ControlRecord, Decompressor,
    RecordBatch, RecordBatchBuilder, RecordBatches, RecordError, Rows, reseal,
};

use super::compressed::held_bytes_max;
use super::inputs::{RecordSetForm, RecordSetInput};

const LENGTH_END: usize = 12;
const HEADER_BYTES: usize = 61;

/// Reads all batches of a record set by columns, rows, headers and control records. Whatever can be
/// read is the same by a reader that has read others before, and the same when it is built anew.
/// Returns how many batches could be read.
pub fn record_set(input: &[u8]) -> usize {
    let Some(input) = RecordSetInput::parse(input) else {
        return 0;
    };
    let bytes = match input.form {
        RecordSetForm::AsIs => input.bytes.to_vec(),
        RecordSetForm::Resealed => resealed(input.bytes),
        RecordSetForm::Compressed => compressed_batch(&input),
        RecordSetForm::Wrapped => wrapped_messages(&input),
    };
    let limit = input.max_decompressed_bytes();
    let mut warm = Reader::new(limit);
    let mut batches = RecordBatches::new(&bytes);
    let (mut consumed, mut sound) = (0, 0);
    while let Some(Ok(batch)) = batches.next() {
        assert_eq!(
            bytes.get(consumed..consumed + batch.encoded_len()),
            Some(batch.bytes()),
            "batches follow each other without a gap"
        );
        consumed += batch.encoded_len();
        assert_eq!(batches.consumed_bytes(), consumed);
        sound += usize::from(check_batch(&batch, limit, &mut warm));
    }
    assert!(batches.next().is_none(), "nothing follows an error");
    sound
}

struct Reader {
    columns: Columns,
    decompressor: Decompressor,
}

impl Reader {
    fn new(max_decompressed_bytes: usize) -> Self {
        Self {
            columns: Columns::new(),
            decompressor: Decompressor::new().with_max_decompressed_bytes(max_decompressed_bytes),
        }
    }

    fn decode<'b>(&'b mut self, batch: &RecordBatch<'b>) -> Result<Rows<'b>, RecordError> {
        self.columns.decode(batch, &mut self.decompressor)
    }
}

/// Whether the batch could be read.
fn check_batch(batch: &RecordBatch<'_>, limit: usize, warm: &mut Reader) -> bool {
    check_header(batch);
    let mut fresh = Reader::new(limit);
    let mut rows = Ok(Rows::empty());
    let held = measure(|| rows = fresh.decode(batch));
    let bound = columns_bytes_max(batch, limit);
    assert!(
        held.bytes_max <= bound,
        "{} bytes held at once, {bound} allowed, for a batch of {} and a limit of {limit}: {rows:?}",
        held.bytes_max,
        batch.encoded_len(),
    );
    let again = warm.decode(batch);
    match (rows, again) {
        (Ok(rows), Ok(again)) => {
            assert!(rows.iter().eq(again.iter()), "{rows:?} and {again:?}");
            check_rows(batch, &rows);
            true
        }
        (Err(first), Err(second)) => {
            assert_eq!(first, second);
            false
        }
        (first, second) => panic!("{first:?}, but by a warm reader {second:?}"),
    }
}

/// What decoding a batch may hold at once, beside the batch: what is decompressed, and 32 bytes for
/// every record of at least 7. In the old formats the number of records, at least 26 bytes each, is
/// not known beforehand: room doubles, and there is the smaller one it grows out of.
fn columns_bytes_max(batch: &RecordBatch<'_>, limit: usize) -> u64 {
    let (compression, plain_bytes) = match batch.compression() {
        Ok(Compression::None) | Err(_) => (Compression::None, batch.encoded_len()),
        Ok(compression) => (compression, limit),
    };
    let decompressed = match compression {
        Compression::None => 0,
        _ => held_bytes_max(compression, limit),
    };
    decompressed + (plain_bytes * 32 / 7 + 256) as u64
}

fn check_header(batch: &RecordBatch<'_>) {
    assert!(batch.base_offset().0 >= 0);
    assert!(batch.last_offset() >= batch.base_offset());
    assert!(batch.next_offset() >= batch.last_offset());
    assert!(batch.last_sequence() >= -1);
    let _ = (batch.timestamp_type(), batch.delete_horizon_ms());
}

fn check_rows(batch: &RecordBatch<'_>, rows: &Rows<'_>) {
    assert!(rows.timestamps().eq(rows.iter().map(|row| row.timestamp)));
    assert_eq!(rows.iter().count(), rows.len());
    let mut before = None;
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row, rows.row(index));
        assert!(
            before < Some(row.offset) && row.offset <= batch.last_offset(),
            "{row:?} after {before:?}"
        );
        before = Some(row.offset);
        let (announced, mut count) = (row.headers.len(), 0);
        for (name, _) in row.headers {
            count += 1;
            // Not for thousands of headers, each of which would look at all.
            assert!(count > 8 || row.headers.last(name).is_some(), "{name}");
        }
        assert_eq!(count, announced, "headers end early");
        if batch.is_control() {
            let _: Result<ControlRecord, RecordError> = ControlRecord::decode(&row);
        }
    }
    if let Some(middle) = rows.iter().nth(rows.len() / 2) {
        let rest = rows.starting_at(middle.offset);
        assert!(rest.iter().eq(rows.iter().skip(rows.len() / 2)));
    }
    assert!(rows.starting_at(batch.next_offset()).is_empty() || batch.last_offset().0 == i64::MAX);
    if batch.magic() == 2 {
        check_rebuilt(batch, rows);
    }
}

/// Builds the batch anew and seals it twice: the same records come out.
fn check_rebuilt(batch: &RecordBatch<'_>, rows: &Rows<'_>) {
    let compression = batch.compression().expect("it was decoded");
    let mut builder = RecordBatchBuilder::new(compression).with_batch_bytes_max(usize::MAX);
    if batch.is_control() {
        builder = builder.control();
    }
    for row in rows {
        let headers: Vec<_> = row.headers.collect();
        let offset_delta = (row.offset.0 - batch.base_offset().0) as i32;
        match builder.append_at(offset_delta, row.timestamp, row.key, row.value, &headers) {
            Ok(()) => {}
            // Brokers may hold timestamps that clients do not write.
            Err(AppendError::Timestamp { .. }) => return,
            Err(error) => panic!("{row:?} cannot be built anew: {error}"),
        }
    }
    let sealed = builder.build(&mut Compressor::new()).seal_with(BatchSeal {
        producer_id: batch.producer_id(),
        producer_epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        transactional: batch.is_transactional(),
        base_offset: batch.base_offset(),
        leader_epoch: batch.leader_epoch(),
        last_offset_delta: Some((batch.last_offset().0 - batch.base_offset().0) as i32),
        log_append_time: None,
    });
    expect_rows(&sealed, rows);
    let resealed = reseal(&sealed, ProducerId(7), 8, 9);
    expect_rows(&resealed, rows);
}

fn expect_rows(bytes: &Bytes, rows: &Rows<'_>) {
    let batch = RecordBatches::new(bytes).next().expect("whole");
    let batch = batch.expect("it was built");
    let mut reader = Reader::new(usize::MAX);
    let again = reader.decode(&batch).expect("what was built can be read");
    assert!(again.iter().eq(rows.iter()), "{rows:?} became {again:?}");
}

/// Puts right the checksum of every batch that is whole.
fn resealed(record_set: &[u8]) -> Vec<u8> {
    let mut bytes = record_set.to_vec();
    let mut rest = bytes.as_mut_slice();
    loop {
        let length = rest
            .get(8..LENGTH_END)
            .and_then(|length| length.first_chunk())
            .and_then(|length| usize::try_from(i32::from_be_bytes(*length)).ok());
        let cut = length.and_then(|length| rest.split_at_mut_checked(LENGTH_END + length));
        let Some((batch, after)) = cut else { break };
        put_checksum(batch);
        rest = after;
    }
    bytes
}

fn put_checksum(batch: &mut [u8]) {
    let Some(magic) = batch.get(16) else { return };
    let (position, covered) = match magic {
        2 => (17, 21),
        _ => (12, 16),
    };
    let Some(covered) = batch.get(covered..) else {
        return;
    };
    let crc = match magic {
        2 => crc32c::crc32c(covered),
        _ => crc32(covered),
    };
    if let Some(field) = batch.get_mut(position..position + 4) {
        field.copy_from_slice(&crc.to_be_bytes());
    }
}

/// The CRC-32 of gzip, with which old messages check themselves; bit by bit, as nobody waits.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// Takes a batch whose records are plain, and compresses them.
fn compressed_batch(input: &RecordSetInput<'_>) -> Vec<u8> {
    let Some((header, records)) = input.bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Vec::new();
    };
    let mut batch = header.to_vec();
    Compressor::new().compress(input.compression, records, &mut batch);
    let length = (batch.len() - LENGTH_END) as u32;
    let codec = input.compression.id();
    for (position, field) in [(8, &length.to_be_bytes()[..]), (16, &[2])] {
        if let Some(place) = batch.get_mut(position..position + field.len()) {
            place.copy_from_slice(field);
        }
    }
    if let Some(attributes) = batch.get_mut(22) {
        *attributes = *attributes & !7 | codec;
    }
    put_checksum(&mut batch);
    batch
}

/// Takes an offset, a timestamp and plain messages, and compresses these into one message.
fn wrapped_messages(input: &RecordSetInput<'_>) -> Vec<u8> {
    let Some((numbers, messages)) = input.bytes.split_first_chunk::<16>() else {
        return Vec::new();
    };
    let (offset, timestamp) = numbers.split_at(8);
    let mut value = Vec::new();
    Compressor::new().compress(input.compression, &resealed(messages), &mut value);
    let mut message = offset.to_vec();
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&[input.magic, input.compression.id()]);
    if input.magic == 1 {
        message.extend_from_slice(timestamp);
    }
    message.extend_from_slice(&(-1_i32).to_be_bytes());
    message.extend_from_slice(&(value.len() as u32).to_be_bytes());
    message.extend_from_slice(&value);
    let length = (message.len() - LENGTH_END) as u32;
    if let Some(field) = message.get_mut(8..LENGTH_END) {
        field.copy_from_slice(&length.to_be_bytes());
    }
    put_checksum(&mut message);
    message
}
