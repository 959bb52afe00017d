//! Streams of the four codecs, hostile ones and our own.

use allocation_counter::measure;
use thalweg_protocol::records::{Compression, Compressor, DecompressError, Decompressor};

use super::inputs::CompressedInput;

/// Decompresses the bytes with a limit, which bounds what is held at once, and compresses the same
/// bytes: what comes back from that is what went in, with a decoder that has just met the others.
/// Returns whether the bytes could be decompressed.
pub fn compressed(input: &[u8]) -> bool {
    let Some(input) = CompressedInput::parse(input) else {
        return false;
    };
    let limit = input.max_decompressed_bytes();
    let mut decompressor = Decompressor::new().with_max_decompressed_bytes(limit);
    let mut plain = Vec::new();
    let mut result = Ok(());
    let held = measure(|| {
        result = decompressor.decompress(input.compression, input.bytes, &mut plain);
    });
    let bound = held_bytes_max(input.compression, limit);
    assert!(
        held.bytes_max <= bound,
        "{}: {} bytes held at once for {} and a limit of {limit}: {result:?}",
        input.compression,
        held.bytes_max,
        input.bytes.len()
    );
    let sound = result.is_ok();
    match result {
        Ok(()) => assert!(plain.len() <= limit, "{} of {limit} bytes", plain.len()),
        Err(DecompressError::TooLarge { bytes_max }) => assert_eq!(bytes_max, limit),
        Err(_) => {}
    }
    assert!(
        plain.capacity() <= kept_bytes_max(input.compression, limit),
        "{}: {} bytes kept with a limit of {limit}",
        input.compression,
        plain.capacity()
    );

    let compressed = compressed_twice(&input);
    let result = decompressor.decompress(input.compression, &compressed, &mut plain);
    if input.bytes.len() <= limit {
        result.expect("what was compressed can be decompressed");
        assert_eq!(plain, input.bytes);
    } else {
        assert_eq!(result, Err(DecompressError::TooLarge { bytes_max: limit }));
    }
    limit_is_exact(&input, &compressed);
    sound
}

/// What a decoder of that codec may hold at once: the output and the smaller buffer it grows out
/// of, and the codec's tables and window.
pub(crate) fn held_bytes_max(compression: Compression, max_decompressed_bytes: usize) -> u64 {
    let kept = kept_bytes_max(compression, max_decompressed_bytes);
    let tables = match compression {
        Compression::None | Compression::Snappy | Compression::Lz4 => 64,
        Compression::Gzip => 1 << 16,
        Compression::Zstd => 1 << 19,
    };
    (kept + kept / 2 + tables) as u64
}

/// What its output may have for capacity, as `Decompressor::decompress` promises it.
fn kept_bytes_max(compression: Compression, max_decompressed_bytes: usize) -> usize {
    match compression {
        Compression::Zstd => 2 * (max_decompressed_bytes + 129 * 1024),
        _ => 2 * max_decompressed_bytes,
    }
}

/// Compresses by a new compressor, and by the same once more: what it keeps changes nothing.
fn compressed_twice(input: &CompressedInput<'_>) -> Vec<u8> {
    let mut compressor = Compressor::new();
    if let Some(levels) = input.compression.levels() {
        // zstd's reach down to -131,072, and differ little there; the last ones take their time.
        let lowest = (*levels.start()).max(-10);
        let level = match input.level {
            63 => *levels.end(),
            level => (lowest + i32::from(level % 16)).min(*levels.end()),
        };
        compressor = compressor
            .with_level(input.compression, level)
            .expect("a level that it has");
    }
    let mut first = Vec::new();
    compressor.compress(input.compression, input.bytes, &mut first);
    let mut second = b"before".to_vec();
    compressor.compress(input.compression, input.bytes, &mut second);
    assert_eq!(
        second.strip_prefix(b"before"),
        Some(&first[..]),
        "a warm compressor gives other bytes"
    );
    first
}

fn limit_is_exact(input: &CompressedInput<'_>, compressed: &[u8]) {
    let len = input.bytes.len();
    let mut plain = Vec::new();
    let mut exact = Decompressor::new().with_max_decompressed_bytes(len);
    exact
        .decompress(input.compression, compressed, &mut plain)
        .expect("just within the limit");
    assert_eq!(plain, input.bytes);
    let Some(less) = len.checked_sub(1) else {
        return;
    };
    let refused = Decompressor::new()
        .with_max_decompressed_bytes(less)
        .decompress(input.compression, compressed, &mut plain);
    assert_eq!(refused, Err(DecompressError::TooLarge { bytes_max: less }));
}
