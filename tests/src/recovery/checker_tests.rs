//! Goal: the checker calls exact outputs exact and sees every fault it claims to see.
//! Method: outputs computed in the test, then one thing about them made wrong.

use super::*;

const WINDOWS: Mode = Mode::Windows { window_ms: 1_000 };

fn record(key: &str, value: impl ToString, timestamp: i64) -> SeenRecord {
    SeenRecord {
        key: key.to_owned(),
        value: value.to_string(),
        timestamp,
    }
}

/// 300 records of three keys, ten milliseconds apart.
fn input() -> Vec<SeenRecord> {
    (0..300_i64)
        .map(|n| record(&format!("k{}", n % 3), n, 10 * n))
        .collect()
}

/// What a job that makes no mistake writes.
fn output(mode: Mode) -> Vec<SeenRecord> {
    let mut counts: BTreeMap<String, (u64, i128)> = BTreeMap::new();
    let mut add = |key: &str, value: &str| {
        let tally = counts.entry(key.to_owned()).or_default();
        tally.0 += 1;
        tally.1 += value.parse::<i128>().expect("a number");
        *tally
    };
    let written = input().into_iter().map(|input| match mode {
        Mode::Pass => input,
        Mode::Counts => record(&input.key, add(&input.key, &input.value).0, input.timestamp),
        Mode::Windows { window_ms } => {
            let window = format!("{}@{}", input.key, input.timestamp / window_ms * window_ms);
            let (count, sum) = add(&window, &input.value);
            record(&window, format!("{count},{sum}"), input.timestamp)
        }
    });
    written.collect()
}

fn faults(mode: Mode, output: &[SeenRecord]) -> Vec<(Fault, usize)> {
    let verdict = check(mode, &input(), output);
    let all = [
        Fault::Lost,
        Fault::Duplicated,
        Fault::Reordered,
        Fault::Foreign,
    ];
    let counted = all.into_iter().map(|fault| (fault, verdict.count(fault)));
    counted.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn an_exact_output_is_exact_in_any_interleaving_of_keys() {
    for mode in [Mode::Pass, Mode::Counts, WINDOWS] {
        let mut output = output(mode);
        assert!(check(mode, &input(), &output).is_exact());
        output.sort_by(|a, b| a.key.cmp(&b.key));
        let verdict = check(mode, &input(), &output);
        assert!(verdict.is_exact(), "{verdict}");
        assert_eq!(verdict.to_string(), "300 records in, 300 out: exact");
    }
}

#[test]
fn a_lost_record_is_seen() {
    for (mode, at) in [(Mode::Pass, 150), (Mode::Counts, 150), (WINDOWS, 299)] {
        let mut output = output(mode);
        output.remove(at);
        assert_eq!(faults(mode, &output), [(Fault::Lost, 1)], "{mode:?}");
    }
    assert_eq!(faults(Mode::Pass, &[]), [(Fault::Lost, 300)]);
}

#[test]
fn a_lost_tail_is_seen() {
    for mode in [Mode::Pass, Mode::Counts, WINDOWS] {
        let output = output(mode);
        let found = faults(mode, &output[..297]);
        assert_eq!(found, [(Fault::Lost, 3)], "{mode:?}");
    }
}

#[test]
fn a_batch_that_was_processed_twice_is_seen() {
    for mode in [Mode::Pass, Mode::Counts, WINDOWS] {
        // The outputs of 90 to 120 once more, as after a restart without transactions.
        let mut output = output(mode);
        let again = output[90..120].to_vec();
        output.splice(120..120, again);
        let found = faults(mode, &output);
        assert!(
            found.iter().any(|(fault, _)| *fault == Fault::Duplicated),
            "{mode:?}: {found:?}"
        );
    }
}

#[test]
fn a_record_counted_twice_without_a_trace_of_its_own_is_seen() {
    let mut counts = output(Mode::Counts);
    for record in &mut counts[200..] {
        record.value = (record.value.parse::<u64>().expect("a number") + 1).to_string();
    }
    let found = faults(Mode::Counts, &counts);
    assert_eq!(
        found,
        [(Fault::Lost, 3), (Fault::Foreign, 3)],
        "a gap, and one too many"
    );

    let mut windows = output(WINDOWS);
    for record in windows.iter_mut().filter(|record| record.key == "k1@2000") {
        let (count, sum) = parse_tally(&record.value).expect("a tally");
        record.value = format!("{},{}", count + 1, sum + 7);
    }
    assert_eq!(faults(WINDOWS, &windows), [(Fault::Duplicated, 1)]);
}

#[test]
fn a_wrong_sum_is_seen() {
    let mut windows = output(WINDOWS);
    let last = windows.last_mut().expect("300 of them");
    last.value.push('0');
    assert_eq!(faults(WINDOWS, &windows), [(Fault::Duplicated, 1)]);
}

#[test]
fn reordered_records_of_a_key_are_seen_and_of_several_keys_are_not() {
    for mode in [Mode::Pass, Mode::Counts] {
        let mut output = output(mode);
        output.swap(30, 33);
        assert_eq!(faults(mode, &output), [(Fault::Reordered, 1)], "{mode:?}");
        output.swap(30, 33);
        output.swap(30, 31);
        assert_eq!(faults(mode, &output), [], "{mode:?}");
    }
}

#[test]
fn foreign_keys_and_values_are_seen() {
    for (mode, key, value) in [
        (Mode::Pass, "k0", "1000000"),
        (Mode::Pass, "k9", "1"),
        (Mode::Counts, "k0", "x"),
        (Mode::Counts, "k9", "1"),
        (WINDOWS, "k0@0", "no tally"),
        (WINDOWS, "k9@0", "1,1"),
    ] {
        let mut output = output(mode);
        output.push(record(key, value, 0));
        assert_eq!(
            faults(mode, &output),
            [(Fault::Foreign, 1)],
            "{mode:?} {key} {value}"
        );
    }
}
