//! Decodes the same batch again and again, for counting instructions:
//! `valgrind --tool=callgrind --toggle-collect='*Columns*decode*' target/release/examples/decode_loop 100`.

use thalweg_benches::samples;
use thalweg_protocol::records::{Columns, Compression, Decompressor, RecordBatches};

fn main() {
    let rounds = std::env::args()
        .nth(1)
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(100);
    let bytes = samples::small_batch(1000, Compression::None);
    let mut columns = Columns::new();
    let mut decompressor = Decompressor::new();
    let mut records = 0;
    for _ in 0..rounds {
        for batch in RecordBatches::new(&bytes) {
            let batch = batch.expect("sound");
            records += columns
                .decode(&batch, &mut decompressor)
                .expect("sound")
                .len();
        }
    }
    println!("{records} records");
}
