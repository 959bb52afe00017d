//! Goal: reading a batch into warm columns allocates nothing, building one next to nothing, and no
//! batch, however hostile, makes the decoder hold more than the stated bound. Method: every
//! allocation of the thread counted.

#![expect(
    clippy::indexing_slicing,
    reason = "bytes are put together by hand, and a panic fails the test"
)]

use allocation_counter::{AllocationInfo, measure};
use thalweg_protocol::ProducerId;
use thalweg_protocol::records::{
    Columns, Compression, Compressor, Decompressor, RecordBatchBuilder, RecordBatches, RecordError,
};

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

fn append_records(builder: &mut RecordBatchBuilder, count: u32) {
    for index in 0..count {
        let key = u64::from(index).to_be_bytes();
        let mut value = [b'v'; 100];
        value[..4].copy_from_slice(&index.to_be_bytes());
        let timestamp = 1_700_000_000_000 + i64::from(index);
        builder
            .append(timestamp, Some(&key), Some(&value), &[("h", Some(b"v"))])
            .expect("fits");
    }
}

fn batch(compression: Compression, count: u32) -> bytes::Bytes {
    let mut builder = RecordBatchBuilder::new(compression);
    append_records(&mut builder, count);
    let batch = builder.build(&mut Compressor::new());
    batch.seal(ProducerId(-1), -1, -1, false)
}

/// Decodes the one batch of `bytes` and looks at all of it.
fn read(
    bytes: &[u8],
    columns: &mut Columns,
    decompressor: &mut Decompressor,
) -> Result<usize, RecordError> {
    let batch = RecordBatches::new(bytes).next().expect("whole")?;
    let rows = columns.decode(&batch, decompressor)?;
    Ok(rows.iter().map(|row| 1 + row.headers.count()).sum())
}

#[test]
fn decoding_to_warm_columns_allocates_nothing() {
    for compression in CODECS {
        let bytes = batch(compression, 1000);
        let mut columns = Columns::new();
        let mut decompressor = Decompressor::new();
        for _ in 0..3 {
            read(&bytes, &mut columns, &mut decompressor).expect("sound");
        }
        let mut entries = 0;
        let allocated = measure(|| {
            for _ in 0..10 {
                entries += read(&bytes, &mut columns, &mut decompressor).expect("sound");
            }
        });
        println!("decode {compression}: {allocated:?}");
        assert_eq!(entries, 20_000);
        assert_eq!(allocated.count_total, 0, "{compression}");
    }
}

#[test]
fn building_allocates_nothing_per_record() {
    for compression in CODECS {
        let mut builder = RecordBatchBuilder::new(compression);
        let mut compressor = Compressor::new();
        let mut build = || {
            append_records(&mut builder, 1000);
            builder
                .build(&mut compressor)
                .seal(ProducerId(-1), -1, -1, false)
        };
        for _ in 0..3 {
            build();
        }
        let allocated = measure(|| {
            for _ in 0..10 {
                drop(build());
            }
        });
        println!("build {compression}: {allocated:?}");
        // Per batch: the count of the owners of its bytes, and what a codec needs for its own.
        let per_batch_max = if compression == Compression::Zstd {
            20
        } else {
            2
        };
        assert!(
            allocated.count_total <= 10 * per_batch_max,
            "{compression}: {allocated:?}"
        );
    }
}

/// What a batch of `len` bytes may make a decoder with that limit hold at once, beside the batch:
/// the decompressed bytes and the next smaller buffer they grow out of, 32 bytes for every 7 of
/// them, and a codec's tables.
fn bytes_held_max(len: usize, max_decompressed_bytes: usize) -> u64 {
    (8 * len.max(max_decompressed_bytes) + (1 << 20)) as u64
}

/// A batch that says it has `count` records in `payload`, with a correct checksum.
fn batch_of(compression: Compression, count: i32, payload: &[u8]) -> Vec<u8> {
    let mut batch = batch(Compression::None, 1)[..61].to_vec();
    batch.extend_from_slice(payload);
    let length = (batch.len() - 12) as u32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[22] = compression.id();
    batch[23..27].copy_from_slice(&i32::MAX.to_be_bytes());
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

fn compressed(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Compressor::new().compress(compression, bytes, &mut out);
    out
}

/// Decodes with new columns and a new decompressor, and checks what they hold at most.
fn read_within_bound(bytes: &[u8], max_decompressed_bytes: usize) -> Result<usize, RecordError> {
    let mut result = Ok(0);
    let held: AllocationInfo = measure(|| {
        let mut decompressor =
            Decompressor::new().with_max_decompressed_bytes(max_decompressed_bytes);
        result = read(bytes, &mut Columns::new(), &mut decompressor);
    });
    let bound = bytes_held_max(bytes.len(), max_decompressed_bytes);
    assert!(
        held.bytes_max <= bound,
        "{} bytes held at once, {bound} allowed, for {} bytes: {result:?}",
        held.bytes_max,
        bytes.len()
    );
    result
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let zeros = vec![0; 40_000_000];
    for compression in &CODECS[1..] {
        let payload = compressed(*compression, &zeros);
        let bomb = batch_of(*compression, 1, &payload);
        for limit in [1, 1000, 100_000, 1 << 20] {
            let refused = read_within_bound(&bomb, limit);
            assert!(
                matches!(refused, Err(RecordError::Decompress { .. })),
                "{compression}, {limit}: {refused:?}"
            );
        }
        // Within the limit it is decompressed, and found to hold no record.
        let refused = read_within_bound(&bomb, 40_000_000);
        assert!(
            matches!(refused, Err(RecordError::Record { .. })),
            "{compression}: {refused:?}"
        );
        // Many small streams one after another.
        let many = compressed(*compression, &zeros[..100_000]).repeat(100);
        let refused = read_within_bound(&batch_of(*compression, 1, &many), 1 << 20);
        assert!(
            matches!(refused, Err(RecordError::Decompress { .. })),
            "{compression}: {refused:?}"
        );
    }
}

/// A limit is exact: that many bytes are fine.
#[test]
fn what_decompresses_to_just_the_limit_is_read() {
    let plain = batch(Compression::None, 1000);
    let len = plain.len() - 61;
    for compression in &CODECS[1..] {
        let bytes = batch(*compression, 1000);
        assert_eq!(read_within_bound(&bytes, len), Ok(2000), "{compression}");
        let refused = read_within_bound(&bytes, len - 1);
        assert!(
            matches!(refused, Err(RecordError::Decompress { .. })),
            "{compression}: {refused:?}"
        );
    }
}

#[test]
fn what_a_header_claims_is_not_believed() {
    let records = &batch(Compression::None, 3)[61..];
    for compression in CODECS {
        let payload = compressed(compression, records);
        for count in [-1, 4, 1_000_000, i32::MAX, i32::MIN] {
            let refused = read_within_bound(&batch_of(compression, count, &payload), 1000);
            assert!(refused.is_err(), "{compression} {count}");
        }
    }
    let claims: [(Compression, &[u8]); 5] = [
        // 2³² - 1 bytes in one Snappy block, bare and framed.
        (Compression::Snappy, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]),
        (
            Compression::Snappy,
            b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x07\xff\xff\xff\xff\x0f\0\0",
        ),
        // Blocks of up to 4 MiB, one of two bytes.
        (
            Compression::Lz4,
            b"\x04\x22\x4d\x18\x60\x70\x73\x02\0\0\0\x10a\0\0\0\0",
        ),
        // A window of 128 MiB; then a frame of 2⁶⁰ bytes.
        (Compression::Zstd, b"\x28\xb5\x2f\xfd\x00\x88\x0b\0\0a"),
        (
            Compression::Zstd,
            b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0\x10\x0b\0\0a",
        ),
    ];
    for (compression, payload) in claims {
        let refused = read_within_bound(&batch_of(compression, 1, payload), 1 << 20);
        assert!(refused.is_err(), "{compression}");
    }
    // A gzip trailer that promises 4 GiB.
    let mut gzip = compressed(Compression::Gzip, records);
    let len = gzip.len();
    gzip[len - 4..].fill(0xff);
    assert!(read_within_bound(&batch_of(Compression::Gzip, 3, &gzip), 1 << 20).is_err());
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) as usize % bound
    }
}

#[test]
fn damaged_streams_behind_a_correct_checksum_end_in_records_or_an_error_within_the_bound() {
    const LIMIT: usize = 1 << 18;
    let sound = &batch(Compression::None, 400)[61..];
    let zeros = vec![0; LIMIT];
    let (mut read, mut refused) = (0, 0);
    for (seed, compression) in CODECS.into_iter().enumerate() {
        let mut random = Random(seed as u64);
        for payload in [
            compressed(compression, sound),
            compressed(compression, &zeros),
        ] {
            for _ in 0..1500 {
                let mut damaged = payload.clone();
                for _ in 0..=random.below(3) {
                    // The front is where the claims are.
                    let span = [damaged.len(), 24.min(damaged.len())][random.below(2)];
                    let at = random.below(span);
                    damaged[at] = [0, 0xff, 0x7f, random.below(256) as u8][random.below(4)];
                }
                if random.below(8) == 0 {
                    damaged.truncate(random.below(damaged.len()));
                }
                let batch = batch_of(compression, 400, &damaged);
                match read_within_bound(&batch, LIMIT) {
                    Ok(_) => read += 1,
                    Err(_) => refused += 1,
                }
            }
        }
    }
    println!("{read} read, {refused} refused");
    assert!(
        read > 100 && refused > 5000,
        "{read} read, {refused} refused"
    );
}
