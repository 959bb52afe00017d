//! Goal: every judge sees what it is there for. Method: a sound world in small, which is judged to be
//! sound, and then with one thing in it changed: the canaries.

use super::super::jobs::{Job, WINDOW_MS};
use super::super::log::Batch;
use super::*;

fn record(offset: i64, key: &str, value: &str) -> Record {
    at(offset, key, value, offset)
}

fn at(offset: i64, key: &str, value: &str, timestamp: i64) -> Record {
    Record {
        offset,
        timestamp,
        key: key.to_owned(),
        value: value.to_owned(),
        key_bytes: key.to_owned().into(),
        value_bytes: Some(value.to_owned().into()),
    }
}

fn batch(producer_id: i64, epoch: i16, base_offset: i64, content: Content) -> Batch {
    Batch {
        base_offset,
        producer_id,
        producer_epoch: epoch,
        base_sequence: 0,
        content,
    }
}

fn plain(records: Vec<Record>) -> Log {
    let content = Content::Records {
        transactional: false,
        records,
    };
    Log {
        batches: vec![batch(1, 0, 0, content)],
    }
}

/// One transaction with these values of key `k`, and its end.
fn transaction(log: &mut Log, producer_id: i64, epoch: i16, values: &[&str], committed: bool) {
    let offset = log.batches.last().map_or(0, |last| last.base_offset + 10);
    let records = (offset..).zip(values);
    let content = Content::Records {
        transactional: true,
        records: records
            .map(|(offset, value)| record(offset, "k", value))
            .collect(),
    };
    log.batches.push(batch(producer_id, epoch, offset, content));
    log.batches.push(batch(
        producer_id,
        epoch,
        offset + 5,
        Content::Marker { committed },
    ));
}

fn judged(judge: impl FnOnce(&mut Faults)) -> Vec<String> {
    let mut faults = Faults::default();
    judge(&mut faults);
    faults.into_words()
}

fn only(log: Log) -> Logs {
    BTreeMap::from([(0, log)])
}

#[test]
fn what_is_committed_follows_from_the_markers() {
    let mut log = Log::default();
    transaction(&mut log, 7, 0, &["a", "b"], true);
    transaction(&mut log, 7, 1, &["c"], false);
    transaction(&mut log, 8, 0, &["d"], true);
    log.batches.pop();
    transaction(&mut log, 7, 2, &["e"], true);
    let committed = log.committed();
    let values: Vec<&str> = committed.iter().map(|c| c.record.value.as_str()).collect();
    // `d` is open, and nothing behind it is stable.
    assert_eq!(values, ["a", "b"]);
    assert!(log.is_open());
}

#[test]
fn each_way_to_lose_an_acknowledged_record_is_seen() {
    let input = || {
        plain(vec![
            record(0, "k", "0"),
            record(1, "k", "1"),
            record(2, "k", "2"),
        ])
    };
    let sound = Written {
        acknowledged: vec![("0".into(), 0, 0), ("2".into(), 0, 2)],
        unknown: vec!["1".into(), "3".into()],
        refused: vec!["4".into()],
    };
    let judge = |written: &Written, log: Log| {
        judged(|faults| writes(std::slice::from_ref(written), &only(log), faults))
    };
    assert_eq!(judge(&sound, input()), [""; 0]);
    let lost = plain(vec![record(0, "k", "0")]);
    assert!(judge(&sound, lost)[0].contains("acknowledged and lost: 2"));
    let doubled = plain(vec![
        record(0, "k", "0"),
        record(2, "k", "2"),
        record(3, "k", "2"),
    ]);
    assert!(judge(&sound, doubled)[0].contains("acknowledged and doubled: 2"));
    let moved = plain(vec![record(0, "k", "0"), record(1, "k", "2")]);
    assert!(judge(&sound, moved)[0].contains("acknowledged elsewhere: 2"));
    let unknown = plain(vec![
        record(0, "k", "0"),
        record(1, "k", "1"),
        record(2, "k", "2"),
        record(3, "k", "1"),
    ]);
    assert!(judge(&sound, unknown)[0].contains("unknown and doubled: 1"));
    let refused = plain(vec![
        record(0, "k", "0"),
        record(1, "k", "4"),
        record(2, "k", "2"),
    ]);
    assert!(judge(&sound, refused)[0].contains("refused and written: 4"));
    let mut reordered = sound;
    reordered.acknowledged.reverse();
    assert!(judge(&reordered, input())[0].contains("reordered by a producer: 0"));
}

#[test]
fn a_torn_transaction_and_one_that_never_ends_are_seen() {
    let (mut one, mut two) = (Log::default(), Log::default());
    for epoch in 0..3 {
        transaction(&mut one, 7, epoch, &["x"], epoch != 1);
        transaction(&mut two, 7, epoch, &["y"], epoch != 1);
    }
    let logs = |one: &Log, two: &Log| {
        BTreeMap::from([
            (TopicPartition::new("a", 0), one.clone()),
            (TopicPartition::new("b", 0), two.clone()),
        ])
    };
    let judge = |one: &Log, two: &Log| judged(|faults| transactions(&logs(one, two), true, faults));
    assert_eq!(judge(&one, &two), [""; 0]);
    let mut torn = two.clone();
    torn.batches[3].content = Content::Marker { committed: true };
    assert!(judge(&one, &torn)[0].starts_with("torn transaction: of producer 7, epoch 1"));
    two.batches.pop();
    assert!(judge(&one, &two)[0].starts_with("never ended"));
    // Protocol One has many transactions in an epoch, and only their ends can be seen.
    let mut again = one.clone();
    transaction(&mut again, 7, 2, &["z"], false);
    assert!(judge(&again, &one)[0].starts_with("two transactions of one epoch"));
    let of_one = |two: &Log| judged(|faults| transactions(&logs(&again, two), false, faults));
    assert_eq!(of_one(&one), [""; 0]);
    assert!(of_one(&two)[0].starts_with("never ended"));
}

#[test]
fn a_reader_that_sees_aborted_records_or_leaves_some_out_is_seen() {
    let mut log = Log::default();
    transaction(&mut log, 7, 0, &["a"], true);
    transaction(&mut log, 7, 1, &["b"], false);
    transaction(&mut log, 7, 2, &["c"], true);
    let logs = only(log);
    let back = |seen: &[(i64, &str)]| {
        let seen = seen
            .iter()
            .map(|(offset, value)| (*offset, (*value).to_owned()));
        let seen = BTreeMap::from([(0, seen.collect())]);
        let alone = judged(|faults| read_back(&seen, &logs, faults));
        (alone, judged(|faults| read_by_group(&seen, &logs, faults)))
    };
    let (a, b, c) = ((0, "a"), (15, "b"), (30, "c"));
    assert_eq!(back(&[a, c]), (vec![], vec![]));
    // A group may read again what it had not committed; a lone reader does not.
    let (alone, group) = back(&[a, a, c]);
    assert!(alone[0].contains("number 1 is (0, \"a\")"), "{alone:?}");
    assert_eq!(group, [""; 0]);
    let (alone, group) = back(&[a, b, c]);
    assert!(alone[0].contains("number 1 is (15, \"b\")"), "{alone:?}");
    assert!(group[0].contains("offset 15"), "{group:?}");
    let (alone, group) = back(&[a]);
    assert!(alone[0].contains("ends before number 1"), "{alone:?}");
    assert!(group[0].contains("left out by a group"), "{group:?}");
    assert_ne!(back(&[c, a]).0, [""; 0]);
}

/// A changelog that says too much, too little or nothing readable is seen.
#[test]
fn state_that_is_not_what_the_input_asks_for_is_seen() {
    let input = rows(&[("a", "w:0"), ("b", "w:1"), ("a", "w:5")]);
    let logged = |rows: &[(&str, Option<u8>)]| {
        let mut log = Log::default();
        for (offset, (key, count)) in (0..).zip(rows) {
            let mut row = record(offset, key, "");
            // Version, fingerprint, number of the row, count.
            let value = |count: &u8| [&[1_u8; 9][..], &[130, 3, *count]].concat().into();
            row.value_bytes = count.as_ref().map(value);
            let content = Content::Records {
                transactional: false,
                records: vec![row],
            };
            log.batches.push(batch(-1, -1, offset, content));
        }
        only(log)
    };
    let judge = |rows: &[(&str, Option<u8>)]| {
        judged(|faults| changelog(Job::Count, &input, &logged(rows), faults))
    };
    let (a, b) = (("a", Some(2)), ("b", Some(1)));
    assert_eq!(judge(&[("a", Some(1)), b, a]), [""; 0]);
    assert!(judge(&[b, a, ("a", Some(1))])[0].contains("says Some(1) instead of 2"));
    assert!(judge(&[a])[0].contains("says None instead of 1"));
    assert!(judge(&[a, b, ("b", None)])[0].contains("says None instead of 1"));
    assert!(judge(&[a, b, ("c", Some(1))])[0].contains("which is not there"));
    assert!(judge(&[a, b, ("a", Some(200))])[0].contains("offset 2: its value is cut short"));
}

#[test]
fn a_window_that_is_left_open_or_closed_too_early_is_seen() {
    // The second record closes the window of the first: 5,000 is behind its end and all lateness.
    let input = only(plain(vec![at(0, "k", "w:0", 0), at(1, "k", "w:1", 9_000)]));
    let logged = |start: i64| {
        let mut row = record(0, "", "");
        let start = (start.cast_unsigned() ^ (1 << 63)).to_be_bytes();
        row.key_bytes = [&start[..], b"k"].concat().into();
        row.value_bytes = Some([&[1_u8; 9][..], &[0, 1]].concat().into());
        only(plain(vec![row]))
    };
    let judge = |start| judged(|faults| changelog(Job::Windows, &input, &logged(start), faults));
    let start = 9_000 - 9_000 % WINDOW_MS;
    assert_eq!(judge(start), [""; 0]);
    assert!(judge(0)[0].contains("says None instead of 1"));
    assert!(judge(0)[1].contains("which is not there"));
}

/// Rows of one partition, all committed.
fn rows(rows: &[(&str, &str)]) -> Logs {
    let records = (0..)
        .zip(rows)
        .map(|(offset, (key, value))| record(offset, key, value));
    only(plain(records.collect()))
}

fn changed<T: Clone>(rows: &[T], change: impl FnOnce(&mut Vec<T>)) -> Vec<T> {
    let mut rows = rows.to_vec();
    change(&mut rows);
    rows
}

/// Whatever is lost, doubled, reordered or foreign in the output of any job is seen.
#[test]
fn an_output_that_is_not_what_the_input_asks_for_is_seen() {
    let input = [("a", "w:0"), ("b", "w:1"), ("a", "w:5"), ("a", "w:6")];
    let expected: [(Job, Vec<(&str, &str)>); 4] = [
        (Job::Pass, input.to_vec()),
        (Job::PassAtLeastOnce, input.to_vec()),
        (
            Job::Count,
            vec![("a", "1"), ("b", "1"), ("a", "2"), ("a", "3")],
        ),
        (
            Job::Repartition,
            vec![("0", "1"), ("1", "1"), ("0", "2"), ("1", "2")],
        ),
    ];
    for (job, sound) in expected {
        let judge = |out: &[(&str, &str)]| {
            judged(|faults| output(job, &rows(&input), &rows(out), &Logs::new(), false, faults))
        };
        assert_eq!(judge(&sound), [""; 0], "{job:?}");
        let doubled = judge(&changed(&sound, |rows| rows.insert(1, rows[0])));
        assert_eq!(
            doubled.is_empty(),
            job == Job::PassAtLeastOnce,
            "{job:?}: {doubled:?}"
        );
        for lost in 0..sound.len() {
            assert_ne!(
                judge(&changed(&sound, |rows| {
                    rows.remove(lost);
                })),
                [""; 0],
                "{job:?}"
            );
        }
        assert_ne!(
            judge(&changed(&sound, |rows| rows.swap(0, 2))),
            [""; 0],
            "{job:?}"
        );
        assert_ne!(
            judge(&changed(&sound, |rows| rows.push(("z", "9")))),
            [""; 0],
            "{job:?}"
        );
    }
}

/// A window of 2 s fires once the watermark is past it, half a second behind; a late record within 3 s
/// corrects it; a later one goes to the late topic.
#[test]
fn a_window_that_fires_otherwise_is_seen() {
    let input = only(plain(vec![
        at(0, "k", "w:0", 100),
        at(1, "k", "w:1", 1_900),
        at(2, "k", "w:2", 2_500),
        at(3, "k", "w:3", 2_501),
        // Late by less than the lateness.
        at(4, "k", "w:4", 1_000),
        at(5, "k", "w:5", 5_500),
        at(6, "k", "w:6", 1_999),
    ]));
    let out = [("k@0", "2"), ("k@0", "3"), ("k@2000", "2")];
    let late = [("k", "w:6")];
    let judge = |out: &[(&str, &str)], late: &[(&str, &str)]| {
        judged(|faults| output(Job::Windows, &input, &rows(out), &rows(late), false, faults))
    };
    assert_eq!(judge(&out, &late), [""; 0]);
    for lost in 0..out.len() {
        assert_ne!(
            judge(
                &changed(&out, |rows| {
                    rows.remove(lost);
                }),
                &late
            ),
            [""; 0]
        );
    }
    assert_ne!(
        judge(&changed(&out, |rows| rows[0].1 = "1"), &late),
        [""; 0]
    );
    assert_ne!(
        judge(&changed(&out, |rows| rows.swap(0, 1)), &late),
        [""; 0]
    );
    assert_ne!(
        judge(&changed(&out, |rows| rows.push(("k@4000", "1"))), &late),
        [""; 0]
    );
    assert_ne!(judge(&out, &[]), [""; 0]);
    assert_ne!(judge(&out, &[("k", "w:6"), ("k", "w:6")]), [""; 0]);
}
