//! Faults on demand: each does what it says, and nothing else.

use std::time::Duration;

use thalweg_broker::{EmbeddedBroker, Fault, faults};
use thalweg_protocol::messages::{FetchRequest, MetadataRequest, ProduceRequest};
use thalweg_protocol::{ApiKey, ErrorCode};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::support::*;

fn broker() -> EmbeddedBroker {
    start(EmbeddedBroker::builder().topic("t", 1).topic("u", 1))
}

async fn stored(kafka: &EmbeddedBroker, topic: &str) -> Vec<String> {
    kafka.inject_nothing();
    let mut raw = Raw::connect(kafka, PORT);
    values(&fetch(&mut raw, topic, 0, false).await)
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_was_applied_and_a_lost_request_was_not() {
    let kafka = broker();
    let request = produce_request("t", batch(&["a"], Producer::NONE), -1);
    kafka.inject(faults::lose_answers(ApiKey::Produce, 1));
    let mut raw = Raw::connect(&kafka, PORT);
    raw.send(&request, 12).await;
    assert!(raw.receive::<ProduceRequest>(12).await.is_none());
    assert_eq!(stored(&kafka, "t").await, ["a"]);

    kafka.inject(faults::lose_requests(ApiKey::Produce, 1));
    let mut raw = Raw::connect(&kafka, PORT);
    raw.send(&request, 12).await;
    assert!(raw.receive::<ProduceRequest>(12).await.is_none());
    assert_eq!(stored(&kafka, "t").await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_answered_for_everything_and_nothing_is_applied() {
    let kafka = broker();
    kafka.inject(faults::refuse(
        ApiKey::Produce,
        ErrorCode::NOT_ENOUGH_REPLICAS,
        1,
    ));
    let mut raw = Raw::connect(&kafka, PORT);
    let answer = produce(&mut raw, "t", batch(&["a"], Producer::NONE)).await;
    assert_eq!(answer.error_code, ErrorCode::NOT_ENOUGH_REPLICAS);
    let answer = produce(&mut raw, "t", batch(&["b"], Producer::NONE)).await;
    assert_eq!(answer.error_code, ErrorCode::NONE, "only once");
    assert_eq!(stored(&kafka, "t").await, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_closure_sees_the_broker_the_client_and_the_topic() {
    let kafka = broker();
    kafka.inject(|request| {
        assert_eq!(request.broker(), 0);
        assert_eq!(request.client_id(), Some("raw"));
        if request.names_topic("u") {
            Fault::Error(ErrorCode::KAFKA_STORAGE_ERROR)
        } else {
            Fault::Pass
        }
    });
    let mut raw = Raw::connect(&kafka, PORT);
    let answer = produce(&mut raw, "t", batch(&["a"], Producer::NONE)).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
    let answer = produce(&mut raw, "u", batch(&["a"], Producer::NONE)).await;
    assert_eq!(answer.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    let read = fetch(&mut raw, "u", 0, false).await;
    let code = read.responses[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::KAFKA_STORAGE_ERROR);
}

#[tokio::test(start_paused = true)]
async fn delays_are_as_long_as_they_are_said_to_be() {
    let kafka = broker();
    let delay = Duration::from_secs(7);
    kafka.inject(faults::slow(ApiKey::Produce, delay));
    let mut raw = Raw::connect(&kafka, PORT);
    let began = Instant::now();
    produce(&mut raw, "t", batch(&["a"], Producer::NONE)).await;
    assert_eq!(began.elapsed(), delay);
    kafka.inject(move |_| Fault::DelayAnswer(delay));
    fetch(&mut raw, "t", 0, false).await;
    assert_eq!(began.elapsed(), 2 * delay);
}

#[tokio::test(start_paused = true)]
async fn answers_are_cut_and_damaged_where_it_is_said() {
    let kafka = broker();
    let mut raw = Raw::connect(&kafka, PORT);
    raw.send(&MetadataRequest::default(), 9).await;
    let length = raw.stream.read_i32().await.expect("an answer");
    let mut whole = vec![0; usize::try_from(length).expect("a length")];
    raw.stream.read_exact(&mut whole).await.expect("all of it");

    kafka.inject(|_| Fault::Corrupt(2));
    raw.send(&MetadataRequest::default(), 9).await;
    assert_eq!(raw.stream.read_i32().await.expect("an answer"), length);
    let mut damaged = vec![0; whole.len()];
    raw.stream
        .read_exact(&mut damaged)
        .await
        .expect("all of it");
    assert_ne!(damaged[2], whole[2]);
    damaged[2] = whole[2];
    assert_eq!(damaged, whole);

    kafka.inject(|_| Fault::Truncate(10));
    raw.send(&MetadataRequest::default(), 9).await;
    let mut rest = Vec::new();
    raw.stream
        .read_to_end(&mut rest)
        .await
        .expect("closed in order");
    assert_eq!(rest.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_paused_broker_answers_when_it_goes_on() {
    let kafka = broker();
    let mut raw = Raw::connect(&kafka, PORT);
    kafka.pause(0).expect("there is one");
    raw.send(&fetch_request("t", 0, false), 12).await;
    let waited = tokio::time::timeout(Duration::from_secs(60), raw.stream.read_u8()).await;
    assert!(waited.is_err(), "nothing comes");
    kafka.resume(0).expect("there is one");
    assert!(raw.receive::<FetchRequest>(12).await.is_some());
    assert!(kafka.pause(7).is_err(), "there is no such broker");
}
