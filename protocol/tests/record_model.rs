//! Goal: the columns are right about every batch, sound or not. Method: a second decoder, slow and
//! plain, that follows the format's description and shares nothing with the first, beside it on
//! random batches, and on batches damaged behind a correct checksum.

#![expect(
    clippy::indexing_slicing,
    reason = "bytes are put together by hand, and a panic fails the test"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use thalweg_protocol::records::{
    Columns, Compression, Compressor, Decompressor, RecordBatchBuilder, RecordBatches, RecordError,
};
use thalweg_protocol::{Offset, ProducerId};

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

/// Header, and then what lies where.
const HEADER_BYTES: usize = 61;
const CRC: std::ops::Range<usize> = 17..21;

/// A record that owns its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    offset_delta: i32,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

/// The plain decoder: the records of a batch that is not compressed, or `None` where it breaks the
/// format.
mod plain {
    use super::Record;

    struct Input<'a>(&'a [u8]);

    impl<'a> Input<'a> {
        fn bytes(&mut self, len: i64) -> Option<&'a [u8]> {
            let len = usize::try_from(len).ok()?;
            if len > self.0.len() {
                return None;
            }
            let (bytes, rest) = self.0.split_at(len);
            self.0 = rest;
            Some(bytes)
        }

        /// A zigzag number of at most `bits` bits.
        fn number(&mut self, bits: u32) -> Option<i64> {
            let mut raw: u128 = 0;
            for index in 0..bits.div_ceil(7) {
                let byte = self.bytes(1)?[0];
                raw |= u128::from(byte & 0x7f) << (7 * index);
                if byte & 0x80 == 0 {
                    let raw = raw as u64 & (u64::MAX >> (64 - bits));
                    let half = (raw >> 1) as i64;
                    return Some(if raw & 1 == 0 { half } else { -half - 1 });
                }
            }
            None
        }

        fn nullable(&mut self) -> Option<Option<Vec<u8>>> {
            match self.number(32)? {
                -1 => Some(None),
                len => Some(Some(self.bytes(len)?.to_vec())),
            }
        }
    }

    pub(crate) fn records(
        bytes: &[u8],
        count: i32,
        base_timestamp: i64,
        last_offset_delta: i32,
    ) -> Option<Vec<Record>> {
        let mut input = Input(bytes);
        let mut records: Vec<Record> = Vec::new();
        let count = u32::try_from(count).ok()?;
        for _ in 0..count {
            let len = input.number(32)?;
            let record = record(&mut Input(input.bytes(len)?), base_timestamp)?;
            let after = records.last().map_or(-1, |before| before.offset_delta);
            if record.offset_delta <= after || record.offset_delta > last_offset_delta {
                return None;
            }
            records.push(record);
        }
        input.0.is_empty().then_some(records)
    }

    fn record(input: &mut Input<'_>, base_timestamp: i64) -> Option<Record> {
        let _attributes = input.bytes(1)?;
        let timestamp = base_timestamp.checked_add(input.number(64)?)?;
        let offset_delta = input.number(32)? as i32;
        let key = input.nullable()?;
        let value = input.nullable()?;
        let mut headers = Vec::new();
        let count = input.number(32)?;
        if count < 0 {
            return None;
        }
        for _ in 0..count {
            let name = String::from_utf8(input.nullable()??).ok()?;
            headers.push((name, input.nullable()?));
        }
        let record = Record {
            offset_delta,
            timestamp,
            key,
            value,
            headers,
        };
        input.0.is_empty().then_some(record)
    }
}

/// What the plain decoder makes of a whole batch.
fn plainly(batch: &[u8]) -> Option<Vec<Record>> {
    let number = |at: usize| i32::from_be_bytes(batch[at..at + 4].try_into().expect("four"));
    let base_timestamp = i64::from_be_bytes(batch[27..35].try_into().expect("eight"));
    plain::records(
        &batch[HEADER_BYTES..],
        number(57),
        base_timestamp,
        number(23),
    )
}

/// What the columns make of it.
fn by_columns(batch: &[u8], columns: &mut Columns) -> Result<Vec<Record>, RecordError> {
    let mut batches = RecordBatches::new(batch);
    let batch = batches.next().expect("whole")?;
    let rows = columns.decode(&batch, &mut Decompressor::new())?;
    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    let records = rows.iter().map(|row| Record {
        offset_delta: (row.offset.0 - batch.base_offset().0) as i32,
        timestamp: row.timestamp,
        key: owned(row.key),
        value: owned(row.value),
        headers: row
            .headers
            .map(|(name, value)| (name.to_owned(), owned(value)))
            .collect(),
    });
    Ok(records.collect())
}

fn build(records: &[Record], compression: Compression) -> Vec<u8> {
    let mut builder = RecordBatchBuilder::new(compression).with_batch_bytes_max(usize::MAX);
    for record in records {
        let headers: Vec<_> = record
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .collect();
        builder
            .append_at(
                record.offset_delta,
                record.timestamp,
                record.key.as_deref(),
                record.value.as_deref(),
                &headers,
            )
            .expect("the records are in order");
    }
    let batch = builder.build(&mut Compressor::new());
    batch.seal(ProducerId(-1), -1, -1, false).to_vec()
}

fn with_checksum(mut batch: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&batch[CRC.end..]);
    batch[CRC].copy_from_slice(&crc.to_be_bytes());
    batch
}

/// Lengths on both sides of where a length's encoding grows.
fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
    let len = prop_oneof![4 => 0..20_usize, 2 => 60..70_usize, 1 => 8185..8200_usize];
    let bytes = (len, any::<u8>()).prop_map(|(len, first)| {
        (0..len)
            .map(|index| first.wrapping_add((index / 3) as u8))
            .collect()
    });
    proptest::option::weighted(0.8, bytes)
}

fn timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 1_700_000_000_000..1_700_000_000_100_i64,
        2 => 1_700_000_000_000..1_700_000_100_000_i64,
        1 => -1..=i64::MAX,
    ]
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let headers = vec((".{0,5}", bytes()), 0..3);
    let headers = prop_oneof![3 => Just(Vec::new()), 1 => headers];
    let gap = prop_oneof![9 => Just(1), 1 => 1..10_000_i32];
    vec((gap, timestamp(), bytes(), bytes(), headers), 0..40).prop_map(|parts| {
        let mut next = -1;
        let record = |(gap, timestamp, key, value, headers)| {
            next += gap;
            Record {
                offset_delta: next,
                timestamp,
                key,
                value,
                headers,
            }
        };
        parts.into_iter().map(record).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_decoders_read_what_was_built(records in records()) {
        let mut columns = Columns::new();
        let bytes = build(&records, Compression::None);
        prop_assert_eq!(plainly(&bytes), Some(records.clone()));
        for compression in CODECS {
            let bytes = build(&records, compression);
            prop_assert_eq!(by_columns(&bytes, &mut columns), Ok(records.clone()));
        }
    }

    #[test]
    fn rows_begin_at_the_offset_asked_for(records in records(), from in 0..40_i64) {
        let bytes = build(&records, Compression::None);
        let batch = RecordBatches::new(&bytes).next().expect("whole").expect("sound");
        let mut columns = Columns::new();
        let rows = columns.decode(&batch, &mut Decompressor::new()).expect("sound");
        let wanted = records.iter().filter(|record| i64::from(record.offset_delta) >= from);
        let found = rows.starting_at(Offset(from));
        prop_assert_eq!(found.len(), wanted.count());
        prop_assert!(found.iter().all(|row| row.offset.0 >= from));
    }
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

/// A batch with a few bytes changed, taken out or put in, its length and checksum made to fit.
fn damage(batch: &[u8], random: &mut Random) -> Vec<u8> {
    let mut damaged = batch.to_vec();
    for _ in 0..=random.below(3) {
        // The count and the last offset now and then, most often a record.
        let at = match random.below(8) {
            0 => 23 + random.below(4),
            1 => 57 + random.below(4),
            _ => HEADER_BYTES + random.below(damaged.len() - HEADER_BYTES),
        };
        let byte = [0, 1, 2, 0x7f, 0x80, 0xff, random.below(256) as u8][random.below(7)];
        match random.below(6) {
            0 if at >= HEADER_BYTES && damaged.len() > HEADER_BYTES + 1 => {
                damaged.remove(at);
            }
            1 if at >= HEADER_BYTES => damaged.insert(at, byte),
            2 => damaged[at] ^= 1 << random.below(8),
            _ => damaged[at] = byte,
        }
    }
    let length = (damaged.len() - 12) as u32;
    damaged[8..12].copy_from_slice(&length.to_be_bytes());
    with_checksum(damaged)
}

/// Damage that is not seen by the checksum is seen by both decoders, or by none.
#[test]
fn both_decoders_refuse_the_same_batches() {
    let record = |offset_delta: i32,
                  key: Option<&[u8]>,
                  len: usize,
                  headers: &[(&str, Option<&[u8]>)]| Record {
        offset_delta,
        timestamp: 1_700_000_000_000 + i64::from(offset_delta) * 50,
        key: key.map(<[u8]>::to_vec),
        value: Some(vec![7; len]),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.map(<[u8]>::to_vec)))
            .collect(),
    };
    let batches = [
        vec![record(0, None, 0, &[])],
        vec![record(0, Some(b"k"), 3, &[("h", Some(b"v")), ("n", None)])],
        (0..5)
            .map(|i| record(i, Some(b"key"), 10, &[]))
            .collect::<Vec<_>>(),
        (0..90).map(|i| record(i * 2, None, 70, &[])).collect(),
        (0..3)
            .map(|i| record(i, Some(b""), 200, &[("name", Some(&[1; 70]))]))
            .collect(),
    ];
    let (mut read, mut refused) = (0, 0);
    let mut columns = Columns::new();
    for (seed, records) in batches.iter().enumerate() {
        let sound = build(records, Compression::None);
        let mut random = Random(seed as u64);
        for round in 0..20_000 {
            let damaged = damage(&sound, &mut random);
            // Offsets that make no sense are refused with the header already.
            let negative = damaged[23] & 0x80 != 0;
            let plain = plainly(&damaged).filter(|_| !negative);
            let fast = by_columns(&damaged, &mut columns);
            match (&plain, &fast) {
                (Some(plain), Ok(fast)) if plain == fast => read += 1,
                (None, Err(_)) => refused += 1,
                _ => panic!(
                    "seed {seed}, round {round}: plain {plain:?}, columns {fast:?}: {damaged:02x?}"
                ),
            }
        }
    }
    println!("{read} read, {refused} refused");
    assert!(
        read > 10_000 && refused > 10_000,
        "{read} read, {refused} refused"
    );
}
