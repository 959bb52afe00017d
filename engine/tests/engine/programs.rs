//! Goal: programs as users write them compile and give what they say. The first is the README's.

use serde::{Deserialize, Serialize};
use thalweg::testing::{TestDriver, TestRecord};
use thalweg::{App, Bytes, Chain, Json, Keyed, Nullable, Stream, Text, Tumbling, Watermark, secs};

#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Bid {
    pub(crate) auction: u64,
    pub(crate) price: u64,
    pub(crate) date_time: i64,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Hot {
    auction: u64,
    from: i64,
    count: u64,
    max: u64,
}

pub(crate) fn bid(auction: u64, price: u64, date_time: i64) -> TestRecord {
    let bid = Bid {
        auction,
        price,
        date_time,
    };
    let value = serde_json::to_vec(&bid).expect("it is JSON");
    TestRecord::new(date_time, value).key(auction.to_string())
}

#[test]
fn the_programs_of_the_design_compile_and_count_the_hot_bids() {
    let app = App::new("hot-bids");
    app.source::<Json<Bid>>("bids")
        .event_time(|b| b.date_time, Watermark::bounded(secs(4)))
        .filter(|b| b.price > 100)
        .key_by("auction", |b| b.auction)
        .already_partitioned()
        .window(Tumbling::of(secs(10)).allowed_lateness(secs(30)))
        .aggregate("hot", |a| (a.count(), a.max(|b| b.price)))
        .late_to("bids.late")
        .map(|hot| Hot {
            auction: hot.key,
            from: hot.window.start,
            count: hot.value.0,
            max: hot.value.1,
        })
        .sink::<Json<_>>("hot-bids");

    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    driver
        .send_batch(
            "bids",
            &[
                bid(7, 200, 1_000),
                bid(8, 300, 2_000),
                bid(7, 50, 3_000),
                bid(7, 900, 9_999),
                bid(8, 101, 14_000),
                bid(7, 101, 14_001),
            ],
        )
        .expect("they are bids");
    let hot: Vec<Hot> = driver
        .take("hot-bids")
        .iter()
        .map(|record| {
            assert_eq!(record.timestamp, 9_999, "the window's last millisecond");
            let hot: Hot =
                serde_json::from_slice(record.value.as_deref().expect("a value")).expect("JSON");
            assert_eq!(record.key_text(), hot.auction.to_string());
            hot
        })
        .collect();
    let expected = [
        Hot {
            auction: 7,
            from: 0,
            count: 2,
            max: 900,
        },
        Hot {
            auction: 8,
            from: 0,
            count: 1,
            max: 300,
        },
    ];
    assert_eq!(hot, expected);
}

/// A part of a program in a function of its own.
fn long_lines(app: &App) -> Stream<impl Chain<Out = Text>> {
    app.source::<Text>("lines").filter(|line| line.len() > 3)
}

#[test]
fn streams_can_be_returned_from_functions() {
    let app = App::new("lines");
    long_lines(&app).sink::<Text>("long");
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    driver.send("lines", "abc").expect("text");
    driver.send("lines", "abcd").expect("text");
    assert_eq!(driver.take_values("long"), ["abcd"]);
}

#[test]
fn keys_values_nulls_and_bytes_pass_as_they_came() {
    let app = App::new("formats");
    app.source::<Keyed<Nullable<Text>, Nullable<Bytes>>>("in")
        .map(|pair| {
            let key = pair.key.unwrap_or("nobody");
            format!("{key} {:?}", pair.value.map(<[u8]>::len))
        })
        .sink::<Text>("out");
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    let records = [
        TestRecord::new(1, [0xff, 0]).key("k"),
        TestRecord {
            value: None,
            timestamp: 2,
            ..TestRecord::default()
        },
    ];
    driver.send_batch("in", &records).expect("they are read");
    let out = driver.take("out");
    let texts: Vec<String> = out.iter().map(TestRecord::value_text).collect();
    assert_eq!(texts, ["k Some(2)", "nobody None"]);
    assert_eq!((out[0].key_text(), out[0].timestamp), ("k".to_owned(), 1));
    assert_eq!((out[1].key.clone(), out[1].timestamp), (None, 2));
}

#[test]
fn a_null_is_written_where_there_is_none() {
    let app = App::new("nulls");
    app.source::<Text>("in")
        .map(|text| text.parse::<u64>().ok())
        .sink::<Nullable<Json<_>>>("out");
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    driver.send("in", "7").expect("text");
    driver.send("in", "x").expect("text");
    let values: Vec<_> = driver
        .take("out")
        .into_iter()
        .map(|record| record.value)
        .collect();
    assert_eq!(values, [Some(b"7".to_vec()), None]);
}

#[test]
fn aggregates_compose_and_each_gives_its_own() {
    let app = App::new("all-aggregates");
    app.source::<Json<i64>>("in")
        .map(|n| *n)
        .key_by("parity", |n| n.rem_euclid(2))
        .already_partitioned()
        .aggregate("all", |a| {
            (
                a.count(),
                a.sum(|n| *n),
                a.min(|n| *n),
                a.max(|n| *n),
                a.avg(|n| *n),
                a.reduce(|n| n.to_string(), |so_far, n| format!("{so_far},{n}")),
                a.fold(
                    Vec::new(),
                    |all: &mut Vec<i64>, n| all.push(*n),
                    |a, b| a.extend(b),
                ),
                a.latest_event_time(),
            )
        })
        .map(|all| format!("{:?}", all.value))
        .sink::<Text>("out");
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    for (timestamp, number) in [(5, 4), (9, -2), (7, 8)] {
        driver
            .send_at("in", timestamp, number.to_string())
            .expect("a number");
    }
    let last = driver.take_values("out").pop();
    let expected = r#"(3, 10, -2, 8, 3.3333333333333335, "4,-2,8", [4, -2, 8], 9)"#;
    assert_eq!(last.as_deref(), Some(expected));
}

#[test]
fn windows_follow_windows() {
    let app = App::new("two-levels");
    app.source::<Json<Bid>>("bids")
        .event_time(|b| b.date_time, Watermark::ascending())
        .by_record_key()
        .window(Tumbling::of(secs(1)))
        .aggregate("per-second", |a| a.count())
        .key_by("all", |_| "all".to_owned())
        .already_partitioned()
        .window(Tumbling::of(secs(10)))
        .aggregate("busiest", |a| a.max(|second| second.value))
        .map(|busiest| format!("{} {}", busiest.window.start, busiest.value))
        .sink::<Text>("busiest");
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    let bids: Vec<TestRecord> = [100, 200, 5_000, 5_100, 5_200, 9_000, 20_000, 31_000]
        .iter()
        .map(|date_time| bid(1, 1, *date_time))
        .collect();
    driver.send_batch("bids", &bids).expect("they are bids");
    assert_eq!(driver.take_values("busiest"), ["0 3", "20000 1"]);
}

#[test]
fn streams_merge_and_the_slower_holds_the_watermark() {
    let app = App::new("merged");
    let left = app
        .source::<Json<Bid>>("left")
        .event_time(|b| b.date_time, Watermark::ascending());
    let right = app
        .source::<Json<Bid>>("right")
        .event_time(|b| b.date_time, Watermark::ascending());
    left.merge(right)
        .by_record_key()
        .window(Tumbling::of(secs(1)))
        .aggregate("both", |a| a.count())
        .map(|both| format!("{} {} {}", both.window.start, both.key, both.value))
        .sink::<Text>("out");
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    driver
        .send_batch("left", &[bid(1, 1, 100), bid(1, 1, 5_000)])
        .expect("bids");
    assert_eq!(
        driver.take_values("out"),
        [] as [&str; 0],
        "right was not heard"
    );
    driver
        .send_batch("right", &[bid(1, 1, 200), bid(2, 1, 999)])
        .expect("bids");
    assert_eq!(driver.take_values("out"), [] as [&str; 0]);
    driver
        .send_batch("right", &[bid(2, 1, 1_000)])
        .expect("bids");
    assert_eq!(driver.take_values("out"), ["0 1 2", "0 2 1"]);
}
