//! Goal: our codecs agree with Kafka's, byte for byte, and refuse what is cut or corrupt. Method:
//! golden files written by Kafka's own Java code and captured from real brokers, each line read,
//! compared with the content it states, and written again.
//!
//! Prints a count for each file, and the names of what is out of scope. A line for something in scope
//! that is not defined is a failure. Arguments select files by a part of their name.

#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value gives null for what it lacks"
)]

mod captures;
mod messages;
mod primitives;
mod sasl;

use std::process::ExitCode;

use serde_json::Value;
use thalweg_tests::record_vectors;
use thalweg_tests::tally::{self, Outcome, Tally};
use thalweg_tests::vectors::{VectorFile, folder};

/// Checks one line of a file.
type Check = fn(&Value) -> Outcome;

/// The check for the lines of a file.
fn check_for(name: &str) -> Check {
    match name.strip_prefix("wire/").unwrap_or(name) {
        "messages/apis.json" => messages::api,
        "messages/frames.jsonl" => messages::frame,
        name if name.starts_with("messages/") => messages::message,
        name if name.starts_with("capture/") => captures::frame,
        "primitives/varints.jsonl" => primitives::varint,
        "primitives/uuids.jsonl" => primitives::uuid,
        "primitives/murmur2.jsonl" => primitives::murmur2,
        "primitives/checksums.jsonl" => primitives::checksum,
        "sasl/plain.jsonl" => sasl::plain,
        "sasl/scram.jsonl" => sasl::scram,
        "sasl/scram_bad.jsonl" => sasl::scram_bad,
        "sasl/oauthbearer.jsonl" => sasl::oauthbearer,
        name if name.starts_with("records/") => |line| record_vectors::check(line).into(),
        _ => |line| {
            Outcome::NotDefined(
                line["name"]
                    .as_str()
                    .unwrap_or("lines of this file")
                    .to_owned(),
            )
        },
    }
}

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let mut files = VectorFile::all("wire");
    files.retain(|file| filters.is_empty() || filters.iter().any(|f| file.name.contains(f)));
    println!("vectors of {}", folder().display());

    if let Err(missed) = canaries() {
        println!("FAILED: {missed}");
        return ExitCode::FAILURE;
    }

    let tallies = tally::check_all(&files, check_file);
    let total = tally::print(&tallies, "not defined");
    if total.failed() + total.not_defined() > 0 {
        let not_defined = total.not_defined();
        println!(
            "\nFAILED: {} of the lines, {not_defined} not defined",
            total.failed()
        );
        return ExitCode::FAILURE;
    }
    if total.passed() == 0 && filters.is_empty() {
        println!("\nFAILED: not one line was checked");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Lines that must fail, so that a check that checks nothing is noticed: a golden line as it is, then
/// with its bytes or its content changed.
fn canaries() -> Result<(), String> {
    let files = VectorFile::all("wire/messages");
    let heartbeats = files
        .iter()
        .find(|file| file.name.ends_with("/12_heartbeat.jsonl"));
    let golden = heartbeats
        .ok_or("no golden heartbeats")?
        .lines()
        .swap_remove(1);
    let hex = golden["hex"].as_str().ok_or("no bytes")?;
    let changed_bytes = format!(
        "{}{}",
        &hex[..hex.len() - 1],
        if hex.ends_with('0') { 1 } else { 0 }
    );
    let damages: [(&str, Value); 5] = [
        ("hex", Value::from(changed_bytes)),
        ("hex", Value::from(&hex[2..])),
        ("hex", Value::from(format!("{hex}00"))),
        ("json", Value::Object(serde_json::Map::new())),
        (
            "flexible",
            Value::from(!golden["flexible"].as_bool().unwrap_or_default()),
        ),
    ];
    if !matches!(messages::message(&golden), Outcome::Passed) {
        return Err(format!("the golden line {golden} fails"));
    }
    for (field, value) in damages {
        let mut line = golden.clone();
        line[field] = value;
        if !matches!(messages::message(&line), Outcome::Failed(_)) {
            return Err(format!("the damaged line {line} does not fail"));
        }
    }
    Ok(())
}

fn check_file(file: &VectorFile) -> Tally {
    let mut tally = Tally::new(&file.name);
    let check = check_for(&file.name);
    for (i, line) in file.lines().iter().enumerate() {
        let outcome = Outcome::of(|| check(line));
        tally.add(format!("line {}", i + 1), outcome);
    }
    tally
}
