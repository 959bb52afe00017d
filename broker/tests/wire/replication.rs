//! Replication as it is modelled: what is not replicated is not read and not acknowledged, and is lost
//! with its leader; nothing else is.

use std::time::Duration;

use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::{MetadataRequest, ProduceRequest};
use thalweg_protocol::{BrokerId, ErrorCode};
use tokio::time::Instant;

use crate::support::*;

const DELAY: Duration = Duration::from_secs(2);

/// Three brokers, every partition on all of them.
fn brokers() -> EmbeddedBroker {
    start(
        EmbeddedBroker::builder()
            .brokers(3)
            .config("default.replication.factor", "3")
            .config("min.insync.replicas", "2")
            .topic("t", 1)
            .replication_delay(DELAY, DELAY),
    )
}

fn port(broker: i32) -> u16 {
    PORT + u16::try_from(broker).expect("a small number")
}

#[tokio::test(start_paused = true)]
async fn all_acknowledgements_and_readers_wait_for_replication() {
    let kafka = brokers();
    let leader = kafka.leader("t", 0).expect("it has one");
    let mut raw = Raw::connect(&kafka, port(leader));
    let began = Instant::now();
    raw.send(&produce_request("t", batch(&["a"], Producer::NONE), 1), 12)
        .await;
    raw.receive::<ProduceRequest>(12).await.expect("an answer");
    assert_eq!(began.elapsed(), Duration::ZERO, "the leader alone has it");
    assert!(values(&fetch(&mut raw, "t", 0, false).await).is_empty());
    let mut request = produce_request("t", batch(&["b"], Producer::NONE), -1);
    request.timeout_ms = 10_000;
    raw.call(&request, 12).await;
    assert_eq!(began.elapsed(), DELAY);
    assert_eq!(values(&fetch(&mut raw, "t", 0, false).await), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_takes_too_long_is_a_time_out() {
    let kafka = brokers();
    let leader = kafka.leader("t", 0).expect("it has one");
    let mut raw = Raw::connect(&kafka, port(leader));
    let answer = produce(&mut raw, "t", batch(&["a"], Producer::NONE)).await;
    assert_eq!(
        answer.error_code,
        ErrorCode::REQUEST_TIMED_OUT,
        "after a second"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_leader_takes_what_is_not_replicated_with_it() {
    let kafka = brokers();
    let old = kafka.leader("t", 0).expect("it has one");
    let mut raw = Raw::connect(&kafka, port(old));
    let mut request = produce_request("t", batch(&["kept"], Producer::NONE), -1);
    request.timeout_ms = 10_000;
    raw.call(&request, 12).await;
    let mut lost = produce_request("t", batch(&["lost"], Producer::idempotent(1, 0)), 1);
    lost.timeout_ms = 10_000;
    raw.call(&lost, 12).await;
    kafka.kill(old).expect("it runs");
    assert!(
        raw.receive::<ProduceRequest>(12).await.is_none(),
        "its connections break"
    );
    assert!(kafka.connect(port(old)).is_err(), "and nobody gets to it");

    let new = kafka.leader("t", 0).expect("another one");
    assert_ne!(new, old);
    let mut raw = Raw::connect(&kafka, port(new));
    assert_eq!(values(&fetch(&mut raw, "t", 0, false).await), ["kept"]);
    let again = raw.call(&lost, 12).await;
    let again = &again.responses[0].partition_responses[0];
    assert_eq!(again.error_code, ErrorCode::NONE);
    assert_eq!(
        again.base_offset.0, 1,
        "its producer is forgotten too: it is no duplicate"
    );
    tokio::time::sleep(DELAY).await;
    assert_eq!(
        values(&fetch(&mut raw, "t", 0, false).await),
        ["kept", "lost"]
    );

    kafka.restart(old).expect("it is there");
    let metadata = raw
        .call(
            &MetadataRequest {
                topics: None,
                ..Default::default()
            },
            9,
        )
        .await;
    let partition = &metadata.topics[0].partitions[0];
    assert_eq!(
        partition.leader_id,
        BrokerId(new),
        "leaders do not go back by themselves"
    );
    assert_eq!(partition.isr_nodes.len(), 3);
    assert!(partition.leader_epoch > 0);
}

#[tokio::test(start_paused = true)]
async fn too_few_replicas_take_nothing() {
    let kafka = brokers();
    let leader = kafka.leader("t", 0).expect("it has one");
    let others: Vec<i32> = kafka
        .brokers()
        .into_iter()
        .filter(|id| *id != leader)
        .collect();
    for other in &others {
        kafka.kill(*other).expect("it runs");
    }
    let mut raw = Raw::connect(&kafka, port(leader));
    let answer = produce(&mut raw, "t", batch(&["a"], Producer::NONE)).await;
    assert_eq!(answer.error_code, ErrorCode::NOT_ENOUGH_REPLICAS);
    kafka.restart(others[0]).expect("it is there");
    let mut request = produce_request("t", batch(&["a"], Producer::NONE), -1);
    request.timeout_ms = 10_000;
    let answer = raw.call(&request, 12).await;
    let code = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_lead_says_who_does() {
    let kafka = brokers();
    let leader = kafka.leader("t", 0).expect("it has one");
    let other = kafka
        .brokers()
        .into_iter()
        .find(|id| *id != leader)
        .expect("another");
    let mut raw = Raw::connect(&kafka, port(other));
    let answer = produce(&mut raw, "t", batch(&["a"], Producer::NONE)).await;
    assert_eq!(answer.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(answer.current_leader.leader_id, BrokerId(leader));
    kafka.move_leader("t", 0, other).expect("it is in sync");
    let mut request = produce_request("t", batch(&["a"], Producer::NONE), -1);
    request.timeout_ms = 10_000;
    let answer = raw.call(&request, 12).await;
    let code = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::NONE);
    assert!(kafka.move_leader("t", 9, other).is_err());
}
