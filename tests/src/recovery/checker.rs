//! Judges what a job wrote against a recomputation from what it was given.
//!
//! It knows the three jobs and nothing of the engine: no loss, no duplicate, nothing foreign, and
//! the records of a key in the order of its input.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::recovery::Mode;

/// One record as a `read_committed` reader saw it, in the order of its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRecord {
    /// The record's key.
    pub key: String,
    /// The record's value.
    pub value: String,
    /// The record's timestamp, in milliseconds.
    pub timestamp: i64,
}

/// What can be wrong with an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// An input record, or a window, has left no trace.
    Lost,
    /// An input record counted, or was written, more than once.
    Duplicated,
    /// The records of a key are not in the order of its input.
    Reordered,
    /// A record that no input explains.
    Foreign,
}

/// How many faults an output has, with some of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many input records were compared.
    pub inputs: usize,
    /// How many output records were compared.
    pub outputs: usize,
    faults: BTreeMap<Fault, (usize, Vec<String>)>,
}

/// So many examples of each fault are kept.
const EXAMPLES: usize = 5;

impl Verdict {
    /// True if the output is exactly what the input asks for.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.faults.is_empty()
    }

    /// How often this fault was found.
    #[must_use]
    pub fn count(&self, fault: Fault) -> usize {
        self.faults.get(&fault).map_or(0, |(count, _)| *count)
    }

    fn add(&mut self, fault: Fault, times: usize, example: impl FnOnce() -> String) {
        if times == 0 {
            return;
        }
        let (count, examples) = self.faults.entry(fault).or_default();
        *count += times;
        if examples.len() < EXAMPLES {
            examples.push(example());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records in, {} out: ", self.inputs, self.outputs)?;
        if self.is_exact() {
            return write!(f, "exact");
        }
        for (fault, (count, examples)) in &self.faults {
            write!(f, "\n  {fault:?} {count} times")?;
            for example in examples {
                write!(f, "\n    {example}")?;
            }
        }
        Ok(())
    }
}

/// Compares the output of the job with what its input asks for.
///
/// Both must hold the records of a key in order; the order between keys means nothing.
#[must_use]
pub fn check(mode: Mode, input: &[SeenRecord], output: &[SeenRecord]) -> Verdict {
    let mut verdict = Verdict {
        inputs: input.len(),
        outputs: output.len(),
        ..Verdict::default()
    };
    match mode {
        Mode::Pass => check_pass(input, output, &mut verdict),
        Mode::Counts => check_counts(input, output, &mut verdict),
        Mode::Windows { window_ms } => check_windows(window_ms, input, output, &mut verdict),
    }
    verdict
}

/// The values of each key, in order.
fn by_key(records: &[SeenRecord]) -> BTreeMap<&str, Vec<&str>> {
    let mut keys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in records {
        keys.entry(&record.key).or_default().push(&record.value);
    }
    keys
}

/// Each key's values must come out as they went in.
fn check_pass(input: &[SeenRecord], output: &[SeenRecord], verdict: &mut Verdict) {
    compare_sequences(by_key(input), by_key(output), verdict);
}

/// Each key's values must be 1, 2, 3 up to the number of its records.
fn check_counts(input: &[SeenRecord], output: &[SeenRecord], verdict: &mut Verdict) {
    let lengths: Vec<(&str, usize)> = by_key(input)
        .into_iter()
        .map(|(key, values)| (key, values.len()))
        .collect();
    let longest = lengths.iter().map(|(_, length)| *length).max().unwrap_or(0);
    let numbers: Vec<String> = (1..=longest).map(|number| number.to_string()).collect();
    let expected = lengths
        .into_iter()
        .map(|(key, length)| {
            (
                key,
                numbers.iter().take(length).map(String::as_str).collect(),
            )
        })
        .collect();
    compare_sequences(expected, by_key(output), verdict);
}

/// Compares sequences in which no value comes twice.
fn compare_sequences(
    expected: BTreeMap<&str, Vec<&str>>,
    mut seen: BTreeMap<&str, Vec<&str>>,
    verdict: &mut Verdict,
) {
    for (key, expected) in expected {
        let seen = seen.remove(key).unwrap_or_default();
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        let mut in_order = Vec::with_capacity(seen.len());
        for value in seen {
            let times = times.entry(value).or_default();
            *times += 1;
            if *times == 1 {
                in_order.push(value);
            }
        }
        let wanted: BTreeSet<&str> = expected.iter().copied().collect();
        for value in &expected {
            match times.get(value) {
                None => verdict.add(Fault::Lost, 1, || format!("{key}: {value}")),
                Some(times) => verdict.add(Fault::Duplicated, times - 1, || {
                    format!("{key}: {value}, {times} times")
                }),
            }
        }
        for value in in_order.iter().filter(|value| !wanted.contains(*value)) {
            verdict.add(Fault::Foreign, 1, || format!("{key}: {value}"));
        }
        // What is lost or foreign was said already: compare the order of the rest.
        let arrived = expected.iter().filter(|value| times.contains_key(*value));
        let found = in_order.iter().filter(|value| wanted.contains(*value));
        if let Some((value, _)) = found.zip(arrived).find(|(found, arrived)| found != arrived) {
            verdict.add(Fault::Reordered, 1, || format!("{key}: from {value} on"));
        }
    }
    for (key, values) in seen {
        verdict.add(Fault::Foreign, values.len(), || {
            format!("{key}: not in the input")
        });
    }
}

/// Count and sum of a window.
type Tally = (u64, i128);

/// Each window's last update must be exact, and its updates must count upwards.
fn check_windows(
    window_ms: i64,
    input: &[SeenRecord],
    output: &[SeenRecord],
    verdict: &mut Verdict,
) {
    let mut expected: BTreeMap<String, Tally> = BTreeMap::new();
    for record in input {
        let start = record.timestamp - record.timestamp.rem_euclid(window_ms.max(1));
        let (count, sum) = expected
            .entry(format!("{}@{start}", record.key))
            .or_default();
        *count += 1;
        // The input is our own: all values are numbers.
        *sum += record.value.parse::<i128>().unwrap_or(0);
    }
    let mut last: BTreeMap<&str, Tally> = BTreeMap::new();
    for record in output {
        let Some(tally) = parse_tally(&record.value) else {
            verdict.add(Fault::Foreign, 1, || {
                format!("{}: {:?}", record.key, record.value)
            });
            continue;
        };
        let before = last
            .insert(&record.key, tally)
            .map_or(0, |(count, _)| count);
        if tally.0 <= before {
            verdict.add(Fault::Duplicated, 1, || {
                format!("{}: counted {} after {before}", record.key, tally.0)
            });
        }
    }
    for (window, wanted) in &expected {
        match last.remove(window.as_str()) {
            None => verdict.add(Fault::Lost, 1, || format!("{window}: {wanted:?}")),
            Some(found) if found == *wanted => {}
            Some(found) => {
                let missing = found.0 < wanted.0;
                let fault = if missing {
                    Fault::Lost
                } else {
                    Fault::Duplicated
                };
                verdict.add(fault, 1, || {
                    format!("{window}: {found:?} instead of {wanted:?}")
                });
            }
        }
    }
    for (window, found) in last {
        verdict.add(Fault::Foreign, 1, || {
            format!("{window}: {found:?}, not in the input")
        });
    }
}

/// Reads `<count>,<sum>`.
fn parse_tally(text: &str) -> Option<Tally> {
    let (count, sum) = text.split_once(',')?;
    Some((count.parse().ok()?, sum.parse().ok()?))
}

#[cfg(test)]
#[path = "checker_tests.rs"]
mod tests;
