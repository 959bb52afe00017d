//! Input that cannot be processed: records, batches, and what the source's policy makes of them.

use serde_json::Value;
use thalweg::{App, AppError, Json, OnBadRecord, Text, Watermark, secs};
use thalweg_client::{IsolationLevel, ProducerRecord, TopicPartition};
use thalweg_protocol::messages::{FetchRequest, FetchResponse};
use thalweg_protocol::{decode_response, encode_response};
use thalweg_tests::brokers::{Kafka, Tests};
use thalweg_tests::raw_reader::{RawRecord, read_partition};

use crate::support::{Corner, PATIENCE, assert_says, stop, to_the_end, why_it_stopped};
use crate::wire::{Asked, Fate, Wire};

pub(crate) fn tests(tests: Tests) -> Tests {
    tests
        .test(
            "bad_records_follow_the_policy_of_their_source",
            async |kafka| bad_records_follow_the_policy_of_their_source(&kafka).await,
        )
        .test(
            "dead_letters_are_in_the_transaction_of_their_records",
            async |kafka| dead_letters_are_in_the_transaction_of_their_records(&kafka).await,
        )
        .test(
            "a_corrupt_batch_follows_the_policy_of_its_source",
            async |kafka| a_corrupt_batch_follows_the_policy_of_its_source(&kafka).await,
        )
        .test(
            "a_batch_whose_header_cannot_be_skipped_stops_whatever_the_policy",
            async |kafka| {
                a_batch_whose_header_cannot_be_skipped_stops_whatever_the_policy(&kafka).await;
            },
        )
}

/// A corner with the topic `dead` for dead letters.
async fn corner(kafka: &Kafka, prefix: &str) -> Corner {
    let corner = Corner::new(kafka, prefix, 1).await;
    corner.create(&["dead"], 1).await;
    corner
}

fn policies(corner: &Corner) -> [OnBadRecord; 3] {
    [
        OnBadRecord::Fail,
        OnBadRecord::SkipAndCount,
        OnBadRecord::DeadLetter(corner.topic("dead")),
    ]
}

#[derive(Debug, serde::Deserialize)]
struct Reading {
    at: i64,
    celsius: f64,
}

fn readings(app: &App, corner: &Corner, policy: OnBadRecord) {
    app.source::<Json<Reading>>(&corner.topic("in"))
        .event_time(|reading| reading.at, Watermark::bounded(secs(1)))
        .on_bad_record(policy)
        .map(|reading| reading.celsius.to_string())
        .sink::<Text>(&corner.topic("out"));
}

async fn write_values(corner: &Corner, values: &[Option<&str>]) {
    let topic = corner.topic("in");
    let mut producer = thalweg_client::Producer::builder(&corner.cluster)
        .build()
        .expect("a producer");
    for value in values {
        let mut record = ProducerRecord::to(topic.as_str()).key("k");
        if let Some(value) = value {
            record = record.value(*value);
        }
        producer.send(record).await.expect("sent");
    }
    producer.flush().await.expect("written");
}

async fn raw(corner: &Corner, topic: &str) -> Vec<RawRecord> {
    // Up to its end: markers trail the end of their transaction.
    corner.read(topic).await;
    let partition = TopicPartition::new(corner.topic(topic), 0);
    read_partition(&corner.cluster, &partition, IsolationLevel::ReadCommitted).await
}

fn header<'r>(record: &'r RawRecord, name: &str) -> &'r str {
    let (_, value) = record
        .headers
        .iter()
        .find(|(found, _)| found == name)
        .unwrap_or_else(|| panic!("{name} is missing in {record:?}"));
    std::str::from_utf8(value.as_deref().expect("a value")).expect("text")
}

const GOOD: &str = r#"{"at":1700000000000,"celsius":4.5}"#;

const BAD: [(Option<&str>, &str); 4] = [
    (Some("not JSON"), "not the JSON expected"),
    (Some(r#"{"at":1700000000000}"#), "missing field `celsius`"),
    (Some(r#"{"at":-1,"celsius":4.5}"#), "event_time_range"),
    (None, "null"),
];

async fn bad_records_follow_the_policy_of_their_source(kafka: &Kafka) {
    for (value, reason) in BAD {
        let corner = corner(kafka, "policy").await;
        write_values(&corner, &[Some(GOOD), value, Some(GOOD)]).await;
        let [fail, skip, keep] = policies(&corner);
        let place = format!("{}-0 at offset 1", corner.topic("in"));

        let app = corner.app();
        readings(&app, &corner, fail);
        let error = why_it_stopped(&app).await;
        assert!(matches!(error, AppError::Task(_)), "{error}");
        assert_says(&error.to_string(), &[&place, reason, "on_bad_record"]);
        assert_eq!(corner.read("out").await.len(), 0, "half a transaction");

        // The same application goes on once it is told to.
        let app = corner.app();
        readings(&app, &corner, skip);
        let running = app.start_until_end().await.expect("started");
        tokio::time::timeout(PATIENCE, running.wait())
            .await
            .expect("in time")
            .expect("to the end");
        let skipped: u64 = running.metrics().tasks().map(|task| task.bad_records).sum();
        assert_eq!(skipped, 1, "skipped, not counted");
        assert_eq!(corner.read("out").await.len(), 2);

        let app = corner.app_named("keeping");
        readings(&app, &corner, keep);
        to_the_end(&app).await.expect("to the end");
        assert_eq!(corner.read("out").await.len(), 4);
        let dead = raw(&corner, "dead").await;
        assert_eq!(dead.len(), 1);
        assert_eq!(dead[0].value.as_deref(), value.map(str::as_bytes));
        assert_eq!(header(&dead[0], "thalweg.topic"), corner.topic("in"));
        assert_eq!(header(&dead[0], "thalweg.offset"), "1");
        assert_says(header(&dead[0], "thalweg.reason"), &[reason]);
    }
}

async fn dead_letters_are_in_the_transaction_of_their_records(kafka: &Kafka) {
    let corner = corner(kafka, "same").await;
    let [.., keep] = policies(&corner);
    write_values(&corner, &[Some("1"), Some("bad"), Some("7")]).await;
    let program = |until: i64| {
        // Nothing is committed before all three are processed.
        let app = corner.app().commit_interval(secs(5));
        app.source::<Json<Value>>(&corner.topic("in"))
            .on_bad_record(keep.clone())
            .map(move |value| {
                assert!(value.as_i64() < Some(until), "too much");
                value.to_string()
            })
            .sink::<Text>(&corner.topic("out"));
        app
    };
    let error = why_it_stopped(&program(5)).await;
    assert!(matches!(error, AppError::Panicked { .. }), "{error}");
    assert_eq!(raw(&corner, "dead").await, [], "without its transaction");
    assert_eq!(raw(&corner, "out").await, []);
    let app = program(10);
    to_the_end(&app).await.expect("to the end");
    assert_eq!(raw(&corner, "dead").await.len(), 1);
    assert_eq!(raw(&corner, "out").await.len(), 2);
}

fn copy(app: &App, corner: &Corner, policy: OnBadRecord) {
    app.source::<Text>(&corner.topic("in"))
        .on_bad_record(policy)
        .map(|text| (*text).to_owned())
        .sink::<Text>(&corner.topic("out"));
}

async fn values(corner: &Corner) -> Vec<String> {
    let seen = corner.read("out").await.into_iter();
    seen.map(|seen| seen.value).collect()
}

async fn a_corrupt_batch_follows_the_policy_of_its_source(kafka: &Kafka) {
    if kafka.is_ours() {
        return corrupt_batches(kafka).await;
    }
    // Somebody's own Kafka: its files are out of reach.
    corrupt_batches(&kafka.which().builder().start().await).await;
}

async fn corrupt_batches(kafka: &Kafka) {
    let corner = Corner::at(kafka.bootstrap_servers(), "corrupt", 1).await;
    corner.create(&["dead"], 1).await;
    for value in ["first", "second", "third"] {
        write_values(&corner, &[Some(value)]).await;
    }
    kafka.damage(&corner.topic("in"), 0, 1);
    let [fail, skip, keep] = policies(&corner);

    let app = corner.app();
    copy(&app, &corner, fail);
    let error = why_it_stopped(&app).await.to_string();
    let place = format!("{}-0 at offset 1", corner.topic("in"));
    assert_says(&error, &[&place, "corrupt", "on_bad_record"]);
    let first = values(&corner).await;
    assert!(first.is_empty() || first == ["first"], "{first:?}");

    let app = corner.app();
    copy(&app, &corner, skip);
    let running = app.start_until_end().await.expect("started");
    tokio::time::timeout(PATIENCE, running.wait())
        .await
        .expect("in time")
        .expect("to the end");
    assert_eq!(running.metrics().workers[0].corrupt_batches, 1);
    assert_eq!(values(&corner).await, ["first", "third"]);

    let app = corner.app_named("keeping");
    copy(&app, &corner, keep);
    to_the_end(&app).await.expect("to the end");
    assert_eq!(values(&corner).await, ["first", "third", "first", "third"]);
    let dead = raw(&corner, "dead").await;
    assert_eq!(dead.len(), 1);
    assert_eq!(header(&dead[0], "thalweg.offset"), "1");
    let kept = dead[0].value.as_deref().expect("the batch as it came");
    assert_eq!(kept[..8], 1_i64.to_be_bytes());
}

/// The first batch says of itself that it has a length no batch can have.
fn without_length(asked: &Asked, answer: bytes::Bytes) -> bytes::Bytes {
    let (id, mut answer) =
        decode_response::<FetchRequest>(answer, asked.version).expect("a broker's answer");
    shorten(&mut answer);
    let frame = encode_response::<FetchRequest>(&answer, asked.version, id).expect("encodable");
    frame.to_bytes().slice(4..)
}

fn shorten(answer: &mut FetchResponse) {
    let partitions = answer.responses.iter_mut().flat_map(|t| &mut t.partitions);
    for partition in partitions {
        let records = partition.records.take().unwrap_or_default();
        let mut records = records.to_vec();
        if let Some(length) = records.get_mut(8..12) {
            length.copy_from_slice(&3_i32.to_be_bytes());
        }
        partition.records = Some(records.into());
    }
}

async fn a_batch_whose_header_cannot_be_skipped_stops_whatever_the_policy(kafka: &Kafka) {
    let corner = corner(kafka, "headless").await;
    write_values(&corner, &[Some("first"), Some("second")]).await;
    for policy in policies(&corner) {
        let wire = Wire::new();
        wire.rule(|asked| match asked.is::<FetchRequest>() {
            Some(_) => {
                let asked = asked.clone();
                Fate::Change(Box::new(move |answer| without_length(&asked, answer)))
            }
            None => Fate::Pass,
        });
        let app = corner.app().client_config(wire.client(&corner.servers));
        copy(&app, &corner, policy);
        let error = why_it_stopped(&app).await.to_string();
        assert_says(&error, &[&format!("{}-0", corner.topic("in")), "offset 0"]);
        assert_eq!(values(&corner).await, [""; 0]);
        assert_eq!(raw(&corner, "dead").await, []);
    }
    // It was the way, not the log.
    let app = corner.app();
    copy(&app, &corner, OnBadRecord::Fail);
    let running = app.start().await.expect("started");
    corner.read_at_least("out", 2).await;
    stop(running).await;
}
