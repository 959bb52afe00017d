//! Goal: the engine gives what Apache Flink 2.3 and Kafka Streams 4.3 give, wherever it has the
//! operator. Method: inputs and outputs recorded there (`tests/vectors/flink` and
//! `tests/vectors/kafka-streams`, whose READMEs have the rules), each run through a program of the
//! engine in the test driver, and compared as strictly as its `order` says.
//!
//! Prints a count for each group. A case whose operator is not built is counted as such, by its
//! name, never as passed. Arguments select groups by a part of their name.

#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value gives null for what it lacks"
)]

mod canaries;
mod compare;
mod flink;
mod kafka_streams;

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::Value;
use thalweg_tests::tally::{self, Outcome, Tally};
use thalweg_tests::vectors::{VectorFile, folder};

/// Checks one case, given all cases of its group.
type Check = fn(&Value, &[Value]) -> Outcome;

/// Cases of one kind, in one file or in one folder.
struct Group {
    name: String,
    cases: Vec<Value>,
}

/// The check for the cases of a group.
fn check_for(group: &str) -> Check {
    match group {
        "flink/nexmark" => flink::nexmark::check,
        "flink/process" | "flink/windows" => |case, _| flink::windows::check(case),
        "flink/watermarks" => |case, _| flink::watermarks::check(case),
        "flink/wordcount" => |case, _| flink::word_count::check(case),
        // Java's hashes of keys: the engine's partitions are Kafka's.
        "flink/keygroups" => |case, _| out_of_scope(case),
        "kafka-streams/stateless" => |case, _| kafka_streams::stateless::check(case),
        "kafka-streams/table" => |case, _| kafka_streams::table::check(case),
        // The client's: `tests/assignors.rs` and `tests/partitioner.rs` have them.
        group if group.contains("/client-") || group.ends_with("-client-assignor") => {
            |case, _| out_of_scope(case)
        }
        group if group.starts_with("kafka-streams/") => {
            |case, _| kafka_streams::windows::check(case)
        }
        _ => |case, _| not_built(case),
    }
}

/// A case whose operator is not built.
fn not_built(case: &Value) -> Outcome {
    Outcome::NotDefined(name(case))
}

/// A case that is nothing for the engine.
fn out_of_scope(case: &Value) -> Outcome {
    Outcome::OutOfScope(name(case))
}

fn name(case: &Value) -> String {
    case["case"].as_str().unwrap_or("no name").to_owned()
}

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    println!("vectors of {}", folder().display());
    let mut groups = groups();
    if let Err(missed) = canaries::check(&groups) {
        println!("FAILED: {missed}");
        return ExitCode::FAILURE;
    }
    groups.retain(|group| filters.is_empty() || filters.iter().any(|f| group.name.contains(f)));

    let tallies = tally::check_all(&groups, check_group);
    let total = tally::print(&tallies, "not built");
    if total.failed() > 0 {
        println!("\nFAILED: {} of the cases", total.failed());
        return ExitCode::FAILURE;
    }
    if total.passed() == 0 && filters.is_empty() {
        println!("\nFAILED: not one case was checked");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// All groups: `flink/windows` is the file `flink/windows.jsonl`, or the files in `flink/windows/`.
fn groups() -> Vec<Group> {
    let mut cases: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for engine in ["flink", "kafka-streams"] {
        for file in VectorFile::all(engine) {
            let within = file.name.split('/').nth(1).unwrap_or_default();
            let group = within.split('.').next().unwrap_or_default();
            let documents = file.documents();
            let documents = documents
                .into_iter()
                .filter(|case| case["case"].is_string());
            cases
                .entry(format!("{engine}/{group}"))
                .or_default()
                .extend(documents);
        }
    }
    cases.retain(|_, cases| !cases.is_empty());
    cases
        .into_iter()
        .map(|(name, cases)| Group { name, cases })
        .collect()
}

fn check_group(group: &Group) -> Tally {
    let mut tally = Tally::new(&group.name);
    let check = check_for(&group.name);
    for case in &group.cases {
        let outcome = Outcome::of(|| check(case, &group.cases));
        let name = case["case"].as_str().unwrap_or_default();
        tally.add(format!("{name}-{}", case["seed"]), outcome);
    }
    tally
}
