//! The bids of the benchmark: event `i` of a seed, made from eleven random words.
//!
//! The words come from splitmix64 with random access, so any event can be made alone, and every
//! program that follows the same text makes the same bytes.

use std::io::Write;

/// Words set aside for each event; eleven of them are used.
const WORDS_PER_EVENT: u64 = 16;
/// Three auctions open for every 46 bids, as in Nexmark.
const BIDS_PER_AUCTIONS: u64 = 46;
const AUCTIONS_PER_BIDS: u64 = 3;
const AUCTIONS_IN_FLIGHT: u64 = 100;
const FIRST_ID: u64 = 1_000;
/// The event time of event 0, in milliseconds.
pub(crate) const FIRST_EVENT_TIME: i64 = 1_700_000_000_000;
const EVENTS_PER_MS: u64 = 10;

/// One bid, not yet written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bid {
    /// What is bid on; the record's key, in decimal.
    pub(crate) auction: u64,
    /// Who bids.
    pub(crate) bidder: u64,
    /// How much.
    pub(crate) price: u64,
    /// When, in milliseconds; the record's timestamp.
    pub(crate) date_time: i64,
    channel: u64,
    /// The words that the letters of `url` and `extra` are made from.
    letters: [u64; 5],
}

impl Bid {
    /// Event `i` of `seed`.
    pub(crate) fn of(seed: u64, i: u64) -> Self {
        let word = |k: u64| {
            let step = (i.wrapping_mul(WORDS_PER_EVENT)).wrapping_add(k + 1);
            mix(seed.wrapping_add(step.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        };
        let last = i / BIDS_PER_AUCTIONS * AUCTIONS_PER_BIDS + 2;
        let low = last.saturating_sub(AUCTIONS_IN_FLIGHT);
        let auction = if word(0) % 2 == 0 {
            last / AUCTIONS_IN_FLIGHT * AUCTIONS_IN_FLIGHT
        } else {
            low + word(1) % (last - low + 11)
        };
        let digits = u32::try_from(word(4) % 6).expect("less than 6");
        Self {
            auction: FIRST_ID + auction,
            bidder: FIRST_ID + word(2) % 1_000,
            price: 1 + word(3) % 10_u64.pow(2 + digits),
            date_time: FIRST_EVENT_TIME
                + i64::try_from(i / EVENTS_PER_MS).expect("before 292 M years"),
            channel: word(5) % 10_000,
            letters: [word(6), word(7), word(8), word(9), word(10)],
        }
    }

    /// Appends the record's key: the auction in decimal.
    pub(crate) fn write_key(&self, key: &mut Vec<u8>) {
        decimal(key, self.auction);
    }

    /// Appends the record's value: JSON without white space, about 229 bytes.
    pub(crate) fn write_value(&self, value: &mut Vec<u8>) {
        let [url, extra @ .., last] = self.letters;
        value.extend_from_slice(b"{\"auction\":");
        decimal(value, self.auction);
        value.extend_from_slice(b",\"bidder\":");
        decimal(value, self.bidder);
        value.extend_from_slice(b",\"price\":");
        decimal(value, self.price);
        value.extend_from_slice(b",\"channel\":\"channel-");
        decimal(value, self.channel);
        value.extend_from_slice(b"\",\"url\":\"https://www.nexmark.com/");
        for part in 0..3 {
            let [a, b, c, d, e, ..] = letters(url >> (20 * part));
            value.extend_from_slice(&[a, b, c, d, e, b'/']);
        }
        value.extend_from_slice(b"item.htm?query=1\",\"dateTime\":");
        decimal(value, self.date_time.unsigned_abs());
        value.extend_from_slice(b",\"extra\":\"");
        for word in extra {
            value.extend_from_slice(&letters(word));
            value.extend_from_slice(&letters(word >> 32));
        }
        value.extend_from_slice(&letters(last));
        value.extend_from_slice(b"\"}");
    }
}

/// splitmix64's finaliser.
fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}

/// The lowest eight groups of four bits as letters from `a` to `p`, lowest first.
fn letters(word: u64) -> [u8; 8] {
    // Spreads 32 bits over eight bytes, four each.
    let mut spread = word & 0xFFFF_FFFF;
    spread = (spread | spread << 16) & 0x0000_FFFF_0000_FFFF;
    spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF;
    spread = (spread | spread << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    (spread + 0x6161_6161_6161_6161).to_le_bytes()
}

fn decimal(out: &mut Vec<u8>, number: u64) {
    write!(out, "{number}").expect("writing to a vector does not fail");
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};
    use thalweg_protocol::murmur2;

    use super::*;

    /// Lines of `partition <tab> key <tab> value`, for four partitions.
    fn digest(seed: u64, events: u64) -> String {
        let (mut hash, mut line) = (Sha256::new(), Vec::new());
        for i in 0..events {
            let bid = Bid::of(seed, i);
            let mut key = Vec::new();
            bid.write_key(&mut key);
            line.clear();
            decimal(&mut line, u64::from((murmur2(&key) & 0x7FFF_FFFF) % 4));
            line.push(b'\t');
            line.extend_from_slice(&key);
            line.push(b'\t');
            bid.write_value(&mut line);
            line.push(b'\n');
            hash.update(&line);
        }
        hash.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    #[test]
    fn the_first_20_000_bids_are_those_of_the_benchmark_bit_for_bit() {
        let expected = "7a1bf71220626cfe828e03ed09f8ba01ddc5cbbe235df2edb4c72b1f5c94b7f2";
        assert_eq!(digest(42, 20_000), expected);
        assert_ne!(digest(43, 20_000), expected, "the seed matters");
    }

    #[test]
    fn values_are_229_bytes_on_average_and_parse() {
        let mut value = Vec::new();
        for i in (0..4_000_000).step_by(1_000) {
            Bid::of(42, i).write_value(&mut value);
        }
        let mean = value.len() as f64 / 4_000.0;
        assert!((228.0..230.0).contains(&mean), "{mean}");
        for i in [0, 45, 46, u64::MAX / 64] {
            let bid = Bid::of(u64::MAX, i);
            value.clear();
            bid.write_value(&mut value);
            let parsed: serde_json::Value = serde_json::from_slice(&value).expect("JSON");
            assert_eq!(parsed["auction"], bid.auction);
            assert_eq!(parsed["price"], bid.price);
            assert_eq!(parsed["dateTime"], bid.date_time);
        }
    }
}
