//! Goal: bad records and refused outputs do what the program says, and never pass silently.

use serde::Deserialize;
use thalweg::testing::{TestDriver, TestError, TestRecord};
use thalweg::{App, Json, OnBadRecord, OnSinkError, TaskError, Text, Topology, Watermark, secs};

#[derive(Debug, Deserialize)]
struct Reading {
    at: i64,
    celsius: f64,
}

fn program(on_bad_record: OnBadRecord) -> Topology {
    let app = App::new("readings");
    app.source::<Json<Reading>>("readings")
        .event_time(|reading| reading.at, Watermark::bounded(secs(1)))
        .on_bad_record(on_bad_record)
        .map(|reading| reading.celsius.to_string())
        .sink::<Text>("celsius");
    app.build().expect("the program is right")
}

const GOOD: &str = r#"{"at":1700000000000,"celsius":4.5}"#;

const BAD: [(&str, &str); 7] = [
    ("not JSON", "not the JSON expected"),
    ("", "not the JSON expected"),
    (r#"{"at":1700000000000}"#, "missing field `celsius`"),
    (r#"{"at":"noon","celsius":1}"#, "invalid type"),
    (
        r#"{"at":1700000000000,"celsius":4.5} trailing"#,
        "trailing characters",
    ),
    (r#"{"at":99999999999999,"celsius":4.5}"#, "is outside"),
    (r#"{"at":-1,"celsius":4.5}"#, "is outside"),
];

#[test]
fn a_bad_record_stops_the_task_and_is_named() {
    for (value, reason) in BAD {
        let mut driver = TestDriver::new(&program(OnBadRecord::Fail));
        driver.send("readings", GOOD).expect("it is good");
        let error = driver.send("readings", value).expect_err("it is bad");
        let TestError::Task(TaskError::BadRecord {
            topic,
            partition,
            offset,
            reason: told,
        }) = error
        else {
            panic!("{value}: {error}");
        };
        assert_eq!((&*topic, partition.0, offset.0), ("readings", 0, 1));
        assert!(told.contains(reason), "{value}: {told}");
    }
}

#[test]
fn bad_records_are_skipped_and_counted() {
    let mut driver = TestDriver::new(&program(OnBadRecord::SkipAndCount));
    for (value, _) in BAD {
        driver.send("readings", value).expect("it is skipped");
    }
    driver.send("readings", GOOD).expect("it is good");
    assert_eq!(driver.take_values("celsius"), ["4.5"]);
    assert_eq!(driver.bad_records(), BAD.len() as u64);
    assert_eq!(
        driver.watermark(),
        1_699_999_998_999,
        "a wrong year moves no watermark"
    );
}

#[test]
fn bad_records_go_to_the_dead_letters_as_they_came_in_the_same_transaction() {
    let mut driver = TestDriver::new(&program(OnBadRecord::DeadLetter("dead".to_owned())));
    let bad = TestRecord::new(5, "not JSON").key("k").header("trace", "1");
    driver
        .send_batch("readings", &[TestRecord::new(4, GOOD), bad.clone()])
        .expect("it is kept");
    assert_eq!(driver.take_committed("dead"), []);
    driver.commit().expect("it commits");
    let dead = driver.take_committed("dead").pop().expect("it is there");
    assert_eq!(
        (dead.key, dead.value, dead.timestamp),
        (bad.key, bad.value, 5)
    );
    let headers: Vec<(&str, String)> = dead
        .headers
        .iter()
        .map(|(name, value)| {
            let value = value.as_deref().unwrap_or_default();
            (name.as_str(), String::from_utf8_lossy(value).into_owned())
        })
        .collect();
    assert_eq!(headers[0], ("trace", "1".to_owned()));
    assert_eq!(headers[1], ("thalweg.topic", "readings".to_owned()));
    assert_eq!(headers[2], ("thalweg.partition", "0".to_owned()));
    assert_eq!(headers[3], ("thalweg.offset", "1".to_owned()));
    assert_eq!(headers[4].0, "thalweg.reason");
    assert!(headers[4].1.contains("not the JSON expected"));
}

#[test]
fn null_values_and_invalid_text_are_bad_records() {
    let app = App::new("text");
    app.source::<Text>("in")
        .on_bad_record(OnBadRecord::SkipAndCount)
        .sink::<Text>("out");
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    let null = TestRecord {
        value: None,
        ..TestRecord::default()
    };
    driver
        .send_batch("in", &[null, TestRecord::new(0, [0xff])])
        .expect("they are skipped");
    assert_eq!(driver.bad_records(), 2);
}

fn sink_of(on_error: OnSinkError) -> Topology {
    let app = App::new("sink");
    app.source::<Text>("in")
        .to("out")
        .timestamp(|text| if text.starts_with("old") { -5_i64 } else { 7 })
        .on_error(on_error)
        .write::<Text>();
    app.build().expect("the program is right")
}

#[test]
fn an_output_that_is_refused_stops_the_task() {
    let mut driver = TestDriver::new(&sink_of(OnSinkError::Fail));
    driver.send("in", "new").expect("it is written");
    let error = driver
        .send("in", "old")
        .expect_err("it is refused")
        .to_string();
    assert!(
        error.contains("cannot write to out") && error.contains("before 1970"),
        "{error}"
    );

    let mut driver = TestDriver::new(&sink_of(OnSinkError::Fail));
    let error = driver
        .send("in", "x".repeat(1_100_000))
        .expect_err("it is refused")
        .to_string();
    assert!(error.contains("max.message.bytes"), "{error}");
}

#[test]
fn refused_outputs_are_skipped_or_go_to_the_dead_letters() {
    let mut skipping = TestDriver::new(&sink_of(OnSinkError::SkipAndCount));
    skipping.send("in", "old").expect("it is skipped");
    skipping.send("in", "new").expect("it is written");
    assert_eq!(skipping.take_values("out"), ["new"]);

    let mut keeping = TestDriver::new(&sink_of(OnSinkError::DeadLetter("dead".to_owned())));
    keeping.set_clock(9).expect("the clock advances");
    keeping.send("in", "old one").expect("it is kept");
    keeping
        .send("in", "x".repeat(1_100_000))
        .expect("it is kept");
    let dead = keeping.take("dead");
    assert_eq!(
        (dead[0].value_text(), dead[0].timestamp),
        ("old one".to_owned(), 9)
    );
    assert_eq!(dead[1].value, None, "too large is too large");
    assert_eq!(dead[1].headers[0].0, "thalweg.reason");
}
