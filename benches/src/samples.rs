//! What the benchmarks work on, the same in every run.

use bytes::Bytes;
use thalweg_protocol::ProducerId;
use thalweg_protocol::records::{Compression, Compressor, RecordBatchBuilder};

/// SplitMix64.
pub struct Random(u64);

impl Random {
    /// A sequence of its own for every seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// Keys of 8 and values of 100 bytes, with timestamps a few milliseconds apart.
pub fn small_records(count: usize) -> Vec<(i64, [u8; 8], [u8; 100])> {
    let mut random = Random::new(7);
    let record = |index| {
        let key = random.next_u64().to_be_bytes();
        let mut value = [0; 100];
        value.chunks_mut(8).for_each(|chunk| {
            chunk.copy_from_slice(
                random
                    .next_u64()
                    .to_be_bytes()
                    .get(..chunk.len())
                    .unwrap_or(&[]),
            );
        });
        (1_700_000_000_000 + index as i64 * 3, key, value)
    };
    (0..count).map(record).collect()
}

/// A batch of [`small_records`].
pub fn small_batch(count: usize, compression: Compression) -> Bytes {
    let mut builder = RecordBatchBuilder::new(compression);
    for (timestamp, key, value) in small_records(count) {
        builder
            .append(timestamp, Some(&key), Some(&value), &[])
            .expect("fits");
    }
    builder
        .build(&mut Compressor::new())
        .seal(ProducerId(1), 0, 0, false)
}

/// About `bytes` bytes of records of JSON bids, encoded as in a batch, without its header.
pub fn json_records(bytes: usize) -> Vec<u8> {
    const CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];
    let mut random = Random::new(11);
    let mut builder = RecordBatchBuilder::new(Compression::None);
    let mut time = 1_700_000_000_000;
    while builder.encoded_len() < bytes {
        let auction = 1000 + random.next_u64() % 500;
        let bidder = 1000 + random.next_u64() % 2000;
        let price = 100 + random.next_u64() % 10_000_000;
        let channel = CHANNELS.get(random.next_u64() as usize % 4).unwrap_or(&"");
        let extra = random.next_u64();
        time += (random.next_u64() % 3) as i64;
        let value = format!(
            "{{\"auction\":{auction},\"bidder\":{bidder},\"price\":{price},\"channel\":\"{channel}\",\
             \"url\":\"https://www.nexmark.com/{extra:x}/item.htm?query=1\",\"dateTime\":{time},\
             \"extra\":\"{extra:x}{bidder:x}{price:x}\"}}"
        );
        builder
            .append(
                time,
                Some(&auction.to_be_bytes()),
                Some(value.as_bytes()),
                &[],
            )
            .expect("fits");
    }
    let batch = builder
        .build(&mut Compressor::new())
        .seal(ProducerId(-1), -1, -1, false);
    batch.get(61..).unwrap_or_default().to_vec()
}
