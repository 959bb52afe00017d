//! Goal: streams that go through a repartition topic meet at the task of their key, with their event
//! time, and the watermark of all upstream tasks (T5).

use thalweg::testing::{TestDriver, TestError, TestRecord};
use thalweg::{App, TaskError, Text, Topology, Tumbling, Watermark, millis};

/// Counts words in windows of 10 ms; lines have no key.
fn words() -> Topology {
    let app = App::new("words");
    app.source::<Text>("lines")
        .watermark(Watermark::ascending())
        .flat_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .key_by_ref("word", |word| word.as_str())
        .partitions(3)
        .window(Tumbling::of(millis(10)))
        .aggregate("counts", |a| a.count())
        .map(|count| format!("{} {} {}", count.window.start, count.key, count.value))
        .sink::<Text>("out");
    app.build().expect("the program is right")
}

fn line(partition: i32, timestamp: i64, text: &str) -> TestRecord {
    TestRecord::new(timestamp, text).partition(partition)
}

fn sorted(mut values: Vec<String>) -> Vec<String> {
    values.sort();
    values
}

#[test]
fn the_same_word_from_two_partitions_is_one_key() {
    let mut driver = TestDriver::with_partitions(&words(), &[("lines", 2)]);
    driver
        .send_batch("lines", &[line(0, 1, "a b a")])
        .expect("processed");
    driver
        .send_batch("lines", &[line(1, 2, "b c")])
        .expect("processed");
    driver
        .send_batch("lines", &[line(0, 30, "z")])
        .expect("processed");
    driver.commit().expect("commits");
    assert_eq!(
        driver.take_values("out"),
        [] as [&str; 0],
        "partition 1 is at 2 still"
    );
    driver
        .send_batch("lines", &[line(1, 30, "z")])
        .expect("processed");
    driver.commit().expect("commits");
    assert_eq!(
        sorted(driver.take_values("out")),
        ["0 a 2", "0 b 2", "0 c 1"]
    );
}

#[test]
fn event_times_that_upstream_let_pass_are_no_bad_records_downstream() {
    // Before 1970, which the source allows; and the end of a window that is longer than the time
    // left in the range.
    const CENTURIES: u64 = 1_000 * 365 * 24 * 3_600_000;
    let app = App::new("ages");
    app.source::<Text>("ages")
        .event_time(
            |text: &&str| text.parse::<i64>().ok(),
            Watermark::ascending(),
        )
        .event_time_range(-1_000..7_000_000_000_000)
        .key_by("all", |_| 0_u32)
        .window(Tumbling::of(millis(CENTURIES)))
        .aggregate("counts", |a| a.count())
        .map(|count| (count.key, count.value))
        .key_by("again", |(key, _)| *key)
        .aggregate("windows", |a| (a.count(), a.sum(|(_, count)| *count)))
        .map(|windows| format!("{:?}", windows.value))
        .sink::<Text>("out");
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    for age in ["-1000", "0", "6999999999999"] {
        driver.send("ages", age).expect("it is within the range");
    }
    driver.end_of_input().expect("closes");
    driver.commit().expect("nothing is bad");
    assert_eq!(driver.take_values("out"), ["(1, 1)", "(2, 3)"]);
}

#[test]
fn an_upstream_partition_that_was_never_heard_holds_everything_back_until_it_is_idle() {
    let mut driver = TestDriver::with_partitions(&words(), &[("lines", 2)]);
    driver
        .send_batch("lines", &[line(0, 1, "a"), line(0, 50, "b")])
        .expect("processed");
    driver.commit().expect("commits");
    assert_eq!(driver.watermark(), i64::MIN);
    assert_eq!(driver.take_values("out"), [] as [&str; 0]);
    driver.set_idle("lines", 1, true).expect("it is idle");
    driver.commit().expect("commits");
    assert_eq!(driver.take_values("out"), ["0 a 1"]);
}

#[test]
fn the_end_of_input_travels_downstream() {
    let mut driver = TestDriver::with_partitions(&words(), &[("lines", 2)]);
    driver
        .send_batch("lines", &[line(0, 1, "a"), line(0, 50, "b")])
        .expect("processed");
    driver.end_of_input().expect("it ends");
    driver.commit().expect("commits");
    assert_eq!(sorted(driver.take_values("out")), ["0 a 1", "50 b 1"]);
}

#[test]
fn watermarks_are_written_once_per_partition_and_only_when_they_advanced() {
    let mut driver = TestDriver::new(&words());
    driver
        .send_batch("lines", &[line(0, 5, "a")])
        .expect("processed");
    driver.commit().expect("commits");
    let is_watermark = |record: &TestRecord| record.key.is_none() && record.value.is_none();
    let first = driver.take("words-word-repartition");
    assert_eq!(
        first.iter().filter(|record| is_watermark(record)).count(),
        3
    );
    driver
        .send_batch("lines", &[line(0, 4, "a")])
        .expect("processed");
    driver.commit().expect("commits");
    let second = driver.take("words-word-repartition");
    assert_eq!(second.len(), 1, "an element and no watermark");
    assert_eq!(second[0].key_text(), "a");
}

#[test]
fn what_is_in_flight_between_tasks_survives_a_restart() {
    let mut driver = TestDriver::with_partitions(&words(), &[("lines", 2)]);
    driver
        .send_batch("lines", &[line(0, 1, "a a")])
        .expect("processed");
    driver
        .send_batch("lines", &[line(1, 3, "a")])
        .expect("processed");
    driver.seal().expect("seals");
    driver.commit_sealed();
    driver.restart().expect("is restored");
    driver
        .send_batch("lines", &[line(0, 20, "b")])
        .expect("processed");
    driver
        .send_batch("lines", &[line(1, 20, "b")])
        .expect("processed");
    driver.commit().expect("commits");
    assert_eq!(driver.take_values("out"), ["0 a 3"]);
}

#[test]
fn a_false_claim_of_partitioning_is_found_out() {
    let app = App::new("claim");
    app.source::<Text>("in")
        .key_by_ref("text", |text| *text)
        .already_partitioned()
        .aggregate("counts", |a| a.count())
        .map(|count| count.value.to_string())
        .sink::<Text>("out");
    let topology = app.build().expect("the program is right");
    let mut driver = TestDriver::with_partitions(&topology, &[("in", 4)]);
    let mut right = None;
    for partition in 0..4 {
        match driver.send_batch("in", &[TestRecord::new(0, "key").partition(partition)]) {
            Ok(()) => right = Some(partition),
            Err(TestError::Task(TaskError::NotPartitioned {
                operator,
                key,
                found,
                expected,
                ..
            })) => {
                assert_eq!(
                    (&*operator, key.as_str(), found.0),
                    ("text", "key", partition)
                );
                assert_ne!(found, expected);
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(right.is_some(), "it belongs to one of them");
}

#[test]
fn a_repartition_topic_with_something_else_in_it_stops_the_task() {
    let mut driver = TestDriver::new(&words());
    for (record, reason) in [
        (
            TestRecord {
                key: None,
                value: None,
                ..TestRecord::default()
            },
            "neither",
        ),
        (TestRecord::new(0, "\"x\"").key("x"), "no event time"),
    ] {
        let error = driver
            .send_batch("words-word-repartition", &[record])
            .expect_err("it is bad");
        assert!(error.to_string().contains(reason), "{error}");
    }
}
