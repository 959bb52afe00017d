//! Goal: results come out when `Emit` says, in an order that nothing random decides.

use thalweg::testing::{TestDriver, TestRecord};
use thalweg::{App, Emit, Text, Topology, Tumbling, millis};

fn at(timestamp: i64, key: &str) -> TestRecord {
    TestRecord::new(timestamp, "x").key(key)
}

fn windows() -> Topology {
    let app = App::new("windows");
    app.source::<Text>("in")
        .by_record_key()
        .window(Tumbling::of(millis(10)))
        .aggregate("counts", |a| a.count())
        .emit(Emit::OnCommit)
        .map(|count| format!("{} {} {}", count.window.start, count.key, count.value))
        .sink::<Text>("out");
    app.build().expect("the program is right")
}

fn grouped(emit: Emit) -> Topology {
    let app = App::new("grouped");
    app.source::<Text>("in")
        .by_record_key()
        .aggregate("counts", |a| a.count())
        .emit(emit)
        .map(|count| format!("{} {}", count.key, count.value))
        .sink::<Text>("out");
    app.build().expect("the program is right")
}

#[test]
fn on_commit_gives_each_changed_key_once_in_the_order_of_rows() {
    let mut driver = TestDriver::new(&grouped(Emit::OnCommit));
    driver
        .send_batch("in", &[at(1, "b"), at(2, "a"), at(3, "b")])
        .expect("processed");
    assert_eq!(driver.take_values("out"), [] as [&str; 0]);
    driver.commit().expect("commits");
    assert_eq!(driver.take_values("out"), ["b 2", "a 1"]);
    driver
        .send_batch("in", &[at(4, "c"), at(5, "a")])
        .expect("processed");
    driver.commit().expect("commits");
    let out = driver.take("out");
    let values: Vec<_> = out
        .iter()
        .map(|record| (record.value_text(), record.timestamp))
        .collect();
    assert_eq!(values, [("a 2".to_owned(), 5), ("c 1".to_owned(), 4)]);
    driver.commit().expect("commits");
    assert_eq!(
        driver.take_values("out"),
        [] as [&str; 0],
        "nothing changed"
    );
}

#[test]
fn on_commit_does_not_lose_the_last_change_of_a_window_that_closes() {
    let mut driver = TestDriver::new(&windows());
    driver
        .send_batch("in", &[at(1, "a"), at(2, "b"), at(12, "a"), at(3, "b")])
        .expect("processed");
    driver.commit().expect("commits");
    assert_eq!(driver.take_values("out"), ["0 a 1", "0 b 1", "10 a 1"]);
}

#[test]
fn on_update_gives_every_change() {
    let mut driver = TestDriver::new(&grouped(Emit::OnUpdate));
    driver
        .send_batch("in", &[at(1, "b"), at(2, "a"), at(3, "b")])
        .expect("processed");
    assert_eq!(driver.take_values("out"), ["b 1", "a 1", "b 2"]);
}

#[test]
fn thousands_of_keys_come_out_in_the_order_they_were_first_seen() {
    let app = App::new("order");
    app.source::<Text>("in")
        .by_record_key()
        .window(Tumbling::of(millis(10)))
        .aggregate("counts", |a| a.count())
        .map(|count| count.key.to_string())
        .sink::<Text>("out");
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    let keys: Vec<String> = (0..5_000_u64)
        .map(|n| (n * 7_919 % 5_000).to_string())
        .collect();
    let records: Vec<TestRecord> = keys.iter().map(|key| at(1, key)).collect();
    driver.send_batch("in", &records).expect("processed");
    driver.end_of_input().expect("closes");
    assert_eq!(driver.take_values("out"), keys);
}
