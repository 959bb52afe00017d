//! Goal: Flink's rules for late elements (T1, T6), to the millisecond.

use thalweg::testing::{TestDriver, TestRecord};
use thalweg::{App, Emit, Text, Topology, Tumbling, Watermark, millis};

/// Counts per key in windows of 10 ms; values are `<start> <key> <count>`.
fn program(window: Tumbling, emit: Emit, late: Option<&str>) -> Topology {
    let app = App::new("counts");
    let counts = app
        .source::<Text>("in")
        .watermark(Watermark::ascending())
        .by_record_key()
        .window(window)
        .aggregate("counts", |a| a.count())
        .emit(emit);
    let counts = match late {
        Some("as text") => counts.late_to_as::<Text>("late"),
        Some(topic) => counts.late_to(topic),
        None => counts,
    };
    counts
        .map(|count| format!("{} {} {}", count.window.start, count.key, count.value))
        .sink::<Text>("out");
    app.build().expect("the program is right")
}

fn at(timestamp: i64, key: &str) -> TestRecord {
    TestRecord::new(timestamp, format!("{key} at {timestamp}"))
        .key(key)
        .header("origin", "test")
}

#[test]
fn a_window_fires_at_its_last_millisecond_and_not_before() {
    let mut driver = TestDriver::new(&program(Tumbling::of(millis(10)), Emit::OnClose, None));
    driver
        .send_batch("in", &[at(3, "a"), at(9, "a")])
        .expect("processed");
    assert_eq!(driver.watermark(), 8);
    assert_eq!(driver.take_values("out"), [] as [&str; 0]);
    driver.send_batch("in", &[at(10, "b")]).expect("processed");
    assert_eq!(driver.watermark(), 9);
    assert_eq!(driver.take_values("out"), ["0 a 2"]);
}

#[test]
fn late_elements_are_dropped_and_counted_unless_they_have_a_topic() {
    let window = Tumbling::of(millis(10));
    let records = [at(3, "a"), at(10, "b"), at(9, "a"), at(4, "c")];

    let mut dropping = TestDriver::new(&program(window, Emit::OnClose, None));
    dropping.send_batch("in", &records).expect("processed");
    assert_eq!(dropping.late_dropped(), 2);

    let mut keeping = TestDriver::new(&program(window, Emit::OnClose, Some("late")));
    keeping.send_batch("in", &records).expect("processed");
    assert_eq!(keeping.late_dropped(), 0);
    assert_eq!(
        keeping.take("late"),
        [at(9, "a"), at(4, "c")],
        "as they were read"
    );

    let mut writing = TestDriver::new(&program(window, Emit::OnClose, Some("as text")));
    writing.send_batch("in", &records).expect("processed");
    assert_eq!(writing.take_values("late"), ["a at 9", "c at 4"]);
}

#[test]
fn an_allowed_late_element_brings_the_result_out_again_at_once() {
    let window = Tumbling::of(millis(10)).allowed_lateness(millis(5));
    let mut driver = TestDriver::new(&program(window, Emit::OnClose, None));
    let records = [
        at(3, "a"),
        at(4, "b"),
        at(14, "b"),
        at(9, "a"),
        at(8, "c"),
        at(2, "a"),
    ];
    driver.send_batch("in", &records).expect("processed");
    assert_eq!(
        driver.take_values("out"),
        ["0 a 1", "0 b 1", "0 a 2", "0 c 1", "0 a 3"]
    );
    // W = 14 = end - 1 + lateness: the window is gone.
    driver
        .send_batch("in", &[at(15, "b"), at(9, "a")])
        .expect("processed");
    assert_eq!(driver.late_dropped(), 1);
    driver.commit().expect("commits");
    assert_eq!(driver.state_rows(), 1, "only the window from 10 is left");
}

#[test]
fn running_results_come_with_every_element_and_late_ones_too() {
    let window = Tumbling::of(millis(10)).allowed_lateness(millis(5));
    let mut driver = TestDriver::new(&program(window, Emit::OnUpdate, None));
    driver
        .send_batch("in", &[at(3, "a"), at(12, "a"), at(4, "a")])
        .expect("processed");
    assert_eq!(driver.take_values("out"), ["0 a 1", "10 a 1", "0 a 2"]);
}

#[test]
fn stream_time_closes_windows_as_kafka_streams_does() {
    let window = Tumbling::of(millis(10)).stream_time(millis(5));
    let mut driver = TestDriver::new(&program(window, Emit::OnClose, None));
    driver
        .send_batch("in", &[at(3, "a"), at(14, "a"), at(4, "a")])
        .expect("processed");
    assert_eq!(driver.take_values("out"), [] as [&str; 0], "within grace");
    driver
        .send_batch("in", &[at(15, "b"), at(5, "a")])
        .expect("processed");
    assert_eq!(driver.take_values("out"), ["0 a 2"]);
    assert_eq!(driver.late_dropped(), 1);
}

#[test]
fn stream_time_does_not_see_elements_without_a_key() {
    let window = Tumbling::of(millis(10)).stream_time(millis(0));
    let mut driver = TestDriver::new(&program(window, Emit::OnClose, None));
    let keyless = TestRecord::new(99, "no key");
    driver
        .send_batch("in", &[at(3, "a"), keyless, at(4, "a"), at(10, "a")])
        .expect("processed");
    assert_eq!(driver.take_values("out"), ["0 a 2"]);
    assert_eq!(driver.keyless_skipped(), 1);
}

#[test]
fn the_end_of_input_closes_all_windows_in_order() {
    let mut driver = TestDriver::new(&program(Tumbling::of(millis(10)), Emit::OnClose, None));
    driver
        .send_batch("in", &[at(3, "b"), at(4, "a"), at(5, "b"), at(12, "c")])
        .expect("processed");
    driver.end_of_input().expect("closes");
    assert_eq!(driver.take_values("out"), ["0 b 2", "0 a 1", "10 c 1"]);
}

#[test]
fn what_one_branch_passes_on_is_not_the_time_of_the_next() {
    // The first branch goes by stream time, and is ahead of the watermark by the disorder.
    let app = App::new("branches");
    let source = app
        .source::<Text>("in")
        .watermark(Watermark::bounded(millis(100)));
    source
        .clone()
        .by_record_key()
        .window(Tumbling::of(millis(10)).stream_time(millis(0)))
        .aggregate("by-stream-time", |a| a.count())
        .map(|count| format!("{} {}", count.window.start, count.value))
        .sink::<Text>("by-stream-time");
    source
        .by_record_key()
        .window(Tumbling::of(millis(10)))
        .aggregate("by-watermark", |a| a.count())
        .map(|count| format!("{} {}", count.window.start, count.value))
        .sink::<Text>("by-watermark");
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    for timestamp in [150, 200, 151] {
        driver
            .send_batch("in", &[at(timestamp, "a")])
            .expect("processed");
    }
    assert_eq!(driver.late_dropped(), 1, "by stream time alone");
    driver.end_of_input().expect("closes");
    assert_eq!(driver.take_values("by-stream-time"), ["150 1", "200 1"]);
    assert_eq!(driver.take_values("by-watermark"), ["150 2", "200 1"]);
}

#[test]
fn where_branches_merge_the_slower_has_the_time() {
    for ahead_comes_last in [false, true] {
        let app = App::new("merged");
        let source = app
            .source::<Text>("in")
            .watermark(Watermark::bounded(millis(100)));
        let ahead = source
            .clone()
            .by_record_key()
            .window(Tumbling::of(millis(10)).stream_time(millis(0)))
            .aggregate("by-stream-time", |a| a.count())
            .map(|count| count.value)
            .share();
        let behind = source.map(|_| 1).share();
        let merged = if ahead_comes_last {
            behind.merge(ahead)
        } else {
            ahead.merge(behind)
        };
        merged
            .by_record_key()
            .window(Tumbling::of(millis(10)))
            .aggregate("both", |a| a.sum(|count| *count))
            .map(|both| format!("{} {}", both.window.start, both.value))
            .sink::<Text>("out");
        let mut driver = TestDriver::new(&app.build().expect("the program is right"));
        for timestamp in [150, 200, 155] {
            driver
                .send_batch("in", &[at(timestamp, "a")])
                .expect("processed");
        }
        driver.end_of_input().expect("closes");
        // Of 150 one counts it and sees it, the other only sees it; 155 is late for the first.
        assert_eq!(driver.take_values("out"), ["150 3", "200 2"]);
        assert_eq!(driver.late_dropped(), 1);
    }
}
