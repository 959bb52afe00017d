//! Goal: what is committed depends on the input alone. Methods, with random input:
//! - T2: the input split into batches in two ways gives the same output; with `Emit::OnCommit`, and
//!   behind repartition topics, where the same records are committed together.
//! - Aborts, restarts and commits at random places, with what was not committed read again, give
//!   the output of an undisturbed run. That needs undo (S1), changelog and restore (S2), and event
//!   time as state (T4) all to be right.

#![expect(
    clippy::indexing_slicing,
    reason = "a test that slices wrongly has to fail"
)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use thalweg::testing::{TestDriver, TestRecord};
use thalweg::{App, Emit, Text, Topology, Tumbling, Watermark, millis};

/// Windows with lateness, a late topic, windows on windows, a grouped count and a fork.
fn program() -> Topology {
    let app = App::new("everything");
    let source = app
        .source::<Text>("in")
        .watermark(Watermark::bounded(millis(4)));
    let counts = source
        .clone()
        .by_record_key()
        .window(Tumbling::of(millis(10)).allowed_lateness(millis(15)))
        .aggregate("windows", |a| (a.count(), a.latest_event_time()))
        .late_to("late");
    counts
        .clone()
        .map(|c| format!("{} {} {:?}", c.window.start, c.key, c.value))
        .sink::<Text>("windows");
    counts
        .key_by("start", |c| c.window.start / 20)
        .already_partitioned()
        .window(Tumbling::of(millis(20)))
        .aggregate("windows-of-windows", |a| (a.count(), a.sum(|c| c.value.0)))
        .late_to_as::<Rows>("late-results")
        .map(|c| format!("{} {} {:?}", c.window.start, c.key, c.value))
        .sink::<Text>("windows-of-windows");
    let by_stream_time = source
        .clone()
        .by_record_key()
        .window(Tumbling::of(millis(10)).stream_time(millis(3)))
        .aggregate("stream-time", |a| a.count());
    by_stream_time
        .clone()
        .map(|c| format!("{} {} {:?}", c.window.start, c.key, c.value))
        .sink::<Text>("stream-time");
    by_stream_time
        .clone()
        .by_record_key()
        .window(Tumbling::of(millis(20)).allowed_lateness(millis(5)))
        .aggregate("after-stream-time", |a| a.count())
        .map(|c| format!("{} {} {:?}", c.window.start, c.key, c.value))
        .sink::<Text>("after-stream-time");
    let elements = source.clone().map(|_| 1).share();
    elements
        .merge(by_stream_time.map(|c| 1_000 * c.value))
        .by_record_key()
        .window(Tumbling::of(millis(10)).allowed_lateness(millis(2)))
        .aggregate("merged", |a| a.sum(|count| *count))
        .late_to_as::<Rows>("late-merged")
        .map(|c| format!("{} {} {:?}", c.window.start, c.key, c.value))
        .sink::<Text>("merged");
    source
        .clone()
        .by_record_key()
        .window(Tumbling::of(millis(10)).allowed_lateness(millis(15)))
        .aggregate("updates", |a| (a.count(), a.latest_event_time()))
        .emit(Emit::OnUpdate)
        .late_to("late-updates")
        .map(|c| format!("{} {} {:?}", c.window.start, c.key, c.value))
        .sink::<Text>("updates");
    source
        .by_record_key()
        .aggregate("grouped", |a| a.count())
        .emit(Emit::OnUpdate)
        .map(|c| format!("{} {}", c.key, c.value))
        .sink::<Text>("grouped");
    app.build().expect("the program is right")
}

/// The same without forks, so that watermarks travel with the elements.
fn line() -> Topology {
    let app = App::new("line");
    app.source::<Text>("in")
        .watermark(Watermark::bounded(millis(4)))
        .filter(|text| !text.ends_with('7'))
        .by_record_key()
        .window(Tumbling::of(millis(10)).allowed_lateness(millis(15)))
        .aggregate("windows", |a| (a.count(), a.latest_event_time()))
        .late_to("late")
        .key_by("start", |c| c.window.start / 20)
        .already_partitioned()
        .window(Tumbling::of(millis(20)).allowed_lateness(millis(5)))
        .aggregate("windows-of-windows", |a| (a.count(), a.sum(|c| c.value.0)))
        .late_to_as::<Rows>("late-results")
        .map(|c| format!("{} {} {:?}", c.window.start, c.key, c.value))
        .sink::<Text>("windows-of-windows");
    app.build().expect("the program is right")
}

/// Results that come out with commits, and windows behind a repartition topic.
fn by_commits() -> Topology {
    let app = App::new("by-commits");
    let source = app
        .source::<Text>("in")
        .watermark(Watermark::bounded(millis(4)));
    source
        .clone()
        .by_record_key()
        .window(Tumbling::of(millis(10)).allowed_lateness(millis(15)))
        .aggregate("windows", |a| a.count())
        .emit(Emit::OnCommit)
        .late_to("late")
        .map(|c| format!("{} {} {}", c.window.start, c.key, c.value))
        .sink::<Text>("windows");
    source
        .clone()
        .by_record_key()
        .aggregate("grouped", |a| a.count())
        .emit(Emit::OnCommit)
        .map(|c| format!("0 {} {}", c.key, c.value))
        .sink::<Text>("grouped");
    source
        .key_by("length", |text| text.len() as u64)
        .partitions(2)
        .window(Tumbling::of(millis(10)).allowed_lateness(millis(15)))
        .aggregate("lengths", |a| a.count())
        .map(|c| format!("{} {} {}", c.window.start, c.key, c.value))
        .sink::<Text>("lengths");
    app.build().expect("the program is right")
}

/// Writes whatever can be debugged.
struct Rows;

impl<V: std::fmt::Debug> thalweg::Encode<V> for Rows {
    fn encode(value: &V, out: &mut Vec<u8>) -> Result<bool, thalweg::EncodeFailure> {
        out.extend_from_slice(format!("{value:?}").as_bytes());
        Ok(true)
    }
}

const TOPICS: [&str; 12] = [
    "windows",
    "windows-of-windows",
    "late-results",
    "late",
    "stream-time",
    "after-stream-time",
    "merged",
    "late-merged",
    "updates",
    "late-updates",
    "grouped",
    "lengths",
];

type Outputs = Vec<(&'static str, Vec<(String, String, i64)>)>;

fn committed(driver: &mut TestDriver) -> Outputs {
    let row = |record: TestRecord| (record.key_text(), record.value_text(), record.timestamp);
    TOPICS
        .iter()
        .map(|topic| {
            (
                *topic,
                driver.take_committed(topic).into_iter().map(row).collect(),
            )
        })
        .collect()
}

fn records() -> impl Strategy<Value = Vec<TestRecord>> {
    // Time goes forward by and large, with disorder beyond what the watermark and the lateness
    // allow for.
    prop::collection::vec((0..4_u8, 0..8_i64, 0..40_i64), 1..120).prop_map(|elements| {
        let mut time = 50;
        elements
            .into_iter()
            .enumerate()
            .map(|(index, (key, step, back))| {
                time += step;
                let timestamp = if back > 25 {
                    time - back
                } else {
                    time - back / 4
                };
                TestRecord::new(timestamp.max(0), format!("v{index}")).key([b'a' + key])
            })
            .collect()
    })
}

/// Sends everything in batches of these sizes, and commits at the end.
fn run(topology: &Topology, records: &[TestRecord], batches: &[usize]) -> Outputs {
    run_committing(topology, records, batches, usize::MAX)
}

/// The same, with a commit after every so many records.
fn run_committing(
    topology: &Topology,
    records: &[TestRecord],
    batches: &[usize],
    commit_every: usize,
) -> Outputs {
    let mut driver = TestDriver::new(topology);
    let mut sizes = batches.iter().cycle();
    for transaction in records.chunks(commit_every) {
        let mut rest = transaction;
        while let (false, Some(size)) = (rest.is_empty(), sizes.next()) {
            let (batch, left) = rest.split_at((*size).min(rest.len()));
            driver.send_batch("in", batch).expect("they are processed");
            rest = left;
        }
        driver.commit().expect("it commits");
    }
    driver.end_of_input().expect("it ends");
    driver.commit().expect("it commits");
    committed(&mut driver)
}

/// The last result of each key and window, by the first two words of the value.
fn last_results(outputs: &Outputs) -> BTreeMap<(&'static str, String), String> {
    let results = outputs.iter().flat_map(|(topic, records)| {
        records.iter().map(|(_, value, _)| {
            let words: Vec<&str> = value.splitn(3, ' ').collect();
            ((*topic, words[..2].join(" ")), words[2].to_owned())
        })
    });
    results.collect()
}

#[derive(Debug, Clone)]
enum Step {
    Send(usize),
    Seal,
    CommitSealed,
    Abort,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..12_usize).prop_map(Step::Send),
        3 => Just(Step::Seal),
        3 => Just(Step::CommitSealed),
        1 => Just(Step::Abort),
        1 => Just(Step::Restart),
    ]
}

fn run_disturbed(topology: &Topology, records: &[TestRecord], steps: &[Step]) -> Outputs {
    let mut driver = TestDriver::new(topology);
    // What was read, by when; as committed offsets have it.
    let (mut read, mut sealed, mut committed_read) = (0, None, 0);
    for step in steps {
        match step {
            Step::Send(count) => {
                let next = (read + count).min(records.len());
                driver
                    .send_batch("in", &records[read..next])
                    .expect("they are processed");
                read = next;
            }
            Step::Seal if sealed.is_none() => {
                driver.seal().expect("it seals");
                sealed = Some(read);
            }
            Step::CommitSealed => {
                if let Some(upto) = sealed.take() {
                    driver.commit_sealed();
                    committed_read = upto;
                }
            }
            Step::Seal => {}
            Step::Abort => driver.abort(),
            Step::Restart => driver.restart().expect("it is restored"),
        }
        if matches!(step, Step::Abort | Step::Restart) {
            read = committed_read;
            sealed = None;
        }
    }
    if sealed.is_some() {
        driver.commit_sealed();
    }
    driver
        .send_batch("in", &records[read..])
        .expect("they are processed");
    driver.end_of_input().expect("it ends");
    driver.commit().expect("it commits");
    committed(&mut driver)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn t2_splitting_the_input_otherwise_changes_nothing(
        records in records(),
        batches in prop::collection::vec(1..20_usize, 1..8),
    ) {
        for topology in [program(), line()] {
            let whole = run(&topology, &records, &[usize::MAX]);
            let single = run(&topology, &records, &[1]);
            let split = run(&topology, &records, &batches);
            prop_assert_eq!(&whole, &single);
            prop_assert_eq!(&whole, &split);
        }
    }

    #[test]
    fn t2_where_the_same_is_committed_together_what_comes_with_commits_is_the_same(
        records in records(),
        batches in prop::collection::vec(1..20_usize, 1..8),
        commit_every in 1..40_usize,
    ) {
        let topology = by_commits();
        let whole = run_committing(&topology, &records, &[usize::MAX], commit_every);
        let single = run_committing(&topology, &records, &[1], commit_every);
        let split = run_committing(&topology, &records, &batches, commit_every);
        prop_assert_eq!(&whole, &single);
        prop_assert_eq!(&whole, &split);
    }

    #[test]
    fn what_comes_with_commits_ends_the_same_however_often_they_come(
        records in records(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let topology = by_commits();
        let mut undisturbed = run(&topology, &records, &[usize::MAX]);
        let mut disturbed = run_disturbed(&topology, &records, &steps);
        // Behind the repartition topic, word of the watermark comes with commits: late is another
        // thing there. And the late elements of both are records, not results.
        for outputs in [&mut undisturbed, &mut disturbed] {
            outputs.retain(|(topic, _)| ["windows", "grouped"].contains(topic));
        }
        prop_assert_eq!(last_results(&undisturbed), last_results(&disturbed));
    }

    #[test]
    fn aborts_and_restarts_leave_no_trace(
        records in records(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        for topology in [program(), line()] {
            let undisturbed = run(&topology, &records, &[usize::MAX]);
            prop_assert_eq!(&undisturbed, &run_disturbed(&topology, &records, &steps));
        }
    }
}

#[test]
fn the_properties_are_about_something() {
    let mut time = 50;
    let records: Vec<TestRecord> = (0..200)
        .map(|index| {
            time += 2;
            let timestamp = match index % 9 {
                0 => time - 40,
                4 => time - 16,
                _ => time,
            };
            TestRecord::new(timestamp.max(0), format!("v{index}")).key([b'a' + (index % 3) as u8])
        })
        .collect();
    let mut written = BTreeSet::new();
    for topology in [program(), by_commits()] {
        let outputs = run_committing(&topology, &records, &[7], 40);
        let outputs = outputs
            .into_iter()
            .filter(|(_, records)| !records.is_empty());
        written.extend(outputs.map(|(topic, _)| topic));
    }
    assert_eq!(written, BTreeSet::from(TOPICS), "in all there is something");
}

#[test]
fn a_transaction_that_was_never_committed_shows() {
    // The checker's own check: without reading again what was aborted, the outputs differ.
    let records: Vec<TestRecord> = (0..50)
        .map(|index| TestRecord::new(index * 5, "v").key("k"))
        .collect();
    let undisturbed = run(&program(), &records, &[usize::MAX]);
    let mut driver = TestDriver::new(&program());
    driver
        .send_batch("in", &records[..20])
        .expect("they are processed");
    driver.abort();
    driver
        .send_batch("in", &records[20..])
        .expect("they are processed");
    driver.end_of_input().expect("it ends");
    driver.commit().expect("it commits");
    assert_ne!(undisturbed, committed(&mut driver));
}
