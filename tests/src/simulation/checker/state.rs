//! What each job's changelog must hold in the end: the state that its committed input asks for, by the
//! form that `engine/src/state/changelog.rs` documents.

use std::collections::BTreeMap;

use super::super::jobs::{DISORDER_MS, Job, LATENESS_MS, WINDOW_MS, group_of};
use super::super::log::Record;
use super::output::committed;
use super::{Faults, Logs};

/// How often each key was counted; of the windows that are still open, each key and start.
type State = BTreeMap<(String, i64), u64>;

/// Compares the last committed rows of a changelog with what the input asks for. What one transaction
/// wrote to the output and what it wrote here belong together: were it torn, one of the two would be
/// wrong.
pub fn changelog(job: Job, input: &Logs, changelog: &Logs, faults: &mut Faults) {
    let mut expected = State::new();
    for records in committed(input).values() {
        match job {
            Job::Pass | Job::PassAtLeastOnce => {}
            Job::Count => count(records, |record| record.key.clone(), &mut expected),
            Job::Repartition => {
                let group = |record: &Record| group_of(&record.value).to_string();
                count(records, group, &mut expected);
            }
            Job::Windows => open_windows(records, &mut expected),
        }
    }
    let mut found = State::new();
    for (partition, records) in committed(changelog) {
        // A key is of one partition only, and its rows are in order there.
        for record in records {
            match row(job == Job::Windows, record) {
                Ok((key, Some(count))) => drop(found.insert(key, count)),
                Ok((key, None)) => drop(found.remove(&key)),
                Err(reason) => faults.add("changelog", || {
                    format!("partition {partition}, offset {}: {reason}", record.offset)
                }),
            }
        }
    }
    for (key, count) in &expected {
        let found = found.remove(key);
        if found != Some(*count) {
            faults.add("changelog", || {
                format!("says {found:?} instead of {count} of {key:?}")
            });
        }
    }
    for (key, count) in found {
        faults.add("changelog", || {
            format!("says {count} of {key:?}, which is not there")
        });
    }
}

fn count(records: &[&Record], key_of: impl Fn(&Record) -> String, state: &mut State) {
    for record in records {
        *state.entry((key_of(record), 0)).or_default() += 1;
    }
}

/// A window is dropped when nothing can come into it any more.
fn open_windows(records: &[&Record], state: &mut State) {
    let mut highest = i64::MIN;
    let is_closed = |start: i64, highest: i64| {
        start + WINDOW_MS - 1 + LATENESS_MS <= highest.saturating_sub(DISORDER_MS + 1)
    };
    let mut windows = State::new();
    for record in records {
        let start = record.timestamp - record.timestamp.rem_euclid(WINDOW_MS);
        if !is_closed(start, highest) {
            *windows.entry((record.key.clone(), start)).or_default() += 1;
        }
        highest = highest.max(record.timestamp);
    }
    windows.retain(|(_, start), _| !is_closed(*start, highest));
    for (window, count) in windows {
        *state.entry(window).or_default() += count;
    }
}

type LoggedRow = ((String, i64), Option<u64>);

/// A record in its parts; no count: the key is gone.
fn row(windowed: bool, record: &Record) -> Result<LoggedRow, &'static str> {
    let (start, key) = match windowed {
        true => {
            let parts = record.key_bytes.split_first_chunk::<8>();
            let (start, key) = parts.ok_or("its key is too short for a window")?;
            ((u64::from_be_bytes(*start) ^ (1 << 63)).cast_signed(), key)
        }
        false => (0, &*record.key_bytes),
    };
    let key = (String::from_utf8_lossy(key).into_owned(), start);
    let Some(value) = &record.value_bytes else {
        return Ok((key, None));
    };
    // Format version and fingerprint, the row's number, the count.
    let mut rest = value.get(9..).ok_or("its value is cut short")?;
    let _number = varint(&mut rest)?;
    let count = varint(&mut rest)?;
    match rest {
        [] => Ok((key, Some(count))),
        _ => Err("its value goes on"),
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64, &'static str> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or("its value is cut short")?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a number is too long")
}
