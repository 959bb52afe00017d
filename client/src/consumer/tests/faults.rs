//! Goal: what cannot be read is told, by name, and stops nothing else; what passes is got over
//! without loss or repetition. Method: as in the parent module.

use std::time::Duration;

use thalweg_protocol::messages::FetchPartitionData;
use thalweg_protocol::{ApiKey, ErrorCode, Offset};
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::{ConsumeError, Disposition};

/// The next error, and what was read of each partition before it.
async fn error_of(consumer: &mut Consumer) -> (ConsumeError, BTreeMap<i32, usize>) {
    let mut read: BTreeMap<i32, usize> = BTreeMap::new();
    loop {
        match within(consumer.recv()).await {
            Ok(fetched) => {
                let (number, offsets) = offsets(&fetched);
                *read.entry(number).or_default() += offsets.len();
            }
            Err(error) => return (error, read),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_told_by_recv() {
    // Method: ten sound records, then something that is no batch; beside it a sound partition.
    let sound = batch(10, 5, BatchSeal::default());
    let mut unknown_format = sound.to_vec();
    unknown_format[16] = 9;
    let mut too_short = sound.to_vec();
    too_short[8..12].copy_from_slice(&3_i32.to_be_bytes());
    let cut = sound[..sound.len() - 7].to_vec();
    let garbage = vec![0xff; 40];
    for (damaged, what) in [
        (unknown_format, "unknown format"),
        (too_short, "claims 3 bytes"),
        (cut, "cut"),
        (garbage, ""),
        (batch(2, 3, BatchSeal::default()).to_vec(), "before"),
    ] {
        let brokers = Brokers::new(1, &[0, 0]);
        brokers.append(0, 1, 10);
        brokers.append_bytes(0, 5, damaged.into());
        brokers.append(0, 1, 10);
        brokers.append(1, 1, 10);
        // One batch at a time: so the broken one comes alone, too.
        let builder = brokers.builder().await.max_partition_fetch_bytes(1);
        let mut consumer = brokers.read(builder);
        let (error, read) = error_of(&mut consumer).await;
        assert_eq!(read.get(&0), Some(&10), "what is sound comes first");
        assert_eq!(error.topic_partition(), Some(&partition(0)));
        let ConsumeError::CorruptBatch(corrupt) = &error else {
            panic!("{error}");
        };
        assert_eq!(corrupt.offset, Offset(10), "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with("t-0 cannot be read at offset 10: "),
            "{text}"
        );
        assert!(text.contains(what), "{text}");
        assert_eq!(consumer.position(&partition(0)), Some(Offset(10)));
        // The others go on, the broken one stays where it is until it is moved.
        brokers.append(1, 1, 10);
        read_to(&mut consumer, &[(1, 20)]).await;
        assert!(
            timeout(Duration::from_secs(3), consumer.recv())
                .await
                .is_err()
        );
        consumer
            .seek(&partition(0), StartAt::Offset(Offset(15)))
            .expect("assigned");
        read_to(&mut consumer, &[(0, 25)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_bytes_changed_is_told_when_it_is_decoded() {
    let brokers = Brokers::new(1, &[0]);
    let mut flipped = batch(0, 5, BatchSeal::default()).to_vec();
    *flipped.last_mut().expect("bytes") ^= 1;
    brokers.append_bytes(0, 5, flipped.into());
    brokers.append(0, 1, 5);
    let builder = brokers.builder().await.max_partition_fetch_bytes(1);
    let mut consumer = brokers.read(builder);
    let fetched = recv(&mut consumer).await;
    let mut decoder = RecordDecoder::new();
    let first = fetched.batches().next().expect("a batch");
    let corrupt = first.decode(&mut decoder).map(drop).expect_err("damaged");
    assert_eq!(corrupt.topic_partition, partition(0));
    assert_eq!(
        (corrupt.offset, corrupt.next_offset),
        (Offset(0), Some(Offset(5)))
    );
    assert!(
        corrupt
            .to_string()
            .contains("seek to 5 to go on without it"),
        "{corrupt}"
    );
    read_to(&mut consumer, &[(0, 10)]).await;
}

#[tokio::test(start_paused = true)]
async fn records_a_broker_cannot_read_itself_are_told() {
    let brokers = Brokers::new(1, &[0, 0]);
    brokers.append(0, 2, 5);
    brokers.append(1, 1, 5);
    refuse_from(&brokers, 5, ErrorCode::CORRUPT_MESSAGE);
    let builder = brokers.builder().await.max_partition_fetch_bytes(1);
    let mut consumer = brokers.read(builder);
    let begun = Instant::now();
    let (error, read) = error_of(&mut consumer).await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(read.get(&0), Some(&5));
    let text = error.to_string();
    for part in ["t-0", "offset 5", "CORRUPT_MESSAGE"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_may_not_be_read_is_named_at_once() {
    let brokers = Brokers::new(1, &[0]);
    brokers.append(0, 1, 5);
    refuse_from(&brokers, 0, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    let mut consumer = brokers.consumer().await;
    let (error, _) = error_of(&mut consumer).await;
    assert_eq!(error.disposition(), Disposition::Fatal);
    let text = error.to_string();
    assert!(
        text.contains("t-0") && text.contains("kafka-acls"),
        "{text}"
    );
    assert_eq!(brokers.take_asked().len(), 1, "asked once");
}

/// Answers fetches of partition 0 from an offset on with an error.
fn refuse_from(brokers: &Brokers, offset: i64, code: ErrorCode) {
    let refusing = brokers.clone();
    brokers.script(move |asked| {
        let (number, at) = *asked.named.iter().find(|(number, _)| *number == 0)?;
        let topic_id = refusing.fake.state().topics[TOPIC].id;
        (at >= offset).then(|| {
            answer(
                topic_id,
                FetchPartitionData {
                    partition_index: PartitionId(number),
                    error_code: code,
                    high_watermark: Offset(-1),
                    ..Default::default()
                },
            )
        })
    });
}

#[tokio::test(start_paused = true)]
async fn a_broker_too_old_to_be_read_from_is_named_with_the_release_it_takes() {
    let brokers = Brokers::new(1, &[0]);
    for broker in brokers.fake.state().brokers.values_mut() {
        broker.ranges.insert(ApiKey::Fetch, (0, 3));
    }
    let mut consumer = brokers.consumer().await;
    let (error, _) = error_of(&mut consumer).await;
    let text = error.to_string();
    for part in [
        "t-0",
        "broker 0 at broker-0:9092",
        "Fetch needs versions 4 to",
        "Kafka 2.1",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_makes_no_sense_is_told_by_recv() {
    let brokers = Brokers::new(1, &[0]);
    brokers.append(0, 1, 5);
    brokers.script(|_| Some(Reply::Garbage(Bytes::from_static(&[0x7f; 60]))));
    let mut consumer = brokers.consumer().await;
    let (error, _) = error_of(&mut consumer).await;
    let text = error.to_string();
    assert!(
        text.contains("t-0") && text.contains("cannot read the answer"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_in_the_middle_of_an_answer_loses_nothing() {
    let brokers = Brokers::new(1, &[0, 0]);
    brokers.append(0, 30, 10);
    brokers.append(1, 30, 10);
    let mut number = 0;
    brokers.script(move |_| {
        number += 1;
        (number % 3 == 0).then_some(Reply::Cut)
    });
    let builder = brokers.builder().await.max_partition_fetch_bytes(600);
    let mut consumer = brokers.read(builder);
    read_to(&mut consumer, &[(0, 300), (1, 300)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_moves_is_followed_without_loss_or_repetition() {
    // Method: the leader of both partitions moves every 100 ms, or only gets a new epoch, while they
    // are read. Refusals name the new leader, or leave it to the metadata.
    for names_leaders in [false, true] {
        let brokers = Brokers::new(2, &[0, 0]);
        brokers.state().names_leaders = names_leaders;
        let moving = brokers.clone();
        tokio::spawn(async move {
            for round in 0..20 {
                moving.append(0, 5, 10);
                moving.append(1, 5, 10);
                sleep(Duration::from_millis(100)).await;
                let leaders = [[0, 0], [0, 1], [1, 1], [1, 0]][round % 4];
                moving.fake.set_topic(TOPIC, &leaders, 2 + round as i32);
            }
        });
        let builder = brokers.builder().await.max_partition_fetch_bytes(400);
        let mut consumer = brokers.read(builder);
        let begun = Instant::now();
        read_to(&mut consumer, &[(0, 1000), (1, 1000)]).await;
        let elapsed = begun.elapsed();
        assert!(
            elapsed < Duration::from_secs(8),
            "leaders named: {names_leaders}: {elapsed:?}"
        );
        let asked = brokers.take_asked();
        assert!((0..2).all(|broker| asked.iter().any(|asked| asked.broker == broker)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_whose_only_broker_was_away_is_read_on_when_it_returns() {
    // Method: while broker 1 is down its partition has no leader, and nobody asks broker 1 for
    // anything any more; only newer metadata tells that it is back.
    let brokers = Brokers::new(2, &[0, 1]);
    brokers.append(1, 1, 5);
    let mut consumer = brokers.consumer().await;
    read_to(&mut consumer, &[(1, 5)]).await;
    brokers.fake.take_down(1);
    lead(&brokers, -1, 2);
    sleep(Duration::from_secs(20)).await;
    brokers.append(1, 1, 5);
    brokers.fake.bring_up(1);
    lead(&brokers, 1, 3);
    let begun = Instant::now();
    read_to(&mut consumer, &[(1, 10)]).await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

/// Changes the leader of partition 1 alone: partition 0 must not notice anything.
fn lead(brokers: &Brokers, leader: i32, leader_epoch: i32) {
    let mut state = brokers.fake.state();
    let topic = state.topics.get_mut(TOPIC).expect("it exists");
    topic.leaders[1] = (BrokerId(leader), leader_epoch);
}

#[tokio::test(start_paused = true)]
async fn after_its_tasks_have_died_a_consumer_says_so() {
    let brokers = Brokers::new(1, &[0]);
    let (runtime, config) = crate::spawn::tests::Mortal::new(brokers.fake.config());
    let cluster = Cluster::connect(config).await.expect("up");
    let mut consumer = Consumer::builder(&cluster)
        .group_id("g")
        .build()
        .expect("sound");
    consumer
        .assign([(partition(0), StartAt::Offset(Offset(0)))])
        .expect("assigned");
    sleep(Duration::from_millis(100)).await;
    runtime.kill();
    let error = within(consumer.recv()).await.expect_err("nobody fetches");
    assert!(matches!(error, ConsumeError::Closed), "{error}");
    let offset = crate::OffsetAndMetadata::new(Offset(1));
    let error = within(consumer.commit([(partition(0), offset)])).await;
    let error = error.expect_err("nobody commits");
    assert!(matches!(error, crate::OffsetCommitError::Closed), "{error}");
}
