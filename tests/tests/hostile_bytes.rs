//! Goal: whatever bytes arrive, decoding them ends in a message, records or an error, and allocates
//! no more than what is stated. Method: Kafka's golden vectors, damaged in every way a seeded
//! generator knows, through the functions that the fuzzers run, each allocation counted.

#![expect(
    clippy::indexing_slicing,
    reason = "an index out of bounds is a failed test"
)]

#[path = "../../protocol/fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is the library of another crate")]
mod targets;

use std::panic::catch_unwind;

use bytes::Bytes;
use thalweg_protocol::messages::MetadataResponse;
use thalweg_protocol::reflect::{CODECS, Codec, Field, Reflect, Slot, Value};
use thalweg_protocol::{ALLOCATION_BYTES_PER_FRAME_BYTE, DecodeReason, Decoder, Message};
use thalweg_tests::fuzz_seeds;
use thalweg_tests::vectors::{VectorFile, from_hex};

/// The golden messages that are defined here: codec, version and bytes.
fn golden_messages() -> Vec<(usize, i16, Vec<u8>)> {
    let mut messages = Vec::new();
    for file in VectorFile::all("wire/messages") {
        for line in file.lines() {
            let (Some(name), Some(version)) = (line["name"].as_str(), line["version"].as_i64())
            else {
                continue;
            };
            let index = CODECS.iter().position(|codec| codec.name == name);
            if let (Some(index), true) = (index, line["json"].is_object()) {
                let bytes = from_hex(line["hex"].as_str().expect("text"));
                messages.push((index, version as i16, bytes));
            }
        }
    }
    assert!(
        messages.len() > 2000,
        "only {} golden messages",
        messages.len()
    );
    messages
}

/// These eight bytes once made another library ask for 206 GB.
#[test]
fn a_response_that_claims_two_billion_brokers_is_refused_at_once() {
    let bytes = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    let mut result = None;
    let allocated = allocation_counter::measure(|| {
        result = Some(MetadataResponse::decode(
            &mut Decoder::new(bytes.clone()),
            0,
        ));
    });
    assert_eq!(allocated.bytes_total, 0);
    let error = result.expect("it ran").expect_err("there are no brokers");
    assert_eq!((error.offset, error.field), (4, "MetadataResponse.brokers"));
    let reason = DecodeReason::CountTooLarge {
        count: 0x7fff_ffff,
        element_bytes_min: 10,
        remaining: 4,
    };
    assert_eq!(error.reason, reason);
    for codec in CODECS {
        for version in codec.min_version..=codec.max_unstable_version {
            targets::decode_within_bound(codec, &bytes, version);
        }
    }
}

#[test]
fn a_count_that_lies_is_refused_wherever_it_stands() {
    let lies: [&[u8]; 6] = [
        &[0x7f, 0xff, 0xff, 0xff],
        &[0x00, 0x00, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0x03],
        &[0xff, 0x7f],
        &[0x80, 0x80, 0x80, 0x80, 0x80],
    ];
    let mut damaged = Vec::new();
    for (index, version, bytes) in golden_messages() {
        // Beyond that only longer texts and more elements follow.
        for offset in 0..bytes.len().min(400) {
            for lie in lies {
                damaged.clone_from(&bytes);
                let covered = lie.len().min(bytes.len() - offset);
                damaged[offset..offset + covered].copy_from_slice(&lie[..covered]);
                targets::decode_within_bound(&CODECS[index], &damaged, version);
            }
        }
    }
}

/// Fills all arrays with `counts[0]` elements that are as short on the wire as can be, the arrays
/// within them with `counts[1]`, and so on.
fn fill(message: &mut dyn Reflect, version: i16, counts: &[usize]) {
    message.fields(version, &mut |field: Field<'_>| {
        if field.present && !field.tagged {
            fill_value(field.value, version, counts);
        }
    });
}

fn fill_value(value: &mut dyn Value, version: i16, counts: &[usize]) {
    match value.slot() {
        Slot::Nullable(nullable) => {
            nullable.set_present(true);
            let value = nullable.value().expect("just set");
            if matches!(value.slot(), Slot::Array(_)) {
                fill_value(value, version, counts);
            } else {
                nullable.set_present(false);
            }
        }
        Slot::Array(array) => {
            let (count, within) = counts.split_first().unwrap_or((&0, &[]));
            array.clear();
            for i in 0..*count {
                array.push_default();
                fill_value(array.element(i).expect("just pushed"), version, within);
            }
        }
        Slot::Structure(structure) => fill(structure, version, counts),
        _ => {}
    }
}

/// The other side of the limit on memory: no sound message comes near it, however short its elements.
#[test]
fn sound_messages_stay_far_below_the_limit_on_memory() {
    let mut worst = (0, String::new());
    for codec in CODECS {
        for version in codec.min_version..=codec.max_unstable_version {
            for counts in [
                &[1000][..],
                &[1, 1000],
                &[40, 40],
                &[1, 1, 1000],
                &[10, 10, 10, 10],
            ] {
                let mut message = (codec.new)();
                fill(message.reflect(), version, counts);
                // A field may not be null although it is optional: leave it as it is.
                let Ok(bytes) = message.encode(version) else {
                    continue;
                };
                let frame = bytes.clone();
                let mut decoded = None;
                let allocated = allocation_counter::measure(|| {
                    decoded = Some((codec.decode)(&mut Decoder::new(frame), version));
                });
                let decoded = decoded.expect("it ran").unwrap_or_else(|error| {
                    panic!(
                        "{} version {version} with {counts:?} elements: {error}",
                        codec.name
                    )
                });
                let own = size_of_val(&*decoded) as u64;
                let factor = allocated.bytes_total.saturating_sub(own) / (bytes.len() as u64 + 1);
                if factor > worst.0 {
                    worst = (factor, format!("{} version {version}", codec.name));
                }
            }
        }
    }
    println!("at most {} bytes for one on the wire: {}", worst.0, worst.1);
    assert!(
        worst.0 < ALLOCATION_BYTES_PER_FRAME_BYTE as u64,
        "{worst:?}"
    );
}

/// A small generator of pseudo-random numbers (SplitMix64): the same seed, the same run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Changes some bytes: flips, cuts, doubles, and numbers at their limits.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let offset = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(offset),
            1 => bytes.insert(offset, random.next() as u8),
            2 if offset < bytes.len() => {
                bytes.remove(offset);
            }
            3 => {
                let piece = bytes[offset..].to_vec();
                let at = random.below(bytes.len());
                bytes.splice(at..at, piece);
            }
            4 => {
                let limits = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];
                let limit = limits[random.below(limits.len())];
                bytes[offset..]
                    .iter_mut()
                    .take(1 + random.below(5))
                    .for_each(|b| *b = limit);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(offset) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
        bytes.truncate(64 * 1024);
    }
}

/// What the fuzzers do, for a few seconds and always the same.
#[test]
fn damaged_messages_and_frames_end_in_a_value_or_an_error() {
    const SEED: u64 = 0x7468_616c_7765_6721;
    const ROUNDS: usize = 150_000;
    println!("seed {SEED:#x}, {ROUNDS} rounds");
    let golden = golden_messages();
    let mut frames = Vec::new();
    for line in VectorFile::all("wire/messages/")
        .iter()
        .find(|f| f.name.ends_with("frames.jsonl"))
        .expect("frames")
        .lines()
    {
        frames.push(from_hex(line["hex"].as_str().expect("text")));
    }
    let mut random = Random(SEED);
    let mut sound = 0;
    for _ in 0..ROUNDS {
        let (index, version, bytes) = &golden[random.below(golden.len())];
        let codec = &CODECS[*index];
        let mut damaged = bytes.clone();
        mutate(&mut damaged, &mut random);
        let decoded = targets::decode_within_bound(codec, &damaged, *version);
        sound += usize::from(decoded.is_some());
        damaged.splice(0..0, [*index as u8, (*version - codec.min_version) as u8]);
        targets::message(&damaged);

        let mut frame = frames[random.below(frames.len())].clone();
        mutate(&mut frame, &mut random);
        targets::frame(&frame);
    }
    // Damage that is never noticed, or always, would mean that little is tested.
    assert!(
        (ROUNDS / 20..ROUNDS * 19 / 20).contains(&sound),
        "{sound} of {ROUNDS} decoded"
    );
}

/// As above, from what the fuzzer of `target` begins with.
fn damaged_seeds_are_read_or_refused(target: &str, read: impl Fn(&[u8]) -> bool) {
    const SEED: u64 = 0x6261_7463_6865_7321;
    const ROUNDS: usize = 30_000;
    println!("seed {SEED:#x}, {ROUNDS} rounds");
    let mut random = Random(SEED);
    let seeds = fuzz_seeds::of(target);
    let whole = seeds.iter().filter(|seed| read(seed)).count();
    let mut sound = 0;
    for _ in 0..ROUNDS {
        let mut damaged = seeds[random.below(seeds.len())].clone();
        mutate(&mut damaged, &mut random);
        sound += usize::from(read(&damaged));
    }
    let count = seeds.len();
    println!("{target}: {whole} of {count} seeds read, {sound} damaged ones");
    assert!(whole > count / 4, "{whole} of {count} seeds read");
    assert!(
        (ROUNDS / 50..ROUNDS * 19 / 20).contains(&sound),
        "{sound} of {ROUNDS} read"
    );
}

#[test]
fn damaged_record_sets_end_in_records_or_an_error() {
    damaged_seeds_are_read_or_refused("record_set", |input| targets::record_set(input) > 0);
}

#[test]
fn damaged_streams_end_in_bytes_or_an_error() {
    damaged_seeds_are_read_or_refused("compressed", targets::compressed);
}

/// The canary of the bound: a decoder that takes what was not sent.
#[test]
fn a_decoder_that_allocates_out_of_proportion_is_seen() {
    let sound = Codec::named("MetadataRequest").expect("defined");
    let greedy = Codec {
        name: "Greedy",
        decode: |decoder, version| {
            assert_eq!(std::hint::black_box(vec![1_u8; 100_000]).len(), 100_000);
            let codec = Codec::named("MetadataRequest").expect("defined");
            (codec.decode)(decoder, version)
        },
        ..*sound
    };
    let bytes = [0; 100];
    targets::decode_within_bound(sound, &bytes, 0);
    let seen = catch_unwind(|| targets::decode_within_bound(&greedy, &bytes, 0).is_some());
    assert!(seen.is_err(), "100,000 bytes for 100 went unnoticed");
}
