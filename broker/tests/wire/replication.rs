//! Replication as it is modelled: what is not replicated is not read and not acknowledged, and is lost
//! with its leader; nothing else is.

use std::time::Duration;

use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::{
    EndTxnResponse, FetchRequest, MetadataRequest, ProduceRequest, WritableTxnMarker,
    WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use thalweg_protocol::{BrokerId, ErrorCode, PartitionId, ProducerId};
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

/// A transaction of `x` that wrote one record, which all replicas have, on connections to the leader
/// of `t` and to the coordinator.
async fn open_transaction(kafka: &EmbeddedBroker) -> (Raw, Raw, Producer) {
    let mut raw = Raw::connect(kafka, PORT);
    find_coordinator(&mut raw, 1, "x").await;
    let mut coordinator = connect_coordinator(kafka);
    let me = init_transactional(&mut coordinator, "x").await;
    let leader = kafka.leader("t", 0).expect("it has one");
    let mut raw = Raw::connect(kafka, port(leader));
    let mut request = produce_request("t", batch(&["a"], me), -1);
    request.transactional_id = Some("x".into());
    request.timeout_ms = 10_000;
    let answer = raw.call(&request, 12).await;
    let code = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::NONE);
    (raw, coordinator, me)
}

/// One partition, so that its leader is the coordinator of everything.
const COORDINATOR: (&str, i32) = ("__transaction_state", 0);

fn connect_coordinator(kafka: &EmbeddedBroker) -> Raw {
    let coordinator = kafka.leader(COORDINATOR.0, COORDINATOR.1);
    Raw::connect(kafka, port(coordinator.expect("it has one")))
}

/// Brokers whose transaction coordinator is not the leader of `t`.
async fn brokers_with_a_coordinator() -> EmbeddedBroker {
    let kafka = start(
        EmbeddedBroker::builder()
            .brokers(3)
            .config("default.replication.factor", "3")
            .config("min.insync.replicas", "2")
            .config("transaction.state.log.num.partitions", "1")
            // The records are of 1970.
            .config("log.retention.ms", "-1")
            .topic("t", 1)
            .replication_delay(DELAY, DELAY),
    );
    let mut raw = Raw::connect(&kafka, PORT);
    find_coordinator(&mut raw, 1, "x").await;
    let leader = kafka.leader("t", 0).expect("it has one");
    let mut others = kafka.brokers().into_iter().filter(|id| *id != leader);
    let other = others.next().expect("another");
    let moved = kafka.move_leader(COORDINATOR.0, COORDINATOR.1, other);
    moved.expect("it is in sync");
    kafka
}

async fn end(coordinator: &mut Raw, me: Producer, committed: bool) -> EndTxnResponse {
    let request = end_request("x", me, committed);
    let response = coordinator.call(&request, 5).await;
    assert_eq!(response.error_code, ErrorCode::NONE);
    response
}

/// Goal: a marker that its leader takes with it is written again; the transaction is not complete
/// before one is with all replicas. Otherwise readers would wait at the last stable offset for ever.
#[tokio::test(start_paused = true)]
async fn a_marker_lost_with_its_leader_is_written_again() {
    for committed in [true, false] {
        let kafka = brokers_with_a_coordinator().await;
        let (mut raw, mut coordinator, me) = open_transaction(&kafka).await;
        end(&mut coordinator, me, committed).await;
        let all = fetch(&mut raw, "t", 0, false).await;
        assert_eq!(all.responses[0].partitions[0].high_watermark.0, 1);
        let old = kafka.leader("t", 0).expect("it has one");
        kafka.kill(old).expect("it runs");
        let prepared = transaction_state(&mut coordinator, "x").await;
        assert!(prepared.starts_with("Prepare"), "{prepared}");

        tokio::time::sleep(2 * DELAY).await;
        let new = kafka.leader("t", 0).expect("another one");
        let mut raw = Raw::connect(&kafka, port(new));
        let read = fetch(&mut raw, "t", 0, true).await;
        let partition = &read.responses[0].partitions[0];
        assert_eq!(partition.last_stable_offset.0, 2, "past the marker");
        let expected: &[&str] = if committed { &["a"] } else { &[] };
        assert_eq!(committed_values(partition), expected);
        let complete = transaction_state(&mut coordinator, "x").await;
        assert!(complete.starts_with("Complete"), "{complete}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_complete_when_its_marker_is_replicated_and_no_earlier() {
    let kafka = brokers_with_a_coordinator().await;
    let (mut raw, mut coordinator, mut me) = open_transaction(&kafka).await;
    me.epoch = end(&mut coordinator, me, true).await.producer_epoch;
    tokio::time::sleep(DELAY / 2).await;
    assert_eq!(
        transaction_state(&mut coordinator, "x").await,
        "PrepareCommit"
    );
    let early = produce_as(&mut raw, "t", batch(&["b"], me), Some("x")).await;
    assert_eq!(early.error_code, ErrorCode::CONCURRENT_TRANSACTIONS);
    tokio::time::sleep(DELAY).await;
    assert_eq!(
        transaction_state(&mut coordinator, "x").await,
        "CompleteCommit"
    );
    let read = fetch(&mut raw, "t", 0, true).await;
    assert_eq!(values(&read), ["a"]);
}

/// Goal: a leader that hands over in order loses no marker, and none is written twice.
#[tokio::test(start_paused = true)]
async fn a_marker_that_survives_its_leader_is_not_written_twice() {
    let kafka = brokers_with_a_coordinator().await;
    let (_raw, mut coordinator, me) = open_transaction(&kafka).await;
    end(&mut coordinator, me, true).await;
    let old = kafka.leader("t", 0).expect("it has one");
    kafka.stop(old).expect("it runs");
    assert_eq!(
        transaction_state(&mut coordinator, "x").await,
        "CompleteCommit"
    );
    tokio::time::sleep(2 * DELAY).await;
    let new = kafka.leader("t", 0).expect("another one");
    let mut raw = Raw::connect(&kafka, port(new));
    let read = fetch(&mut raw, "t", 0, true).await;
    let partition = &read.responses[0].partitions[0];
    assert_eq!(partition.high_watermark.0, 2, "one record, one marker");
}

/// Goal: a marker waits where too few replicas are in sync, as Kafka writes it with acks=all.
#[tokio::test(start_paused = true)]
async fn a_marker_waits_for_enough_replicas() {
    let kafka = brokers_with_a_coordinator().await;
    let (mut raw, mut coordinator, me) = open_transaction(&kafka).await;
    let keep = [kafka.leader("t", 0), kafka.leader(COORDINATOR.0, 0)];
    let spare = kafka
        .brokers()
        .into_iter()
        .find(|id| !keep.contains(&Some(*id)));
    kafka.kill(spare.expect("a third")).expect("it runs");
    kafka.kill(keep[0].expect("it has one")).expect("it runs");
    end(&mut coordinator, me, true).await;
    tokio::time::sleep(10 * DELAY).await;
    assert_eq!(
        transaction_state(&mut coordinator, "x").await,
        "PrepareCommit"
    );
    assert!(raw.is_closed().await, "its broker is dead");
    kafka.restart(spare.expect("a third")).expect("it is there");
    tokio::time::sleep(2 * DELAY).await;
    assert_eq!(
        transaction_state(&mut coordinator, "x").await,
        "CompleteCommit"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_writes_markers_is_answered_when_they_are_replicated() {
    let kafka = brokers_with_a_coordinator().await;
    let (mut raw, _coordinator, me) = open_transaction(&kafka).await;
    let topic = WritableTxnMarkerTopic {
        name: "t".into(),
        partition_indexes: vec![PartitionId(0), PartitionId(7)],
        ..Default::default()
    };
    let marker = WritableTxnMarker {
        producer_id: ProducerId(me.id),
        producer_epoch: me.epoch,
        topics: vec![topic],
        ..Default::default()
    };
    let request = WriteTxnMarkersRequest {
        markers: vec![marker],
        ..Default::default()
    };
    let began = Instant::now();
    let response = raw.call(&request, 1).await;
    assert!(began.elapsed() >= DELAY);
    let partitions = &response.markers[0].topics[0].partitions;
    let codes: Vec<_> = partitions.iter().map(|it| it.error_code).collect();
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(codes, [ErrorCode::NONE, unknown]);
    let read = fetch(&mut raw, "t", 0, true).await;
    assert_eq!(read.responses[0].partitions[0].last_stable_offset.0, 2);

    raw.send(&request, 1).await;
    tokio::time::sleep(DELAY / 2).await;
    let old = kafka.leader("t", 0).expect("it has one");
    let other = kafka.brokers().into_iter().find(|id| *id != old);
    kafka
        .move_leader("t", 0, other.expect("another"))
        .expect("it is in sync");
    let response = raw.receive::<WriteTxnMarkersRequest>(1).await;
    let response = response.expect("the connection stays");
    let code = response.markers[0].topics[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::NONE, "the new leader has it");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_is_sent_to_the_replica_in_its_rack() {
    let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    let described = || {
        let builder = EmbeddedBroker::builder().brokers(3).racks(["a", "b", "c"]);
        let builder = builder.config("default.replication.factor", "3");
        builder.topic("t", 1)
    };
    let kafka = start(described().config("replica.selector.class", selector));
    let leader = kafka.leader("t", 0).expect("it has one");
    let mut raw = Raw::connect(&kafka, port(leader));
    produce(&mut raw, "t", batch(&["a"], Producer::NONE)).await;
    let rack = |broker: i32| ["a", "b", "c"][usize::try_from(broker).expect("one of three")];
    let from = |rack: &str| FetchRequest {
        rack_id: rack.into(),
        ..fetch_request("t", 0, false)
    };
    let follower = (leader + 1) % 3;
    let answer = raw.call(&from(rack(follower)), 12).await;
    let found = &answer.responses[0].partitions[0];
    assert_eq!(found.preferred_read_replica, BrokerId(follower));
    assert!(values(&answer).is_empty(), "it is read there");
    let mut near = Raw::connect(&kafka, port(follower));
    let answer = near.call(&from(rack(follower)), 12).await;
    assert_eq!(values(&answer), ["a"]);
    for rack in [rack(leader), "elsewhere", ""] {
        let answer = raw.call(&from(rack), 12).await;
        let found = &answer.responses[0].partitions[0];
        assert_eq!(found.preferred_read_replica, BrokerId(-1), "{rack}");
        assert_eq!(values(&answer), ["a"], "{rack}");
    }
    kafka.kill(follower).expect("it runs");
    let answer = raw.call(&from(rack(follower)), 12).await;
    assert_eq!(values(&answer), ["a"], "the leader, where no other is left");

    // Kafka's default: the leader.
    let kafka = start(described());
    let mut raw = Raw::connect(&kafka, port(leader));
    produce(&mut raw, "t", batch(&["a"], Producer::NONE)).await;
    let answer = raw.call(&from(rack(follower)), 12).await;
    assert_eq!(values(&answer), ["a"]);
}
