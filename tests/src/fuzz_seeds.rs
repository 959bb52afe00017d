//! What the fuzzers of `protocol/fuzz` begin with: the golden vectors, in the form of their inputs.
//!
//! Fuzzers find the way into a format by chance, and slowly where checksums guard it; from sound
//! inputs they start behind it.

#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value gives null for what it lacks, and the vectors are as they are"
)]

use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;
use thalweg_protocol::records::{Columns, Compression, Decompressor, RecordBatch, RecordBatches};
use thalweg_protocol::reflect::CODECS;

use crate::fuzz_inputs::{CompressedInput, RecordSetForm, RecordSetInput};
use crate::vectors::{VectorFile, from_hex};

/// Longer ones make fuzzers slow and teach them nothing.
const SEED_BYTES_MAX: usize = 8 * 1024;

const CODED: [Compression; 4] = [
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

/// The names of the fuzz targets.
pub const TARGETS: [&str; 4] = ["frame", "message", "record_set", "compressed"];

/// The inputs that `target` begins with.
///
/// # Panics
/// There is no such target, or the vectors cannot be read.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = match target {
        "frame" => frames(),
        "message" => messages(),
        "record_set" => record_sets(),
        "compressed" => compressed(),
        other => panic!("no fuzz target {other}"),
    };
    seeds.retain(|seed| seed.len() <= SEED_BYTES_MAX);
    seeds.sort();
    seeds.dedup();
    assert!(seeds.len() > 100, "{target}: only {} seeds", seeds.len());
    seeds
}

/// Writes the seeds of every target into a folder of its name within `folder`.
///
/// # Errors
/// What the file system says.
pub fn write(folder: &Path) -> io::Result<()> {
    for target in TARGETS {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        for (number, seed) in of(target).iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:05}")), seed)?;
        }
    }
    Ok(())
}

fn bytes_of(vector: &Value) -> Vec<u8> {
    from_hex(vector["hex"].as_str().expect("text"))
}

fn frames() -> Vec<Vec<u8>> {
    let files = VectorFile::all("wire/messages/");
    let frames = files
        .iter()
        .find(|file| file.name.ends_with("frames.jsonl"));
    let lines = frames.expect("frames").lines();
    lines.iter().map(bytes_of).collect()
}

fn messages() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for line in VectorFile::all("wire/messages")
        .iter()
        .flat_map(VectorFile::lines)
    {
        let (Some(name), Some(version)) = (line["name"].as_str(), line["version"].as_i64()) else {
            continue;
        };
        let codecs = CODECS.iter().enumerate();
        for (index, codec) in codecs.filter(|(_, codec)| codec.name == name) {
            let version = version as i16 - codec.min_version;
            seeds.push([&[index as u8, version as u8][..], &bytes_of(&line)].concat());
        }
    }
    seeds
}

/// The record sets that Kafka's Java code wrote or was tried with, without those that differ from
/// another by a bit.
fn golden_record_sets() -> Vec<Vec<u8>> {
    let files = VectorFile::all("wire/records");
    let files = files.iter().filter(|file| !file.name.contains("bitflips"));
    let lines = files.flat_map(VectorFile::lines);
    lines.map(|line| bytes_of(&line)).collect()
}

fn record_sets() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, bytes) in golden_record_sets().iter().enumerate() {
        let mut seed = RecordSetInput {
            form: RecordSetForm::AsIs,
            compression: CODED[number % CODED.len()],
            magic: (number % 2) as u8,
            limit: 0,
            bytes,
        };
        seeds.push(seed.encode());
        seed.form = RecordSetForm::Resealed;
        seeds.push(seed.encode());
        for batch in RecordBatches::new(bytes).map_while(Result::ok) {
            if batch.magic() == 2
                && let Some(plain) = plain_records(&batch)
            {
                let form = RecordSetForm::Compressed;
                let bytes = &[&batch.bytes()[..61], &plain].concat();
                seeds.push(
                    RecordSetInput {
                        form,
                        bytes,
                        ..seed
                    }
                    .encode(),
                );
            }
        }
        let first = RecordBatches::new(bytes).next();
        if let Some(Ok(batch)) = first
            && batch.magic() < 2
            && batch.compression() == Ok(Compression::None)
        {
            let (form, magic) = (RecordSetForm::Wrapped, batch.magic() as u8);
            let numbers = 1_000_i64.to_be_bytes();
            let bytes = &[&numbers, &numbers, &bytes[..]].concat();
            seeds.push(
                RecordSetInput {
                    form,
                    magic,
                    bytes,
                    ..seed
                }
                .encode(),
            );
        }
    }
    seeds
}

/// The records of a sound batch of format 2, decompressed.
fn plain_records(batch: &RecordBatch<'_>) -> Option<Vec<u8>> {
    let mut decompressor = Decompressor::new();
    Columns::new().decode(batch, &mut decompressor).ok()?;
    let mut plain = Vec::new();
    let records = &batch.bytes()[61..];
    decompressor
        .decompress(batch.compression().ok()?, records, &mut plain)
        .ok()?;
    Some(plain)
}

fn compressed() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, bytes) in golden_record_sets().iter().enumerate() {
        for batch in RecordBatches::new(bytes).map_while(Result::ok) {
            let Ok(compression) = batch.compression() else {
                continue;
            };
            if batch.magic() < 2 {
                continue;
            }
            let limit = u8::from(number % 8 == 0);
            let records = &batch.bytes()[61..];
            let (level, bytes) = (number as u8 & 0x3f, records);
            let seed = CompressedInput {
                compression,
                level,
                limit,
                bytes,
            };
            seeds.push(seed.encode());
            // To be compressed.
            if compression == Compression::None {
                let codecs = CODED.map(|compression| CompressedInput {
                    compression,
                    ..seed
                });
                seeds.extend(codecs.map(|seed| seed.encode()));
            }
        }
    }
    seeds
}
