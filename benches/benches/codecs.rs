//! The codecs on batches of 16 KiB of JSON records; own LZ4 frames against `lz4_flex`'s.

use std::hint::black_box;
use std::io::{Read, Write};

use criterion::{Criterion, Throughput};
use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use thalweg_benches::{pairs, samples};
use thalweg_protocol::records::{Compression, Compressor, Decompressor};

const BATCH_BYTES: usize = 16 * 1024;
const CODECS: [Compression; 4] = [
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(800))
        .sample_size(30)
        .configure_from_args();
    let input = samples::json_records(BATCH_BYTES);
    for compression in CODECS {
        codec(&mut criterion, compression, None, &input);
    }
    codec(&mut criterion, Compression::Zstd, Some(1), &input);
    lz4_frames(&input);
    criterion.final_summary();
}

fn codec(criterion: &mut Criterion, compression: Compression, level: Option<i32>, input: &[u8]) {
    let mut compressor = Compressor::new();
    if let Some(level) = level {
        compressor = compressor
            .with_level(compression, level)
            .expect("a level it has");
    }
    let mut decompressor = Decompressor::new();
    let mut compressed = Vec::new();
    compressor.compress(compression, input, &mut compressed);
    let mut out = Vec::new();

    let level = level.map(|level| format!(" {level}")).unwrap_or_default();
    let mut group = criterion.benchmark_group(format!("codecs/{compression}{level}"));
    group.throughput(Throughput::Bytes(input.len() as u64));
    group.bench_function("compress", |b| {
        b.iter(|| {
            out.clear();
            compressor.compress(compression, black_box(input), &mut out);
        });
    });
    group.bench_function("decompress", |b| {
        b.iter(|| {
            decompressor
                .decompress(compression, black_box(&compressed), &mut out)
                .expect("sound");
        });
    });
    group.finish();
}

fn lz4_frames(input: &[u8]) {
    let mut compressor = Compressor::new();
    let mut decompressor = Decompressor::new();
    let mut compressed = Vec::new();
    let ours = || {
        compressed.clear();
        compressor.compress(Compression::Lz4, black_box(input), &mut compressed);
    };
    let mut peer_compressed = Vec::new();
    let theirs = || {
        peer_compressed.clear();
        let info = FrameInfo::new().block_size(BlockSize::Max64KB);
        let mut encoder = FrameEncoder::with_frame_info(info, &mut peer_compressed);
        encoder.write_all(black_box(input)).expect("to memory");
        encoder.finish().expect("to memory");
    };
    pairs::compare(
        "codecs/lz4 compress vs lz4_flex::frame",
        ("16 KiB", 1),
        1.4,
        ours,
        theirs,
    );

    let mut out = Vec::new();
    let ours = || {
        decompressor
            .decompress(Compression::Lz4, black_box(&compressed), &mut out)
            .expect("sound");
    };
    let mut peer_out = Vec::new();
    let theirs = || {
        peer_out.clear();
        FrameDecoder::new(black_box(peer_compressed.as_slice()))
            .read_to_end(&mut peer_out)
            .expect("sound");
    };
    pairs::compare(
        "codecs/lz4 decompress vs lz4_flex::frame",
        ("16 KiB", 1),
        1.0,
        ours,
        theirs,
    );
    assert_eq!(out, peer_out);
}
