//! Goal: a task that is lost comes back as it was last committed, or says why it cannot.

use thalweg::testing::{TestDriver, TestError, TestRecord};
use thalweg::{App, Emit, RestoreError, Text, Topology, Tumbling, Watermark, millis};

fn counts(size: u64, name: &str) -> Topology {
    let app = App::new("counts");
    app.source::<Text>("in")
        .by_record_key()
        .window(Tumbling::of(millis(size)).allowed_lateness(millis(5)))
        .aggregate(name, |a| a.count())
        .map(|count| format!("{} {} {}", count.window.start, count.key, count.value))
        .sink::<Text>("out");
    app.build().expect("the program is right")
}

fn at(timestamp: i64, key: &str) -> TestRecord {
    TestRecord::new(timestamp, "x").key(key)
}

#[test]
fn state_and_watermark_come_back_and_results_keep_their_order() {
    let mut driver = TestDriver::new(&counts(10, "counts"));
    driver
        .send_batch("in", &[at(1, "z"), at(2, "m"), at(3, "a"), at(4, "z")])
        .expect("processed");
    driver.commit().expect("commits");
    driver
        .send_batch("in", &[at(5, "lost")])
        .expect("processed");
    driver.restart().expect("is restored");
    assert_eq!(driver.watermark(), 3);
    driver
        .send_batch("in", &[at(5, "a"), at(10, "z")])
        .expect("processed");
    assert_eq!(driver.take_values("out"), ["0 z 2", "0 m 1", "0 a 2"]);
}

#[test]
fn windows_that_closed_do_not_come_back() {
    let mut driver = TestDriver::new(&counts(10, "counts"));
    driver.send_batch("in", &[at(1, "a")]).expect("processed");
    driver.commit().expect("commits");
    driver.send_batch("in", &[at(30, "b")]).expect("processed");
    driver.commit().expect("commits");
    let log = driver.take("counts-counts-changelog");
    assert_eq!(log.len(), 3, "two rows and a tombstone");
    assert_eq!(log[1].value, None);
    assert_eq!(log[1].key, log[0].key);
    driver.take("out");
    driver.restart().expect("is restored");
    driver.send_batch("in", &[at(1, "a")]).expect("processed");
    assert_eq!(driver.late_dropped(), 1, "the watermark came back too");
    driver.end_of_input().expect("ends");
    assert_eq!(driver.take_values("out"), ["30 b 1"]);
}

#[test]
fn a_key_that_came_and_went_within_a_transaction_leaves_no_tombstone() {
    let mut driver = TestDriver::new(&counts(10, "counts"));
    driver
        .send_batch("in", &[at(1, "a"), at(30, "b")])
        .expect("processed");
    driver.commit().expect("commits");
    let log = driver.take("counts-counts-changelog");
    assert_eq!(log.len(), 1, "only b's row");
    assert!(log[0].value.is_some());
}

#[test]
fn a_key_touched_often_is_logged_once_per_transaction() {
    let mut driver = TestDriver::new(&counts(10, "counts"));
    let records: Vec<TestRecord> = (0..100).map(|_| at(1, "a")).collect();
    driver.set_clock(77).expect("the clock advances");
    driver.send_batch("in", &records).expect("processed");
    driver.commit().expect("commits");
    let log = driver.take("counts-counts-changelog");
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].timestamp, 77, "wall clock, not event time");
}

#[test]
fn state_of_another_definition_is_refused_with_the_operators_name() {
    let mut driver = TestDriver::new(&counts(10, "counts"));
    driver.send_batch("in", &[at(1, "a")]).expect("processed");
    driver.commit().expect("commits");
    let error = driver
        .replace(&counts(20, "counts"))
        .expect_err("the windows are others");
    let TestError::Restore(RestoreError::Fingerprint {
        ref operator,
        ref definition,
        ..
    }) = error
    else {
        panic!("{error}");
    };
    assert_eq!(&**operator, "counts");
    assert_eq!(definition, "tumbling 20 ms: count");
    assert!(
        error
            .to_string()
            .contains("give the changed operator a new name"),
        "{error}"
    );
}

#[test]
fn an_operator_with_a_new_name_begins_anew_while_time_goes_on() {
    let mut driver = TestDriver::new(&counts(10, "counts"));
    driver.send_batch("in", &[at(8, "a")]).expect("processed");
    driver.commit().expect("commits");
    driver
        .replace(&counts(20, "counts-of-20"))
        .expect("there is no state of that name");
    assert_eq!(driver.watermark(), 7);
    assert_eq!(driver.state_rows(), 0);
}

#[test]
fn an_edit_elsewhere_in_the_program_keeps_the_state() {
    let mut driver = TestDriver::new(&counts(10, "counts"));
    driver.send_batch("in", &[at(1, "a")]).expect("processed");
    driver.commit().expect("commits");
    let app = App::new("counts");
    let source = app.source::<Text>("in").filter(|text| !text.is_empty());
    source
        .clone()
        .by_record_key()
        .aggregate("total", |a| a.count())
        .emit(Emit::OnCommit)
        .map(|total| format!("{} {}", total.key, total.value))
        .sink::<Text>("totals");
    source
        .by_record_key()
        .window(Tumbling::of(millis(10)))
        .aggregate("counts", |a| a.count())
        .map(|count| format!("{} {}", count.key, count.value))
        .sink::<Text>("edited");
    driver
        .replace(&app.build().expect("the program is right"))
        .expect("state is kept");
    driver
        .send_batch("in", &[at(2, "a"), at(10, "a")])
        .expect("processed");
    driver.commit().expect("commits");
    assert_eq!(driver.take_values("edited"), ["a 2"]);
    assert_eq!(driver.take_values("totals"), ["a 2"]);
}

#[test]
fn time_can_begin_anew_as_flinks_does() {
    let mut driver = TestDriver::new(&counts(10, "counts"));
    driver
        .send_batch("in", &[at(1, "a"), at(40, "b")])
        .expect("processed");
    driver.commit().expect("commits");
    driver.take("out");
    driver.restart_forgetting_time().expect("is restored");
    driver.send_batch("in", &[at(1, "a")]).expect("processed");
    assert_eq!(driver.late_dropped(), 0);
    driver.end_of_input().expect("ends");
    assert_eq!(driver.take_values("out"), ["0 a 1", "40 b 1"]);
}

#[test]
fn state_that_is_no_json_any_more_is_an_error() {
    let fold = |reader: bool| {
        let app = App::new("fold");
        let source = app.source::<Text>("in").by_record_key();
        if reader {
            source
                .aggregate("kept", |a| {
                    a.fold(0_u64, |n: &mut u64, _| *n += 1, |a, b| *a += b)
                })
                .map(|kept| kept.value.to_string())
                .sink::<Text>("out");
        } else {
            source
                .aggregate("kept", |a| {
                    a.fold(
                        String::new(),
                        |s: &mut String, t| s.push_str(t),
                        |a, b| a.push_str(b),
                    )
                })
                .map(|kept| kept.value.clone())
                .sink::<Text>("out");
        }
        app.build().expect("the program is right")
    };
    let mut driver = TestDriver::new(&fold(false));
    driver.send_batch("in", &[at(1, "a")]).expect("processed");
    driver.commit().expect("commits");
    let error = driver
        .replace(&fold(true))
        .expect_err("a text is no number");
    assert!(
        matches!(error, TestError::Restore(RestoreError::Unreadable { .. })),
        "{error}"
    );
}

#[test]
fn windows_behind_stream_time_go_on_by_it() {
    // Stream time runs ahead of the watermark, and falls behind it where elements lack a key.
    let app = App::new("behind");
    app.source::<Text>("in")
        .watermark(Watermark::bounded(millis(100)))
        .by_record_key()
        .window(Tumbling::of(millis(10)).stream_time(millis(0)))
        .aggregate("first", |a| a.count())
        .by_record_key()
        .window(Tumbling::of(millis(20)).allowed_lateness(millis(50)))
        .aggregate("second", |a| a.sum(|count| count.value))
        .map(|sum| format!("{} {}", sum.window.start, sum.value))
        .sink::<Text>("out");
    let topology = app.build().expect("the program is right");
    let outputs = [false, true].map(|restarts| {
        let mut driver = TestDriver::new(&topology);
        for timestamp in [105, 115, 131, 135, 150] {
            driver
                .send_batch("in", &[at(timestamp, "a")])
                .expect("processed");
            driver.commit().expect("commits");
            if restarts {
                driver.restart().expect("is restored");
            }
        }
        driver.take_values("out")
    });
    assert_eq!(outputs[0], ["100 2", "120 2"]);
    assert_eq!(outputs[1], outputs[0]);

    let keyless_ahead = [at(105, "a"), TestRecord::new(400, "no key"), at(125, "a")];
    let lates = [false, true].map(|restarts| {
        let mut driver = TestDriver::new(&topology);
        for record in &keyless_ahead {
            driver
                .send_batch("in", std::slice::from_ref(record))
                .expect("processed");
            driver.commit().expect("commits");
            if restarts {
                driver.restart().expect("is restored");
            }
        }
        driver.end_of_input().expect("closes");
        (driver.take_values("out"), driver.late_dropped())
    });
    assert_eq!(lates[0], (vec!["100 1".to_owned(), "120 1".to_owned()], 0));
    assert_eq!(lates[1], lates[0]);
}
