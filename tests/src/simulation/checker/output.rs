//! What each job must have written, computed in the plainest way from its committed input.

use std::collections::{BTreeMap, BTreeSet};

use super::super::jobs::{DISORDER_MS, Job, LATENESS_MS, WINDOW_MS, group_of};
use super::super::log::Record;
use super::{Faults, Logs, first_difference};

/// The committed records of each partition, in order.
pub(super) type Committed<'l> = BTreeMap<i32, Vec<&'l Record>>;

pub(super) fn committed(logs: &Logs) -> Committed<'_> {
    let mut committed = Committed::new();
    for (partition, log) in logs {
        let records = log
            .committed()
            .into_iter()
            .map(|committed| committed.record);
        committed.insert(*partition, records.collect());
    }
    committed
}

/// Compares what a job wrote, to `out` and to `late`, with what its input asks for. `input` and `out`
/// have the same number of partitions.
/// `refusing`: the brokers refused some of it for a while.
pub fn output(
    job: Job,
    input: &Logs,
    out: &Logs,
    late: &Logs,
    refusing: bool,
    faults: &mut Faults,
) {
    let (input, out) = (committed(input), committed(out));
    match job {
        Job::Pass => by_partition(&input, &out, pairs, faults),
        Job::PassAtLeastOnce => at_least_once(&input, &out, refusing, faults),
        Job::Count => by_partition(&input, &out, counts, faults),
        Job::Windows => windows(&input, &out, &committed(late), faults),
        Job::Repartition => groups(&input, &out, faults),
    }
}

type Row = (String, String);

fn row(record: &Record) -> Row {
    (record.key.clone(), record.value.clone())
}

fn pairs(input: &[&Record]) -> Vec<Row> {
    input.iter().map(|record| row(record)).collect()
}

/// Each record's key, and how often it has come so far.
fn counts(input: &[&Record]) -> Vec<Row> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut rows = Vec::new();
    for record in input {
        let count = counts.entry(&record.key).or_default();
        *count += 1;
        rows.push((record.key.clone(), count.to_string()));
    }
    rows
}

/// What comes of a partition of the input comes to the same partition of the output, in its order.
fn by_partition(
    input: &Committed<'_>,
    out: &Committed<'_>,
    expected: impl Fn(&[&Record]) -> Vec<Row>,
    faults: &mut Faults,
) {
    for (partition, input) in input {
        let found = out.get(partition).map(Vec::as_slice).unwrap_or_default();
        if let Some(difference) = first_difference(expected(input), pairs(found)) {
            faults.add("output", || format!("partition {partition} {difference}"));
        }
    }
}

/// As a copy, once what comes again is left out. What comes first is in order, unless records were
/// refused and those behind them were not: then nothing is promised but that all is there.
fn at_least_once(input: &Committed<'_>, out: &Committed<'_>, refusing: bool, faults: &mut Faults) {
    for (partition, input) in input {
        let found = out.get(partition).map(Vec::as_slice).unwrap_or_default();
        let mut seen = BTreeSet::new();
        let first = found.iter().filter(|record| seen.insert(&record.value));
        let mut first: Vec<Row> = first.map(|record| row(record)).collect();
        let mut wanted = pairs(input);
        if refusing {
            first.sort();
            wanted.sort();
        }
        if let Some(difference) = first_difference(wanted, first) {
            faults.add("output", || {
                format!("partition {partition}, repetitions left out, {difference}")
            });
        }
    }
}

/// Each group's numbers are 1, 2, 3 up to the number of its records, in order, in one partition.
fn groups(input: &Committed<'_>, out: &Committed<'_>, faults: &mut Faults) {
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    for record in input.values().flatten() {
        *sizes
            .entry(group_of(&record.value).to_string())
            .or_default() += 1;
    }
    let expected = sizes.into_iter().map(|(group, size)| {
        let numbers = (1..=size).map(|number| number.to_string()).collect();
        (group, numbers)
    });
    by_key(expected.collect(), out, faults);
}

/// Compares the values of each key, in their order.
fn by_key(expected: BTreeMap<String, Vec<String>>, out: &Committed<'_>, faults: &mut Faults) {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in out.values().flatten() {
        found.entry(&record.key).or_default().push(&record.value);
    }
    for (key, expected) in expected {
        let found = found.remove(key.as_str()).unwrap_or_default();
        let expected = expected.iter().map(String::as_str);
        if let Some(difference) = first_difference(expected, found) {
            faults.add("output", || format!("{key} {difference}"));
        }
    }
    for (key, values) in found {
        faults.add("output", || format!("{key} comes from nowhere: {values:?}"));
    }
}

/// A window's result comes when the watermark has passed its end, and again with each record that is
/// late by less than the lateness; what is later goes to the late topic as it came.
fn windows(input: &Committed<'_>, out: &Committed<'_>, late: &Committed<'_>, faults: &mut Faults) {
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut too_late: BTreeMap<i32, Vec<Row>> = BTreeMap::new();
    for (partition, input) in input {
        // The counts of windows that have not fired yet, or may still change.
        let mut live: BTreeMap<(i64, &str), u64> = BTreeMap::new();
        let mut highest = i64::MIN;
        let ends = |start: i64| start + WINDOW_MS - 1;
        for record in input {
            let watermark = highest.saturating_sub(DISORDER_MS + 1);
            let start = record.timestamp - record.timestamp.rem_euclid(WINDOW_MS);
            if ends(start) + LATENESS_MS <= watermark {
                too_late.entry(*partition).or_default().push(row(record));
                continue;
            }
            let count = live.entry((start, &record.key)).or_default();
            *count += 1;
            if ends(start) <= watermark {
                let name = format!("{}@{start}", record.key);
                expected.entry(name).or_default().push(count.to_string());
            }
            let before = watermark;
            highest = highest.max(record.timestamp);
            let watermark = highest - (DISORDER_MS + 1);
            for ((start, key), count) in &live {
                if ends(*start) > before && ends(*start) <= watermark {
                    let name = format!("{key}@{start}");
                    expected.entry(name).or_default().push(count.to_string());
                }
            }
        }
    }
    by_key(expected, out, faults);
    for (partition, found) in late {
        let wanted = too_late.remove(partition).unwrap_or_default();
        if let Some(difference) = first_difference(wanted, pairs(found)) {
            faults.add("late output", || {
                format!("partition {partition} {difference}")
            });
        }
    }
}
