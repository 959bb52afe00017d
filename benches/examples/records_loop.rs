//! Decodes or builds the same batch of 1000 records again and again, for counting instructions:
//! `valgrind --tool=callgrind target/release/examples/records_loop decode 100`, and again with 200;
//! the difference is 100 batches' work.

use thalweg_benches::samples;
use thalweg_protocol::ProducerId;
use thalweg_protocol::records::{
    Columns, Compression, Compressor, Decompressor, RecordBatchBuilder, RecordBatches,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let rounds = arguments
        .next()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(100);
    match what.as_str() {
        "decode" => decode(rounds),
        "build" => build(rounds),
        _ => eprintln!("usage: records_loop decode|build [ROUNDS]"),
    }
}

fn decode(rounds: usize) {
    let bytes = samples::small_batch(1000, Compression::None);
    let mut columns = Columns::new();
    let mut decompressor = Decompressor::new();
    let mut records = 0;
    for _ in 0..rounds {
        for batch in RecordBatches::new(&bytes) {
            let batch = batch.expect("sound");
            let rows = columns.decode(&batch, &mut decompressor);
            records += rows.expect("sound").len();
        }
    }
    println!("{records} records");
}

fn build(rounds: usize) {
    let records = samples::small_records(1000);
    let mut builder = RecordBatchBuilder::new(Compression::None);
    let mut compressor = Compressor::new();
    let mut bytes = 0;
    for _ in 0..rounds {
        for (timestamp, key, value) in &records {
            builder
                .append(*timestamp, Some(key), Some(value), &[])
                .expect("fits");
        }
        bytes += builder
            .build(&mut compressor)
            .seal(ProducerId(1), 0, 0, false)
            .len();
    }
    println!("{bytes} bytes");
}
