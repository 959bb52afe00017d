//! Goal: the sender keeps its promises over real bytes: lost connections, moving leaders, both
//! transaction protocols, futures that are dropped. Method: a cluster in memory that answers as a
//! test says, and a paused clock. What the machines inside decide is tested beside them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use thalweg_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnPartitionResult,
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, AddPartitionsToTxnTopicResult,
    EndTxnRequest, EndTxnResponse, InitProducerIdRequest, InitProducerIdResponse,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
    TxnOffsetCommitRequest, TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
};
use thalweg_protocol::records::RecordBatches;
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode, Offset, PartitionId, ProducerId};
use tokio::time::{Instant, sleep, timeout};

use crate::fake_cluster::{FakeCluster, Reply};
use crate::{
    Acks, Cluster, Disposition, GroupMetadata, OffsetAndMetadata, Producer, ProducerRecord,
    SendError, TopicPartition, TransactionOutcome, TransactionalProducer,
};

/// A batch as a broker received it.
#[derive(Debug, Clone, PartialEq)]
struct Received {
    broker: i32,
    partition: i32,
    producer_epoch: i16,
    sequence: i32,
    records: usize,
    bytes: Bytes,
}

/// What a broker does with a Produce request. Called once for each partition in it.
type Script = Box<dyn FnMut(usize, &Received) -> Do + Send>;

enum Do {
    Accept,
    Refuse(ErrorCode),
    /// Without saying anything.
    Disconnect,
    Hang,
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Received>>>);

impl Seen {
    fn all(&self) -> Vec<Received> {
        self.0.lock().expect("no panic").clone()
    }

    fn len(&self) -> usize {
        self.0.lock().expect("no panic").len()
    }
}

/// A cluster of two brokers with topic `t` of two partitions, led by broker 0, whose brokers follow
/// `script`.
fn fake(mut script: impl FnMut(usize, &Received) -> Do + Send + 'static) -> (FakeCluster, Seen) {
    let fake = FakeCluster::new(2);
    fake.set_topic("t", &[0, 0], 1);
    let seen = Seen::default();
    let log = seen.clone();
    let mut script: Script = Box::new(move |number, received| script(number, received));
    fake.on::<ProduceRequest>(move |request| {
        let (broker, acks) = (request.broker.0, request.request.acks);
        let mut responses = Vec::new();
        let mut fate = Do::Accept;
        for topic in request.request.topic_data {
            let mut partition_responses = Vec::new();
            for partition in topic.partition_data {
                let bytes = partition.records.expect("records");
                let batch = RecordBatches::new(&bytes)
                    .next()
                    .expect("one")
                    .expect("whole");
                batch.verify_crc().expect("intact");
                let received = Received {
                    broker,
                    partition: partition.index.0,
                    producer_epoch: batch.producer_epoch(),
                    sequence: batch.base_sequence(),
                    records: batch.record_count().expect("counted"),
                    bytes: bytes.clone(),
                };
                let number = log.len();
                let mut error_code = ErrorCode::NONE;
                match script(number, &received) {
                    Do::Accept => {}
                    Do::Refuse(code) => error_code = code,
                    other => fate = other,
                }
                log.0.lock().expect("no panic").push(received);
                partition_responses.push(PartitionProduceResponse {
                    index: partition.index,
                    error_code,
                    base_offset: Offset(100 * number as i64),
                    ..Default::default()
                });
            }
            responses.push(TopicProduceResponse {
                name: topic.name,
                topic_id: topic.topic_id,
                partition_responses,
                ..Default::default()
            });
        }
        match fate {
            Do::Disconnect => Reply::Disconnect,
            Do::Hang => Reply::Hang,
            // Nothing is answered; the broker of the test would answer all the same, so it ends.
            _ if acks == 0 => Reply::Disconnect,
            _ => Reply::Answer(ProduceResponse {
                responses,
                ..Default::default()
            }),
        }
    });
    let mut epoch = -1;
    fake.on::<InitProducerIdRequest>(move |_| {
        epoch += 1;
        Reply::Answer(InitProducerIdResponse {
            producer_id: ProducerId(7),
            producer_epoch: epoch,
            ..Default::default()
        })
    });
    (fake, seen)
}

async fn cluster(fake: &FakeCluster) -> Cluster {
    let cluster = Cluster::connect(fake.config()).await.expect("up");
    cluster.topic("t").await.expect("it exists");
    fake.take_log();
    cluster
}

async fn producer(fake: &FakeCluster) -> Producer {
    let mut producer = Producer::builder(&cluster(fake).await)
        .build()
        .expect("sound");
    producer.prepare_topic("t").await.expect("it exists");
    producer
}

fn record(value: &str) -> ProducerRecord<'_> {
    ProducerRecord::to("t")
        .value(value)
        .partition(PartitionId(0))
        .timestamp(1)
}

/// Sends batches of one record each, without waiting for any.
fn send_batches(producer: &mut Producer, count: usize) {
    for number in 0..count {
        producer
            .try_send(record(&number.to_string()))
            .expect("room");
        producer.handle.push_open();
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_linger_and_no_longer() {
    let (fake, seen) = fake(|_, _| Do::Accept);
    let mut producer = producer(&fake).await;
    let begun = Instant::now();
    let first = producer.try_send(record("a")).expect("room");
    sleep(Duration::from_millis(4)).await;
    let second = producer.try_send(record("b")).expect("room");
    assert_eq!(seen.len(), 0);
    let delivered = producer.delivered(second).await.expect("delivered");
    assert_eq!(
        begun.elapsed().as_millis(),
        5,
        "linger counts from the first record"
    );
    assert_eq!(delivered.offset, Offset(1));
    assert_eq!(
        producer.delivered(first).await.expect("delivered").offset,
        Offset(0)
    );
    assert_eq!(
        seen.all()
            .iter()
            .map(|batch| batch.records)
            .collect::<Vec<_>>(),
        [2]
    );
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_goes_on_for_long_hands_over_what_is_due() {
    let (fake, seen) = fake(|_, _| Do::Accept);
    let mut producer = producer(&fake).await;
    let ticket = {
        let mut burst = producer.burst();
        burst.try_send(record("a")).expect("room")
    };
    producer.delivered(ticket).await.expect("delivered");
    assert_eq!(seen.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_repeated_with_the_same_bytes() {
    let (fake, seen) = fake(|number, _| match number {
        0 => Do::Disconnect,
        _ => Do::Accept,
    });
    let mut producer = producer(&fake).await;
    producer.try_send(record("a")).expect("room");
    producer.flush().await.expect("delivered");
    let all = seen.all();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].bytes, all[1].bytes);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_moves_with_five_in_flight_gets_them_in_order() {
    let (fake, seen) = fake(|_, batch| match batch {
        // The first one makes the producer known; then the leader moves.
        Received {
            broker: 0,
            sequence: 1..,
            ..
        } => Do::Refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER),
        _ => Do::Accept,
    });
    let mut producer = producer(&fake).await;
    send_batches(&mut producer, 1);
    producer.flush().await.expect("delivered");
    fake.set_topic("t", &[1, 1], 2);
    send_batches(&mut producer, 8);
    producer.flush().await.expect("delivered");
    let all = seen.all();
    let (old, new): (Vec<_>, Vec<_>) = all[1..].iter().partition(|batch| batch.broker == 0);
    assert_eq!(
        old.iter().map(|b| b.sequence).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(
        new.iter().map(|b| b.sequence).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6, 7, 8]
    );
    for (old, new) in old.iter().zip(&new) {
        assert_eq!(old.bytes, new.bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_hangs_is_given_up_after_the_request_timeout() {
    let (fake, seen) = fake(|number, _| match number {
        0 => Do::Hang,
        _ => Do::Accept,
    });
    let mut producer = producer(&fake).await;
    let begun = Instant::now();
    producer.try_send(record("a")).expect("room");
    producer.flush().await.expect("delivered");
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(seen.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_nobody_takes_is_reported_after_the_delivery_timeout() {
    let (fake, _) = fake(|_, _| Do::Refuse(ErrorCode::NOT_ENOUGH_REPLICAS));
    let mut producer = producer(&fake).await;
    let begun = Instant::now();
    producer.try_send(record("a")).expect("room");
    let error = producer.flush().await.expect_err("nobody takes it");
    assert_eq!(begun.elapsed().as_secs(), 120);
    assert!(!error.is_indefinite());
    assert_eq!(error.disposition(), Disposition::Retry);
    assert!(error.to_string().contains("NOT_ENOUGH_REPLICAS"), "{error}");
    producer.flush().await.expect("a failure is told once");
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_answers_are_all_lost_is_reported_as_unknown() {
    let (fake, _) = fake(|_, _| Do::Disconnect);
    let mut producer = producer(&fake).await;
    let ticket = producer.try_send(record("a")).expect("room");
    let error = producer.flush().await.expect_err("no answer comes");
    assert!(error.is_indefinite(), "{error}");
    assert_eq!(producer.delivered(ticket).await, Err(error));
}

#[tokio::test(start_paused = true)]
async fn partitions_of_a_broker_share_a_request() {
    let (fake, seen) = fake(|_, _| Do::Accept);
    let mut producer = producer(&fake).await;
    for partition in [0, 1] {
        let record = record("a").partition(PartitionId(partition));
        producer.try_send(record).expect("room");
    }
    producer.flush().await.expect("delivered");
    assert_eq!(seen.len(), 2);
    let requests = fake.take_log();
    let produces = requests
        .iter()
        .filter(|(_, api, _)| *api == ApiKey::Produce)
        .count();
    assert_eq!(produces, 1, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_send_sent_nothing() {
    let (fake, seen) = fake(|_, _| Do::Hang);
    let cluster = cluster(&fake).await;
    let mut producer = Producer::builder(&cluster)
        .batch_bytes(1_000)
        .buffer_bytes(1_000)
        .build()
        .expect("sound");
    producer.prepare_topic("t").await.expect("it exists");
    let large = "x".repeat(900);
    producer
        .try_send(record(&large))
        .expect("the buffer is empty");
    let waiting = timeout(Duration::from_secs(1), producer.send(record(&large))).await;
    assert!(waiting.is_err(), "the buffer is full");
    let held = producer.buffered_bytes();
    let waiting = timeout(Duration::from_secs(1), producer.send(record(&large))).await;
    assert!(waiting.is_err());
    assert_eq!(producer.buffered_bytes(), held);
    assert_eq!(seen.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_flush_still_sends() {
    let (fake, seen) = fake(|_, _| Do::Accept);
    let cluster = cluster(&fake).await;
    let mut producer = Producer::builder(&cluster)
        .linger(Duration::from_secs(50))
        .build()
        .expect("sound");
    producer.prepare_topic("t").await.expect("it exists");
    let ticket = producer.try_send(record("a")).expect("room");
    drop(timeout(Duration::ZERO, producer.flush()).await);
    let begun = Instant::now();
    producer.delivered(ticket).await.expect("delivered");
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(seen.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_acknowledgement_a_written_batch_is_a_delivered_one() {
    let (fake, seen) = fake(|_, _| Do::Accept);
    let cluster = cluster(&fake).await;
    let mut producer = Producer::builder(&cluster)
        .acks(Acks::None)
        .idempotence(false)
        .build()
        .expect("sound");
    let ticket = producer.send(record("a")).await.expect("room");
    let delivered = producer.delivered(ticket).await.expect("written");
    assert_eq!(delivered.offset, Offset(-1));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(seen.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_producer() {
    let (fake, seen) = fake(|_, _| Do::Accept);
    let mut producer = producer(&fake).await;
    producer.try_send(record("a")).expect("room");
    let shared = Arc::downgrade(producer.handle.shared());
    drop(producer);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(seen.len(), 1, "what was handed over is delivered");
    assert!(shared.upgrade().is_none(), "nothing runs on");
}

#[tokio::test(start_paused = true)]
async fn an_unprepared_topic_is_refused_by_try_send_and_looked_up_by_send() {
    let (fake, _) = fake(|_, _| Do::Accept);
    let cluster = cluster(&fake).await;
    let mut producer = Producer::builder(&cluster).build().expect("sound");
    let error = producer.try_send(record("a")).expect_err("not prepared");
    assert!(matches!(error, SendError::TopicNotPrepared { .. }));
    producer.send(record("a")).await.expect("looked up");
    producer.try_send(record("a")).expect("known by now");
}

// Transactions.

/// What coordinators were asked, in order.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    fn push(&self, what: String) {
        self.0.lock().expect("no panic").push(what);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

/// Coordinators that do what they are asked, except that EndTxn number `n` is answered by
/// `end(n)`.
fn coordinate(fake: &FakeCluster, mut end: impl FnMut(usize) -> Do + Send + 'static) -> Asked {
    let asked = Asked::default();
    let log = asked.clone();
    fake.on::<AddPartitionsToTxnRequest>(move |received| {
        log.push(format!("AddPartitionsToTxn v{}", received.version));
        let topics = received.request.v3_and_below_topics.into_iter();
        let results = topics.map(|topic| AddPartitionsToTxnTopicResult {
            name: topic.name,
            results_by_partition: topic
                .partitions
                .into_iter()
                .map(|partition_index| AddPartitionsToTxnPartitionResult {
                    partition_index,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        });
        Reply::Answer(AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: results.collect(),
            ..Default::default()
        })
    });
    let log = asked.clone();
    fake.on::<AddOffsetsToTxnRequest>(move |received| {
        log.push(format!("AddOffsetsToTxn {}", &*received.request.group_id));
        Reply::Answer(AddOffsetsToTxnResponse::default())
    });
    let log = asked.clone();
    fake.on::<TxnOffsetCommitRequest>(move |received| {
        log.push(format!(
            "TxnOffsetCommit v{} epoch {}",
            received.version, received.request.producer_epoch
        ));
        let topics = received.request.topics.into_iter();
        Reply::Answer(TxnOffsetCommitResponse {
            topics: topics
                .map(|topic| TxnOffsetCommitResponseTopic {
                    name: topic.name,
                    partitions: topic
                        .partitions
                        .into_iter()
                        .map(|partition| TxnOffsetCommitResponsePartition {
                            partition_index: partition.partition_index,
                            ..Default::default()
                        })
                        .collect(),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        })
    });
    let log = asked.clone();
    let mut number = 0;
    fake.on::<EndTxnRequest>(move |received| {
        let request = received.request;
        let what = if request.committed { "commit" } else { "abort" };
        log.push(format!(
            "EndTxn v{} {what} epoch {}",
            received.version, request.producer_epoch
        ));
        number += 1;
        let bumped = received.version >= 5;
        let accepted = EndTxnResponse {
            producer_id: if bumped {
                request.producer_id
            } else {
                ProducerId(-1)
            },
            producer_epoch: if bumped {
                request.producer_epoch + 1
            } else {
                -1
            },
            ..Default::default()
        };
        match end(number - 1) {
            Do::Accept => Reply::Answer(accepted),
            Do::Refuse(error_code) => Reply::Answer(EndTxnResponse {
                error_code,
                ..Default::default()
            }),
            Do::Disconnect => Reply::Disconnect,
            Do::Hang => Reply::Hang,
        }
    });
    asked
}

async fn transactional(fake: &FakeCluster) -> TransactionalProducer {
    let mut producer = TransactionalProducer::builder(&cluster(fake).await)
        .build_transactional("id")
        .expect("sound");
    producer.init().await.expect("an id");
    producer.prepare_topic("t").await.expect("it exists");
    fake.take_log();
    producer
}

fn offsets() -> Vec<(TopicPartition, OffsetAndMetadata)> {
    vec![(
        TopicPartition::new("in", 0),
        OffsetAndMetadata::new(Offset(3)),
    )]
}

fn produce_versions(fake: &FakeCluster) -> Vec<i16> {
    let log = fake.take_log().into_iter();
    log.filter(|(_, api, _)| *api == ApiKey::Produce)
        .map(|(.., version)| version)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn protocol_two_needs_no_additions_and_numbers_each_transaction_from_zero() {
    let (fake, seen) = fake(|_, _| Do::Accept);
    let asked = coordinate(&fake, |_| Do::Accept);
    let mut producer = transactional(&fake).await;
    for _ in 0..2 {
        producer.send(record("a")).await.expect("room");
        drop(producer.send_offsets(offsets(), &GroupMetadata::outside("g")));
        producer.commit().await.expect("committed");
    }
    assert_eq!(
        asked.take(),
        [
            "TxnOffsetCommit v5 epoch 0",
            "EndTxn v5 commit epoch 0",
            "TxnOffsetCommit v5 epoch 1",
            "EndTxn v5 commit epoch 1",
        ]
    );
    assert!(produce_versions(&fake).iter().all(|version| *version >= 12));
    let numbers: Vec<_> = seen
        .all()
        .iter()
        .map(|b| (b.producer_epoch, b.sequence))
        .collect();
    assert_eq!(numbers, [(0, 0), (1, 0)]);
}

#[tokio::test(start_paused = true)]
async fn protocol_one_adds_what_it_writes_to_and_stays_below_the_new_versions() {
    let (fake, seen) = fake(|_, _| Do::Accept);
    fake.state().features.1 = vec![("transaction.version".into(), 1)];
    let asked = coordinate(&fake, |_| Do::Accept);
    let mut producer = transactional(&fake).await;
    for _ in 0..2 {
        producer.send(record("a")).await.expect("room");
        producer.flush().await.expect("written");
        drop(producer.send_offsets(offsets(), &GroupMetadata::outside("g")));
        producer.commit().await.expect("committed");
    }
    let once = [
        "AddPartitionsToTxn v3",
        "AddOffsetsToTxn g",
        "TxnOffsetCommit v4 epoch 0",
        "EndTxn v4 commit epoch 0",
    ];
    assert_eq!(asked.take(), [once, once].concat());
    assert_eq!(produce_versions(&fake), [11, 11]);
    let numbers: Vec<_> = seen
        .all()
        .iter()
        .map(|b| (b.producer_epoch, b.sequence))
        .collect();
    assert_eq!(numbers, [(0, 0), (0, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_finalised_version_that_rises_is_used_by_the_next_transaction() {
    let (fake, _) = fake(|_, _| Do::Accept);
    fake.state().features = (1, vec![("transaction.version".into(), 1)]);
    let asked = coordinate(&fake, |_| Do::Accept);
    let mut producer = transactional(&fake).await;
    producer.send(record("a")).await.expect("room");
    producer.commit().await.expect("committed");
    fake.state().features = (2, vec![("transaction.version".into(), 2)]);
    // Brokers tell about features when they are connected to.
    fake.take_down(0);
    sleep(Duration::from_secs(1)).await;
    fake.bring_up(0);
    producer.send(record("a")).await.expect("room");
    producer.commit().await.expect("committed");
    producer.send(record("a")).await.expect("room");
    producer.commit().await.expect("committed");
    let asked = asked.take();
    assert_eq!(
        asked.first().map(String::as_str),
        Some("AddPartitionsToTxn v3")
    );
    assert_eq!(
        asked.last().map(String::as_str),
        Some("EndTxn v5 commit epoch 0"),
        "{asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_is_lost_is_asked_for_again() {
    let (fake, _) = fake(|_, _| Do::Accept);
    let asked = coordinate(&fake, |number| {
        if number == 0 {
            Do::Disconnect
        } else {
            Do::Accept
        }
    });
    let mut producer = transactional(&fake).await;
    producer.send(record("a")).await.expect("room");
    producer.commit().await.expect("committed");
    let twice = ["EndTxn v5 commit epoch 0"; 2];
    assert_eq!(asked.take(), twice);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_never_answered_is_unknown_and_settled_by_reinitialising() {
    let (fake, _) = fake(|_, _| Do::Accept);
    let _asked = coordinate(&fake, |_| Do::Disconnect);
    let mut producer = transactional(&fake).await;
    producer.send(record("a")).await.expect("room");
    let error = producer.commit().await.expect_err("no answer");
    assert_eq!(error.outcome(), TransactionOutcome::Unknown);
    assert_eq!(error.disposition(), Disposition::Reinitialise);
    let asked = coordinate(&fake, |_| Do::Accept);
    producer
        .reinitialise()
        .await
        .expect("the coordinator is back");
    producer.send(record("b")).await.expect("room");
    producer.commit().await.expect("committed");
    assert_eq!(asked.take(), ["EndTxn v5 commit epoch 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_commit_goes_on_and_the_next_transaction_waits_for_it() {
    let (fake, seen) = fake(|_, _| Do::Accept);
    let asked = coordinate(&fake, |_| Do::Accept);
    let mut producer = transactional(&fake).await;
    producer.send(record("a")).await.expect("room");
    drop(producer.commit());
    producer.send(record("b")).await.expect("room");
    producer.commit().await.expect("committed");
    assert_eq!(
        asked.take(),
        ["EndTxn v5 commit epoch 0", "EndTxn v5 commit epoch 1"]
    );
    let epochs: Vec<_> = seen
        .all()
        .iter()
        .map(|batch| batch.producer_epoch)
        .collect();
    assert_eq!(epochs, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_behind_a_failed_commit_is_dropped() {
    let (fake, seen) = fake(|_, _| Do::Accept);
    let asked = coordinate(&fake, |number| match number {
        0 => Do::Refuse(ErrorCode::TRANSACTION_ABORTABLE),
        _ => Do::Accept,
    });
    let mut producer = transactional(&fake).await;
    producer.send(record("first")).await.expect("room");
    let first = producer.commit();
    producer.send(record("second")).await.expect("room");
    let second = producer.commit();
    let error = first.await.expect_err("must abort");
    assert_eq!(error.disposition(), Disposition::AbortTransaction);
    let error = second.await.expect_err("its predecessor failed");
    assert_eq!(error.outcome(), TransactionOutcome::Aborted);
    assert_eq!(error.disposition(), Disposition::AbortTransaction);
    producer.send(record("third")).await.expect("room");
    producer.commit().await.expect("committed");
    assert_eq!(
        asked.take(),
        [
            "EndTxn v5 commit epoch 0",
            "EndTxn v5 abort epoch 0",
            "EndTxn v5 commit epoch 1"
        ]
    );
    assert_eq!(seen.len(), 2, "the second was never sent");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_transaction_is_aborted() {
    let (fake, _) = fake(|_, _| Do::Accept);
    let asked = coordinate(&fake, |_| Do::Accept);
    let mut producer = transactional(&fake).await;
    let mut transaction = producer.begin();
    transaction.send(record("a")).await.expect("room");
    transaction.producer().flush().await.expect("written");
    drop(transaction);
    drop(producer.begin());
    sleep(Duration::from_secs(1)).await;
    assert_eq!(asked.take(), ["EndTxn v5 abort epoch 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_producer_aborts_what_is_open_and_its_task_ends() {
    let (fake, _) = fake(|_, _| Do::Accept);
    let asked = coordinate(&fake, |_| Do::Accept);
    let mut producer = transactional(&fake).await;
    producer.send(record("a")).await.expect("room");
    producer.flush().await.expect("written");
    let shared = Arc::downgrade(producer.handle.shared());
    drop(producer);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(asked.take(), ["EndTxn v5 abort epoch 0"]);
    assert!(shared.upgrade().is_none(), "nothing runs on");
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_fails_the_transaction_at_once() {
    let (fake, _) = fake(|_, _| Do::Refuse(ErrorCode::INVALID_RECORD));
    let asked = coordinate(&fake, |_| Do::Accept);
    let mut producer = transactional(&fake).await;
    producer.send(record("a")).await.expect("room");
    producer.flush().await.expect_err("refused");
    assert!(producer.failure().is_some());
    let error = producer
        .try_send(record("b"))
        .expect_err("it can only be aborted");
    assert!(matches!(error, SendError::TransactionFailed(_)), "{error}");
    let error = producer.commit().await.expect_err("poisoned");
    assert_eq!(error.outcome(), TransactionOutcome::Aborted);
    assert!(error.to_string().contains("INVALID_RECORD"), "{error}");
    assert_eq!(asked.take(), ["EndTxn v5 abort epoch 0"]);
    assert!(
        producer.failure().is_none(),
        "the next transaction is another"
    );
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_moves_is_found_again() {
    let (fake, _) = fake(|_, _| Do::Accept);
    let asked = coordinate(&fake, |_| Do::Accept);
    let mut producer = transactional(&fake).await;
    producer.send(record("a")).await.expect("room");
    producer.flush().await.expect("written");
    fake.state().coordinators.insert("id".into(), BrokerId(1));
    let mut moved = false;
    let log = asked.clone();
    fake.on::<EndTxnRequest>(move |received| {
        log.push(format!("EndTxn to {}", received.broker.0));
        if !std::mem::replace(&mut moved, true) {
            let error_code = ErrorCode::NOT_COORDINATOR;
            return Reply::Answer(EndTxnResponse {
                error_code,
                ..Default::default()
            });
        }
        Reply::Answer(EndTxnResponse {
            producer_id: ProducerId(7),
            producer_epoch: 1,
            ..Default::default()
        })
    });
    producer.commit().await.expect("committed");
    assert_eq!(asked.take(), ["EndTxn to 0", "EndTxn to 1"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_can_be_sent_before_init() {
    let (fake, seen) = fake(|_, _| Do::Accept);
    let mut producer = TransactionalProducer::builder(&cluster(&fake).await)
        .build_transactional("id")
        .expect("sound");
    producer.send(record("a")).await.expect("taken");
    let error = producer.commit().await.expect_err("not initialised");
    assert!(error.to_string().contains("init"), "{error}");
    assert_eq!(seen.len(), 0);
}
