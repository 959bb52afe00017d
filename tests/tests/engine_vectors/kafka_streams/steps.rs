//! Records in, records out, as Kafka Streams' test driver takes them.

use serde_json::{Value, json};
use thalweg::Topology;
use thalweg::testing::{TestDriver, TestError, TestRecord};

use crate::compare::{entries, equal, equal_by};

/// What a case came to.
pub(crate) struct Results {
    /// What was written, each with the step it came from.
    pub(crate) records: Vec<Value>,
    /// The step of each late element, as often as one was dropped.
    pub(crate) late_at: Vec<Value>,
    pub(crate) keyless_skipped: u64,
}

/// A program with the topics it writes.
pub(crate) struct Program {
    pub(crate) topology: Topology,
    pub(crate) outputs: &'static [&'static str],
    /// Reads a record as the entry of a case, without topic and step.
    pub(crate) read: fn(&TestRecord) -> Value,
}

/// Takes a program through all steps, committing after each; with `restart_every`, it loses its
/// tasks after every so many and makes them again from what was committed.
pub(crate) fn run(
    program: &Program,
    case: &Value,
    restart_every: Option<usize>,
) -> Result<Results, TestError> {
    let mut driver = TestDriver::new(&program.topology);
    let mut clock = 0;
    // Of the tasks that were lost.
    let mut keyless_before = 0;
    let mut late_seen = 0;
    let mut results = Results {
        records: Vec::new(),
        late_at: Vec::new(),
        keyless_skipped: 0,
    };
    for (index, step) in case["input"].as_array().into_iter().flatten().enumerate() {
        match step["topic"].as_str() {
            Some(topic) => driver.send_batch(topic, &[record(step)])?,
            None => {
                clock += step["advance_wall_clock_ms"].as_i64().unwrap_or(0);
                driver.set_clock(clock)?;
            }
        }
        driver.commit()?;
        for topic in program.outputs {
            for written in driver.take(topic) {
                let mut entry = (program.read)(&written);
                entry["topic"] = (*topic).into();
                entry["timestamp"] = written.timestamp.into();
                entry["at"] = index.into();
                results.records.push(entry);
            }
        }
        for _ in late_seen..driver.late_dropped() {
            results.late_at.push(index.into());
        }
        late_seen = driver.late_dropped();
        if restart_every.is_some_and(|steps| index % steps == steps - 1) {
            keyless_before += driver.keyless_skipped();
            driver.restart()?;
            late_seen = 0;
        }
    }
    results.keyless_skipped = keyless_before + driver.keyless_skipped();
    Ok(results)
}

fn record(step: &Value) -> TestRecord {
    let value = match &step["value"] {
        Value::Null => None,
        Value::String(text) => Some(text.as_bytes().to_vec()),
        number => Some(number.to_string().into_bytes()),
    };
    TestRecord {
        timestamp: step["timestamp"].as_i64().expect("a timestamp"),
        key: step["key"].as_str().map(|key| key.as_bytes().to_vec()),
        value,
        ..TestRecord::default()
    }
}

/// Reads a record with a number, or none, for its value.
pub(crate) fn read_number(record: &TestRecord) -> Value {
    let number: Value = record.value.as_deref().map_or(Value::Null, |value| {
        serde_json::from_slice(value).expect("a number")
    });
    json!({"key": key(record), "value": number})
}

/// Reads a record with text, or none, for its value.
pub(crate) fn read_text(record: &TestRecord) -> Value {
    let text = record.value.is_some().then(|| record.value_text());
    json!({"key": key(record), "value": text})
}

fn key(record: &TestRecord) -> Option<String> {
    record.key.is_some().then(|| record.key_text())
}

/// Compares what came out with `expected` of the case, by its `order`, and what was late.
pub(crate) fn compare(results: Results, case: &Value) -> Result<(), String> {
    let Results {
        records, late_at, ..
    } = results;
    let expected = entries(&case["late_at"]);
    equal("late element at step", &late_at, &expected)?;
    if case["dropped_late"] != late_at.len() {
        let (dropped, expected) = (late_at.len(), &case["dropped_late"]);
        return Err(format!("{dropped} were dropped as late, not {expected}"));
    }
    let expected = if case["expected_long_retention"].is_null() {
        entries(&case["expected"])
    } else {
        // The engine keeps a window until it closes, which is what a long retention does.
        entries(&case["expected_long_retention"])
    };
    let fields: &[&str] = match case["order"].as_str() {
        Some("per_key") => &["topic", "key"],
        Some("per_window") => &["topic", "key", "window_start", "window_end"],
        _ => return Err(format!("no comparison for the order {}", case["order"])),
    };
    equal_by("record", fields, records, expected)
}
