//! Records that go through a builder come out of the columns as they went in.

use super::*;
use crate::{Offset, ProducerId};

type Header<'a> = (&'a str, Option<&'a [u8]>);
type Record<'a> = (i64, Option<&'a [u8]>, Option<&'a [u8]>, &'a [Header<'a>]);

const RECORDS: &[Record<'_>] = &[
    (1000, Some(b"key"), Some(b"value"), &[]),
    (
        999,
        None,
        Some(b""),
        &[("a", Some(b"1")), ("a", None), ("", Some(b""))],
    ),
    (-1, Some(b""), None, &[]),
    (i64::MAX, None, None, &[("long", Some(&[7; 300]))]),
];

fn built(records: &[Record<'_>], compression: Compression) -> bytes::Bytes {
    let mut builder = RecordBatchBuilder::new(compression);
    for &(timestamp, key, value, headers) in records {
        builder
            .append(timestamp, key, value, headers)
            .expect("fits");
    }
    builder
        .build(&mut Compressor::new())
        .seal(ProducerId(9), 8, 7, true)
}

fn only_batch(bytes: &[u8]) -> RecordBatch<'_> {
    let mut batches = RecordBatches::new(bytes);
    let batch = batches.next().expect("a batch").expect("a sound header");
    assert_eq!(batches.consumed_bytes(), bytes.len());
    assert!(batches.next().is_none());
    batch
}

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

#[test]
fn what_is_built_is_read_back() {
    for compression in CODECS {
        read_back(compression);
    }
}

fn read_back(compression: Compression) {
    let bytes = built(RECORDS, compression);
    let batch = only_batch(&bytes);
    assert_eq!(batch.producer_id(), ProducerId(9));
    assert_eq!((batch.producer_epoch(), batch.base_sequence()), (8, 7));
    assert_eq!(batch.last_sequence(), 10);
    assert!(batch.is_transactional() && !batch.is_control());
    assert_eq!(
        (batch.base_timestamp(), batch.max_timestamp()),
        (1000, i64::MAX)
    );
    assert_eq!(
        (batch.last_offset(), batch.next_offset()),
        (Offset(3), Offset(4))
    );
    assert_eq!(batch.record_count(), Some(4));

    let mut columns = Columns::new();
    let rows = columns
        .decode(&batch, &mut Decompressor::new())
        .expect("sound");
    assert_eq!(rows.len(), RECORDS.len());
    for ((row, offset), expected) in rows.iter().zip(0..).zip(RECORDS) {
        assert_eq!(row.offset, Offset(offset));
        assert_eq!(
            (row.timestamp, row.key, row.value),
            (expected.0, expected.1, expected.2)
        );
        assert_eq!(row.headers.collect::<Vec<_>>(), expected.3);
    }
    assert_eq!(rows.headers(1).last("a"), Some(None));
}

#[test]
fn a_batch_cut_anywhere_is_left_out() {
    let bytes = built(RECORDS, Compression::None);
    for len in 0..bytes.len() {
        let mut batches = RecordBatches::new(&bytes[..len]);
        assert!(batches.next().is_none());
        assert_eq!(batches.consumed_bytes(), 0);
    }
}

#[test]
fn a_flipped_bit_behind_the_checksum_is_refused() {
    let bytes = built(RECORDS, Compression::None);
    let mut columns = Columns::new();
    for position in 17..bytes.len() {
        let mut damaged = bytes.to_vec();
        damaged[position] ^= 4;
        let Some(Ok(batch)) = RecordBatches::new(&damaged).next() else {
            continue;
        };
        let refused = columns.decode(&batch, &mut Decompressor::new()).map(|_| ());
        assert!(
            matches!(refused, Err(RecordError::CrcMismatch { .. })),
            "{position}"
        );
    }
}

#[test]
fn a_timestamp_too_far_from_the_first_one_is_refused() {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.append(-1, None, None, &[]).expect("without a time");
    let refused = builder.append(i64::MAX, None, None, &[]);
    let timestamp = i64::MAX;
    assert_eq!(refused, Err(AppendError::Timestamp { timestamp }));
    builder
        .append(i64::MAX - 1, None, None, &[])
        .expect("just in range");
    let bytes = builder
        .build(&mut Compressor::new())
        .seal(ProducerId(-1), -1, -1, false);
    let batch = RecordBatches::new(&bytes)
        .next()
        .expect("one")
        .expect("whole");
    let mut columns = Columns::new();
    let rows = columns
        .decode(&batch, &mut Decompressor::new())
        .expect("what was built can be read");
    assert!(rows.timestamps().eq([-1, i64::MAX - 1]));
}

/// Goal: a batch can say its delete horizon without moving the timestamps of its records.
/// Method: records before and after the horizon, each with gaps in the offsets, are read back.
#[test]
fn a_delete_horizon_leaves_the_timestamps_as_they_were() {
    let mut builder = RecordBatchBuilder::new(Compression::None).with_delete_horizon_ms(5_000);
    for (offset_delta, timestamp) in [(1, 1_000), (4, 9_000)] {
        builder
            .append_at(offset_delta, timestamp, Some(b"k"), None, &[])
            .expect("small");
    }
    let bytes = builder
        .build(&mut Compressor::new())
        .seal_with(BatchSeal::default());
    let batch = only_batch(&bytes);
    assert_eq!(batch.delete_horizon_ms(), Some(5_000));
    assert_eq!(batch.max_timestamp(), 9_000);
    let (mut columns, mut decompressor) = (Columns::new(), Decompressor::new());
    let rows = columns.decode(&batch, &mut decompressor).expect("valid");
    let read: Vec<_> = rows
        .iter()
        .map(|row| (row.offset.0, row.timestamp))
        .collect();
    assert_eq!(read, [(1, 1_000), (4, 9_000)]);
}
