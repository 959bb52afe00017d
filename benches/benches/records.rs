//! Record batches: decoding to columns and building, against kafka-protocol.
//!
//! 1000 records of 8 B key and 100 B value, not compressed, warm, checksum included.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput};
use kafka_protocol::records as peer;
use thalweg_benches::{pairs, samples};
use thalweg_protocol::ProducerId;
use thalweg_protocol::records::{
    Columns, Compression, Compressor, Decompressor, RecordBatchBuilder, RecordBatches,
};

const RECORDS: usize = 1000;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(800))
        .sample_size(30)
        .configure_from_args();
    decode(&mut criterion);
    build(&mut criterion);
    criterion.final_summary();
}

fn decode(criterion: &mut Criterion) {
    let bytes = samples::small_batch(RECORDS, Compression::None);
    let mut columns = Columns::new();
    let mut decompressor = Decompressor::new();
    let mut to_columns = || {
        let batch = RecordBatches::new(black_box(&bytes))
            .next()
            .expect("a batch")
            .expect("sound");
        let rows = columns.decode(&batch, &mut decompressor).expect("sound");
        assert_eq!(black_box(rows).len(), RECORDS);
    };
    let crc = || {
        let batch = RecordBatches::new(black_box(&bytes))
            .next()
            .expect("a batch")
            .expect("sound");
        black_box(batch.verify_crc()).expect("sound");
    };
    let (mut columns_2, mut decompressor_2) = (Columns::new(), Decompressor::new());
    let mut read_rows = || {
        let batch = RecordBatches::new(black_box(&bytes))
            .next()
            .expect("a batch")
            .expect("sound");
        let rows = columns_2
            .decode(&batch, &mut decompressor_2)
            .expect("sound");
        for row in rows {
            black_box(row);
        }
    };
    let peer_decode = || {
        let mut bytes: Bytes = black_box(&bytes).clone();
        let set = peer::RecordBatchDecoder::decode(&mut bytes).expect("sound");
        assert_eq!(black_box(set).records.len(), RECORDS);
    };

    let mut group = criterion.benchmark_group("records/decode");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("columns", |b| b.iter(&mut to_columns));
    group.bench_function("columns then rows", |b| b.iter(&mut read_rows));
    group.bench_function("checksum alone", |b| b.iter(crc));
    group.bench_function("kafka-protocol", |b| b.iter(peer_decode));
    group.finish();
    pairs::compare(
        "records/decode vs kafka-protocol",
        ("record", RECORDS),
        5.0,
        to_columns,
        peer_decode,
    );
}

fn build(criterion: &mut Criterion) {
    let records = samples::small_records(RECORDS);
    let mut builder = RecordBatchBuilder::new(Compression::None);
    let mut compressor = Compressor::new();
    let mut ours = || {
        for (timestamp, key, value) in black_box(&records) {
            builder
                .append(*timestamp, Some(key), Some(value), &[])
                .expect("fits");
        }
        black_box(
            builder
                .build(&mut compressor)
                .seal(ProducerId(1), 0, 0, false),
        );
    };

    let peer_records: Vec<_> = records.iter().zip(0..).map(peer_record).collect();
    let options = peer::RecordEncodeOptions {
        version: 2,
        compression: peer::Compression::None,
    };
    let mut peer_buffer = BytesMut::new();
    let mut theirs = || {
        peer_buffer.clear();
        peer::RecordBatchEncoder::encode(&mut peer_buffer, black_box(&peer_records), &options)
            .expect("encodes");
        black_box(&peer_buffer);
    };

    let mut group = criterion.benchmark_group("records/build");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("builder", |b| b.iter(&mut ours));
    group.bench_function("kafka-protocol", |b| b.iter(&mut theirs));
    group.finish();
    pairs::compare(
        "records/build vs kafka-protocol",
        ("record", RECORDS),
        1.0,
        ours,
        theirs,
    );
}

fn peer_record(
    ((timestamp, key, value), index): (&(i64, [u8; 8], [u8; 100]), i32),
) -> peer::Record {
    peer::Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: 1,
        producer_epoch: 0,
        timestamp_type: peer::TimestampType::Creation,
        offset: i64::from(index),
        sequence: index,
        timestamp: *timestamp,
        key: Some(Bytes::copy_from_slice(key)),
        value: Some(Bytes::copy_from_slice(value)),
        headers: Default::default(),
    }
}
