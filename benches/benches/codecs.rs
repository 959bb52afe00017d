//! The codecs on batches of 16 KiB of JSON records; own LZ4 frames against `lz4_flex`'s.

use std::hint::black_box;
use std::io::{Read, Write};

use criterion::{Criterion, Throughput};
use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use lz4_flex_as_published::frame as as_published;
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

/// The promise is against the module as it is published, in a static program: what it allocates for
/// every frame costs it most of its time there. glibc's allocator hides that, and with the module's
/// `safe-*` features off, as ours are, both sides are left with the same blocks.
fn lz4_frames(input: &[u8]) {
    let (least, least_without_safe) = match cfg!(target_env = "musl") {
        true => (1.4, 1.4),
        false => (1.15, 0.95),
    };
    let info = as_published::FrameInfo::new().block_size(as_published::BlockSize::Max64KB);
    lz4_compress("lz4_flex::frame", least, input, |out| {
        let mut encoder = as_published::FrameEncoder::with_frame_info(info.clone(), out);
        encoder.write_all(black_box(input)).expect("to memory");
        encoder.finish().expect("to memory");
    });
    lz4_decompress("lz4_flex::frame", least, input, |compressed, out| {
        as_published::FrameDecoder::new(black_box(compressed))
            .read_to_end(out)
            .expect("sound");
    });
    let info = FrameInfo::new().block_size(BlockSize::Max64KB);
    lz4_compress(
        "lz4_flex::frame without safe-*",
        least_without_safe,
        input,
        |out| {
            let mut encoder = FrameEncoder::with_frame_info(info.clone(), out);
            encoder.write_all(black_box(input)).expect("to memory");
            encoder.finish().expect("to memory");
        },
    );
    lz4_decompress(
        "lz4_flex::frame without safe-*",
        least_without_safe,
        input,
        |compressed, out| {
            FrameDecoder::new(black_box(compressed))
                .read_to_end(out)
                .expect("sound");
        },
    );
}

fn lz4_compress(peer: &str, least: f64, input: &[u8], mut compress: impl FnMut(&mut Vec<u8>)) {
    let mut compressor = Compressor::new();
    let (mut compressed, mut peer_compressed) = (Vec::new(), Vec::new());
    let ours = || {
        compressed.clear();
        compressor.compress(Compression::Lz4, black_box(input), &mut compressed);
    };
    let theirs = || {
        peer_compressed.clear();
        compress(&mut peer_compressed);
    };
    let name = format!("codecs/lz4 compress vs {peer}");
    pairs::compare(&name, ("16 KiB", 1), least, ours, theirs);
}

fn lz4_decompress(
    peer: &str,
    least: f64,
    input: &[u8],
    mut decompress: impl FnMut(&[u8], &mut Vec<u8>),
) {
    let mut compressed = Vec::new();
    Compressor::new().compress(Compression::Lz4, input, &mut compressed);
    let mut decompressor = Decompressor::new();
    let (mut out, mut peer_out) = (Vec::new(), Vec::new());
    let ours = || {
        decompressor
            .decompress(Compression::Lz4, black_box(&compressed), &mut out)
            .expect("sound");
    };
    let theirs = || {
        peer_out.clear();
        decompress(&compressed, &mut peer_out);
    };
    let name = format!("codecs/lz4 decompress vs {peer}");
    pairs::compare(&name, ("16 KiB", 1), least, ours, theirs);
    assert_eq!(out, peer_out);
}
