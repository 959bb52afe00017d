//! What can be said of a produce request's batches without knowing anything else.

use std::cell::RefCell;

use bytes::Bytes;
use thalweg_protocol::messages::ProduceRequest;
use thalweg_protocol::records::{
    Columns, Compression, Decompressor, RecordBatch, RecordBatches, RecordRef, Rows,
};
use thalweg_protocol::{ErrorCode, PartitionId, StrBytes, Uuid};

use super::recode::Recoded;

/// A produce request whose batches were looked at.
#[derive(Debug)]
pub(super) struct Inspected {
    pub(super) transactional_id: Option<StrBytes>,
    pub(super) acks: i16,
    pub(super) timeout_ms: i32,
    pub(super) topics: Vec<InspectedTopic>,
}

#[derive(Debug)]
pub(super) struct InspectedTopic {
    pub(super) name: StrBytes,
    pub(super) id: Uuid,
    pub(super) partitions: Vec<InspectedPartition>,
}

#[derive(Debug)]
pub(super) struct InspectedPartition {
    pub(super) index: PartitionId,
    /// What the first batch claims.
    pub(super) compression: Option<Compression>,
    /// How long the one batch is, or why it is not one.
    pub(super) bytes: Result<usize, Fault>,
    /// The batch and its facts, or why it cannot be appended anywhere.
    pub(super) batch: Result<Inspection, Fault>,
    /// The batch in the codec that its topic stores, once that was found to be another.
    pub(super) recoded: Option<Recoded>,
}

/// Why a batch is refused: the code, in words, and the record it is about.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) error_code: ErrorCode,
    pub(super) message: String,
    pub(super) records: Vec<(i32, String)>,
    /// Whether the log itself refused it. Then the answer tells where that begins.
    pub(super) by_log: bool,
    /// Whether the answer has the words. Kafka gives them for few faults; the code says the rest.
    pub(super) told: bool,
}

impl Fault {
    pub(super) fn new(error_code: ErrorCode, message: impl Into<String>) -> Self {
        Fault {
            error_code,
            message: message.into(),
            records: Vec::new(),
            by_log: false,
            told: false,
        }
    }

    /// The log itself refused it.
    pub(super) fn by_log(mut self) -> Self {
        self.by_log = true;
        self
    }

    /// The answer has the words.
    pub(super) fn told(mut self) -> Self {
        self.told = true;
        self
    }

    /// It is about a record of the batch.
    pub(super) fn about(mut self, row: usize, words: impl Into<String>) -> Self {
        let row = i32::try_from(row).unwrap_or(i32::MAX);
        self.records.push((row, words.into()));
        self.by_log().told()
    }
}

/// A batch that is sound in itself.
#[derive(Debug)]
pub(super) struct Inspection {
    pub(super) bytes: Bytes,
    pub(super) facts: Facts,
}

/// What a topic may object to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// The first record without a key.
    pub(super) keyless: Option<usize>,
    /// The earliest and the latest record, each with its place in the batch.
    pub(super) earliest: (i64, usize),
    pub(super) latest: (i64, usize),
    /// The longest record, without its own length, of a batch that came compressed; else 0.
    pub(super) decompressed_bytes: usize,
}

/// Looks at every batch.
pub(super) fn inspect(request: ProduceRequest) -> Inspected {
    let partition = |data: thalweg_protocol::messages::PartitionProduceData| {
        let records = data.records.unwrap_or_default();
        let first = RecordBatches::new(&records).next().and_then(Result::ok);
        let compression = first.and_then(|batch| batch.compression().ok());
        let one = one_batch(&records);
        InspectedPartition {
            index: data.index,
            compression,
            bytes: one
                .as_ref()
                .map(RecordBatch::encoded_len)
                .map_err(Fault::clone),
            batch: one.and_then(|batch| inspect_batch(&records, &batch)),
            recoded: None,
        }
    };
    let topic = |data: thalweg_protocol::messages::TopicProduceData| InspectedTopic {
        name: data.name,
        id: data.topic_id,
        partitions: data.partition_data.into_iter().map(partition).collect(),
    };
    Inspected {
        transactional_id: request.transactional_id,
        acks: request.acks,
        timeout_ms: request.timeout_ms,
        topics: request.topic_data.into_iter().map(topic).collect(),
    }
}

thread_local! {
    // Buffers that would otherwise be made anew for every batch.
    static READER: RefCell<(Columns, Decompressor)> =
        RefCell::new((Columns::new(), Decompressor::new()));
}

/// The one batch that there may be.
fn one_batch(records: &Bytes) -> Result<RecordBatch<'_>, Fault> {
    let mut batches = RecordBatches::new(records);
    let batch = match batches.next() {
        None => {
            return Err(Fault::new(
                ErrorCode::INVALID_RECORD,
                "Produce requests with version 3 or higher are not allowed to contain an empty record set.",
            ));
        }
        Some(Err(error)) => return Err(Fault::new(ErrorCode::CORRUPT_MESSAGE, error.to_string())),
        Some(Ok(batch)) => batch,
    };
    if batch.magic() != 2 {
        let message = "Produce requests with version 3 or higher are only allowed to contain record batches with magic version 2";
        return Err(Fault::new(ErrorCode::INVALID_RECORD, message));
    }
    if batch.encoded_len() != records.len() {
        let message = "Produce requests with version 3 or higher are only allowed to contain exactly one record batch";
        return Err(Fault::new(ErrorCode::INVALID_RECORD, message));
    }
    Ok(batch)
}

fn inspect_batch(records: &Bytes, batch: &RecordBatch<'_>) -> Result<Inspection, Fault> {
    check_header(batch)?;
    let facts = READER.with_borrow_mut(|(columns, decompressor)| {
        let rows = columns.decode(batch, decompressor).map_err(|error| {
            let code = match error {
                thalweg_protocol::records::RecordError::CrcMismatch { .. } => {
                    ErrorCode::CORRUPT_MESSAGE
                }
                _ => ErrorCode::INVALID_RECORD,
            };
            Fault::new(code, error.to_string())
        })?;
        Ok(facts_of(batch, &rows))
    })?;
    Ok(Inspection {
        bytes: records.clone(),
        facts,
    })
}

/// The records of a batch that was inspected that have no key.
pub(super) fn keyless_rows(batch: &RecordBatch<'_>) -> Vec<usize> {
    READER.with_borrow_mut(
        |(columns, decompressor)| match columns.decode(batch, decompressor) {
            Ok(rows) => (0..rows.len())
                .filter(|row| rows.key(*row).is_none())
                .collect(),
            Err(_) => Vec::new(),
        },
    )
}

fn check_header(batch: &RecordBatch<'_>) -> Result<(), Fault> {
    if batch.verify_crc().is_err() {
        let message = "Record is corrupt: the stored checksum is not that of the record batch.";
        return Err(Fault::new(ErrorCode::CORRUPT_MESSAGE, message));
    }
    let span = batch.last_offset().0 - batch.base_offset().0 + 1;
    let count = batch.record_count().unwrap_or_default();
    let fault = if batch.is_control() {
        "Clients are not allowed to write control records".to_owned()
    } else if count == 0 || usize::try_from(span).ok() != Some(count) {
        format!("Inconsistent batch offset range: {count} records span {span} offsets")
    } else if batch.producer_id().0 >= 0 && batch.base_sequence() < 0 {
        format!(
            "Invalid sequence number {} in record batch with producerId {}",
            batch.base_sequence(),
            batch.producer_id()
        )
    } else {
        return Ok(());
    };
    Err(Fault::new(ErrorCode::INVALID_RECORD, fault).by_log())
}

fn facts_of(batch: &RecordBatch<'_>, rows: &Rows<'_>) -> Facts {
    let mut facts = Facts {
        keyless: None,
        earliest: (i64::MAX, 0),
        latest: (i64::MIN, 0),
        decompressed_bytes: 0,
    };
    for (row, timestamp) in rows.timestamps().enumerate() {
        facts.earliest = facts.earliest.min((timestamp, row));
        if timestamp > facts.latest.0 {
            facts.latest = (timestamp, row);
        }
        if facts.keyless.is_none() && rows.key(row).is_none() {
            facts.keyless = Some(row);
        }
    }
    if batch.compression() != Ok(Compression::None) {
        let lengths = rows.iter().map(|row| record_bytes(batch, &row));
        facts.decompressed_bytes = lengths.max().unwrap_or_default();
    }
    if facts.latest.0 != batch.max_timestamp() {
        // Kafka mends the header instead; a client that gets it wrong is told here.
        tracing::debug!(
            claimed = batch.max_timestamp(),
            found = facts.latest.0,
            "max timestamp"
        );
    }
    facts
}

/// How long a record is in format 2, without its own length.
fn record_bytes(batch: &RecordBatch<'_>, row: &RecordRef<'_>) -> usize {
    const ATTRIBUTES: usize = 1;
    let counted = |bytes: Option<&[u8]>| {
        let length = bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        varint_bytes(length) + bytes.map_or(0, <[u8]>::len)
    };
    let (mut headers, mut count) = (0, 0);
    for (key, value) in row.headers {
        headers += counted(Some(key.as_bytes())) + counted(value);
        count += 1;
    }
    ATTRIBUTES
        + varint_bytes(row.timestamp.wrapping_sub(batch.base_timestamp()))
        + varint_bytes(row.offset.0 - batch.base_offset().0)
        + counted(row.key)
        + counted(row.value)
        + varint_bytes(count)
        + headers
}

/// How long a number is in zigzag groups of seven bits.
fn varint_bytes(number: i64) -> usize {
    let zigzag = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let bits = u64::BITS - (zigzag | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    //! Goal: the length that is counted of a record is the one it has. Method: records of all shapes,
    //! each alone in a batch, whose length is known.

    use thalweg_protocol::records::{BatchSeal, Compressor, RecordBatchBuilder};

    use super::*;

    type Header<'a> = (&'a str, Option<&'a [u8]>);

    #[test]
    fn a_record_counts_as_many_bytes_as_it_has() {
        let long = vec![7; 20_000];
        let values: [Option<&[u8]>; 5] = [None, Some(b""), Some(b"v"), Some(&[0; 64]), Some(&long)];
        let headers: [&[Header<'_>]; 3] = [
            &[],
            &[("h", None)],
            &[("long header", Some(&long)), ("", Some(b"x"))],
        ];
        for value in values {
            for headers in headers {
                let mut builder = RecordBatchBuilder::new(Compression::None);
                builder.append(1_000, None, None, &[]).expect("small");
                let before = builder.encoded_len();
                builder.append(901, value, value, headers).expect("small");
                let with_length = builder.encoded_len() - before;
                let batch = builder.build(&mut Compressor::new());
                let bytes = batch.seal_with(BatchSeal::default());
                let view = crate::log::only_batch(&bytes).expect("one");
                let (mut columns, mut decompressor) = (Columns::new(), Decompressor::new());
                let rows = columns.decode(&view, &mut decompressor).expect("sound");
                let counted = record_bytes(&view, &rows.row(1));
                let length = varint_bytes(i64::try_from(counted).expect("small"));
                assert_eq!(counted + length, with_length);
            }
        }
    }
}
