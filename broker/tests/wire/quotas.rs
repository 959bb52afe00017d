//! Goal: whoever does more than their quota is answered at once, told to be quiet, and not read from
//! for that long; others are not touched. By raw requests with the clock standing still.

use std::time::Duration;

use bytes::Bytes;
use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::*;
use thalweg_protocol::records::{BatchSeal, Compression, Compressor, RecordBatchBuilder};
use thalweg_protocol::{ErrorCode, Offset, PartitionId};
use tokio::time::Instant;

use crate::support::{PORT, Raw};

fn start() -> EmbeddedBroker {
    let builder = EmbeddedBroker::builder().topic("t", 1);
    builder.start_here().expect("started")
}

fn alter(client_id: Option<&str>, key: &str, value: Option<f64>) -> AlterClientQuotasRequest {
    AlterClientQuotasRequest {
        entries: vec![AlterClientQuotasEntry {
            entity: vec![ClientQuotaEntity {
                entity_type: "client-id".into(),
                entity_name: client_id.map(Into::into),
                ..Default::default()
            }],
            ops: vec![ClientQuotaOperation {
                key: key.into(),
                value: value.unwrap_or_default(),
                remove: value.is_none(),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

async fn set(kafka: &EmbeddedBroker, client_id: &str, key: &str, value: Option<f64>) {
    let mut admin = Raw::connect(kafka, PORT).named("admin");
    let answer = admin.call(&alter(Some(client_id), key, value), 1).await;
    let entry = &answer.entries[0];
    assert_eq!(
        entry.error_code,
        ErrorCode::NONE,
        "{:?}",
        entry.error_message
    );
}

fn produce(bytes: usize) -> ProduceRequest {
    let mut batch = RecordBatchBuilder::new(Compression::None);
    let value = vec![7; bytes];
    batch.append(1, None, Some(&value), &[]).expect("it fits");
    let batch = batch.build(&mut Compressor::new());
    ProduceRequest {
        acks: 1,
        timeout_ms: 1000,
        topic_data: vec![TopicProduceData {
            name: "t".into(),
            partition_data: vec![PartitionProduceData {
                index: PartitionId(0),
                records: Some(batch.seal_with(BatchSeal::default())),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn fetch() -> FetchRequest {
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![FetchTopic {
            topic: "t".into(),
            partitions: vec![FetchPartition {
                partition: PartitionId(0),
                fetch_offset: Offset(0),
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn fetched(answer: &FetchResponse) -> usize {
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
    let records = partitions.filter_map(|partition| partition.records.as_ref());
    records.map(Bytes::len).sum()
}

#[tokio::test(start_paused = true)]
async fn a_producer_beyond_its_quota_is_answered_and_then_not_heard_for_a_time() {
    let kafka = start();
    set(&kafka, "loud", "producer_byte_rate", Some(1000.0)).await;
    let mut loud = Raw::connect(&kafka, PORT).named("loud");
    let answer = loud.call(&produce(5000), 9).await;
    assert_eq!(
        answer.throttle_time_ms, 0,
        "within the quota of ten seconds"
    );
    let began = Instant::now();
    let answer = loud.call(&produce(10_000), 9).await;
    assert_eq!(began.elapsed(), Duration::ZERO, "answered at once");
    let quiet = answer.throttle_time_ms;
    assert!((5000..6000).contains(&quiet), "{quiet}");
    assert_eq!(
        answer.responses[0].partition_responses[0].error_code,
        ErrorCode::NONE
    );
    // The next request lies unread until then.
    loud.call(&produce(1), 9).await;
    assert_eq!(
        began.elapsed().as_millis(),
        u128::try_from(quiet).expect("positive")
    );

    let mut other = Raw::connect(&kafka, PORT).named("other");
    let answer = other.call(&produce(100_000), 9).await;
    assert_eq!(answer.throttle_time_ms, 0);
    // Without the quota there is nothing to exceed.
    set(&kafka, "loud", "producer_byte_rate", None).await;
    let mut loud = Raw::connect(&kafka, PORT).named("loud");
    let answer = loud.call(&produce(100_000), 9).await;
    assert_eq!(answer.throttle_time_ms, 0);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_beyond_its_quota_is_sent_nothing_until_it_may_have_more() {
    let kafka = start();
    set(&kafka, "greedy", "consumer_byte_rate", Some(1000.0)).await;
    let mut greedy = Raw::connect(&kafka, PORT).named("greedy");
    greedy.call(&produce(9000), 9).await;
    let answer = greedy.call(&fetch(), 11).await;
    assert_eq!(answer.throttle_time_ms, 0);
    let bytes = fetched(&answer);
    assert!(bytes > 9000);
    let began = Instant::now();
    let answer = greedy.call(&fetch(), 11).await;
    assert!(answer.throttle_time_ms > 0);
    assert_eq!(fetched(&answer), 0, "it has had too much");
    while fetched(&greedy.call(&fetch(), 11).await) == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "for ever");
    }
    let waited = began.elapsed();
    assert!(waited > Duration::from_secs(7), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn too_many_changes_to_topics_are_refused_until_some_time_has_passed() {
    let kafka = start();
    // One partition a second, eleven at once.
    set(&kafka, "busy", "controller_mutation_rate", Some(1.0)).await;
    let mut busy = Raw::connect(&kafka, PORT).named("busy");
    let create = |name: &str, partitions| CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = busy.call(&create("a", 15), 7).await;
    assert_eq!(
        answer.topics[0].error_code,
        ErrorCode::NONE,
        "the last that may"
    );
    let answer = busy.call(&create("b", 1), 7).await;
    assert_eq!(
        answer.topics[0].error_code,
        ErrorCode::THROTTLING_QUOTA_EXCEEDED
    );
    assert_eq!(answer.throttle_time_ms, 4000);
    // It is heard again when that time has passed.
    let answer = busy.call(&create("b", 1), 7).await;
    assert_eq!(answer.topics[0].error_code, ErrorCode::NONE);
    // Old clients know no such error: they are only made quiet.
    let answer = busy.call(&create("c", 20), 5).await;
    assert_eq!(answer.topics[0].error_code, ErrorCode::NONE);
    assert_eq!(answer.throttle_time_ms, 21_000);
}

#[tokio::test(start_paused = true)]
async fn quotas_are_described_by_whom_they_are_for() {
    let kafka = start();
    let mut admin = Raw::connect(&kafka, PORT);
    set(&kafka, "a", "producer_byte_rate", Some(1.0)).await;
    set(&kafka, "b", "consumer_byte_rate", Some(2.0)).await;
    let everybody = alter(None, "request_percentage", Some(50.0));
    admin.call(&everybody, 1).await;
    let component = |match_type, name: Option<&str>| DescribeClientQuotasRequest {
        components: vec![DescribeClientQuotasComponent {
            entity_type: "client-id".into(),
            match_type,
            r#match: name.map(Into::into),
            ..Default::default()
        }],
        ..Default::default()
    };
    let (exact, default, any) = (0, 1, 2);
    for (request, expected) in [
        (
            component(exact, Some("a")),
            vec![("producer_byte_rate", 1.0)],
        ),
        (component(default, None), vec![("request_percentage", 50.0)]),
        (
            component(any, None),
            vec![
                ("request_percentage", 50.0),
                ("producer_byte_rate", 1.0),
                ("consumer_byte_rate", 2.0),
            ],
        ),
        (component(exact, Some("c")), vec![]),
    ] {
        let answer = admin.call(&request, 1).await;
        let entries = answer.entries.expect("no error");
        let values = entries.iter().flat_map(|entry| &entry.values);
        let values: Vec<(&str, f64)> = values.map(|it| (&*it.key, it.value)).collect();
        assert_eq!(values, expected);
    }
    let answer = admin.call(&component(exact, None), 1).await;
    assert_eq!(answer.error_code, ErrorCode::INVALID_REQUEST);
}
