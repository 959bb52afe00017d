//! Goal: event time that does not fit the metadata of an offset commit goes into a changelog of its
//! own, and is undone and restored from there like any other (T4). Method: programs behind a
//! repartition topic with so many upstream tasks, and event times so far apart, that it does not.

use thalweg::testing::{TestDriver, TestRecord};
use thalweg::{App, Text, Topology, Tumbling, Watermark, millis};

const UPSTREAM: u32 = 450;
const DAY: i64 = 86_400_000;

/// Counts in windows behind the repartition topic: with state, and so with another changelog.
fn counting() -> Topology {
    let app = App::new("many");
    app.source::<Text>("in")
        .watermark(Watermark::ascending())
        .key_by("by", |text| (*text).to_owned())
        .partitions(2)
        .window(Tumbling::of(millis(10)))
        .aggregate("counts", |a| a.count())
        .late_to("late")
        .map(|count| format!("{} {} {}", count.window.start, count.key, count.value))
        .sink::<Text>("out");
    app.build().expect("the program is right")
}

/// Without windows: the event time is not in its state either.
fn totals() -> Topology {
    let app = App::new("many");
    app.source::<Text>("in")
        .watermark(Watermark::ascending())
        .key_by("by", |text| (*text).to_owned())
        .partitions(2)
        .aggregate("totals", |a| a.count())
        .map(|count| count.value.to_string())
        .sink::<Text>("out");
    app.build().expect("the program is right")
}

fn driver(topology: &Topology) -> TestDriver {
    TestDriver::with_partitions(topology, &[("in", UPSTREAM)])
}

/// One record to each upstream task, a day after the other's and more.
fn fill(driver: &mut TestDriver, from: i64) {
    for partition in 0..UPSTREAM as i32 {
        let timestamp = from + i64::from(partition) * 100 * DAY;
        let record = TestRecord::new(timestamp, "x").partition(partition);
        driver.send_batch("in", &[record]).expect("processed");
    }
}

/// Downstream tasks are the slowest; so this is their watermark.
const FIRST: i64 = 1_000;

#[test]
fn the_time_of_very_many_upstream_tasks_is_restored() {
    for topology in [counting(), totals()] {
        let mut driver = driver(&topology);
        fill(&mut driver, FIRST);
        driver.commit().expect("it is committed, whatever its size");
        let written = driver.take("many-by-time-changelog");
        assert!(!written.is_empty(), "it does not fit the offsets");
        assert!(
            written
                .iter()
                .all(|record| record.key.as_deref() == Some(b"time"))
        );
        assert_eq!(driver.watermark(), FIRST - 1);
        driver.restart().expect("is restored");
        assert_eq!(driver.watermark(), FIRST - 1);
        // The others were not forgotten either: only the slowest has to go on.
        let next = TestRecord::new(50 * DAY, "x").partition(0);
        driver.send_batch("in", &[next]).expect("processed");
        driver.commit().expect("commits");
        assert_eq!(driver.watermark(), 50 * DAY - 1);
    }
}

#[test]
fn an_abort_undoes_it_in_the_changelog_too() {
    let mut driver = driver(&counting());
    fill(&mut driver, FIRST);
    driver.commit().expect("commits");
    driver.take("many-by-time-changelog");
    let later = TestRecord::new(50 * DAY, "x").partition(0);
    driver.send_batch("in", &[later]).expect("processed");
    driver.seal().expect("seals");
    driver.commit_sealed();
    driver.deliver().expect("processed");
    driver.seal().expect("seals");
    let written = driver.take("many-by-time-changelog");
    assert_eq!(written.len(), 2, "one of each task downstream");
    driver.abort();
    driver.restart().expect("is restored");
    // The later one was written, and aborted.
    let late = TestRecord::new(30 * DAY, "x").partition(0);
    driver.send_batch("in", &[late]).expect("processed");
    driver.seal().expect("seals");
    driver.commit_sealed();
    driver.deliver().expect("processed");
    assert_eq!(driver.take_values("late"), [] as [&str; 0]);
}

#[test]
fn as_flink_does_it_can_be_forgotten() {
    let mut driver = driver(&counting());
    fill(&mut driver, FIRST);
    driver.commit().expect("commits");
    driver.restart_forgetting_time().expect("is restored");
    assert_eq!(driver.watermark(), i64::MIN);
}

#[test]
fn few_upstream_tasks_have_no_such_topic() {
    let mut driver = TestDriver::with_partitions(&counting(), &[("in", 200)]);
    for partition in 0..200 {
        let timestamp = FIRST + i64::from(partition) * 100 * DAY;
        let record = TestRecord::new(timestamp, "x").partition(partition);
        driver.send_batch("in", &[record]).expect("processed");
    }
    driver.commit().expect("commits");
    assert_eq!(driver.take("many-by-time-changelog"), []);
    driver.restart().expect("is restored");
    assert_eq!(driver.watermark(), FIRST - 1);
}

#[test]
fn an_operator_cannot_take_its_name() {
    let app = App::new("many");
    app.source::<Text>("in")
        .key_by("by", |text| (*text).to_owned())
        .aggregate("by-time", |a| a.count())
        .map(|count| count.value.to_string())
        .sink::<Text>("out");
    let error = app
        .build()
        .expect_err("one name for two topics")
        .to_string();
    assert!(error.contains("`by-time`"), "{error}");
}

#[test]
fn a_dangling_operator_does_not_lead_others_to_the_wrong_topics() {
    let app = App::new("many");
    let nothing_follows = app
        .source::<Text>("nobody-writes-on")
        .by_record_key()
        .aggregate("dangling", |a| a.count());
    drop(nothing_follows);
    app.source::<Text>("in").sink::<Text>("out");
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    driver.send("in", "x").expect("processed");
    driver.commit().expect("commits");
    assert_eq!(driver.take_values("out"), ["x"]);
}
