//! Goal: a consumer begins and goes on where it is told to, and says so where it cannot. Method: as
//! in the parent module.

use std::time::Duration;

use thalweg_protocol::{ErrorCode, Offset};
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::{ConsumeError, OffsetReset};

/// Brokers that have deleted the records before 50 of 100.
fn trimmed() -> Brokers {
    let brokers = Brokers::new(1, &[0]);
    brokers.append(0, 10, 10);
    trim(&brokers, 50);
    brokers
}

fn trim(brokers: &Brokers, start: i64) {
    let mut state = brokers.state();
    let log = state.logs.get_mut(&0).expect("it exists");
    log.start = start;
    log.batches.retain(|batch| batch.next > start);
}

#[tokio::test(start_paused = true)]
async fn a_position_out_of_range_follows_the_policy() {
    for at in [3, 300] {
        let brokers = trimmed();
        let builder = brokers
            .builder()
            .await
            .auto_offset_reset(OffsetReset::Earliest);
        let mut consumer = brokers.read(builder);
        consumer
            .seek(&partition(0), StartAt::Offset(Offset(at)))
            .expect("assigned");
        let first = recv(&mut consumer).await;
        assert_eq!(first.start_offset(), Offset(50), "from {at}");

        let brokers = trimmed();
        let builder = brokers
            .builder()
            .await
            .auto_offset_reset(OffsetReset::Latest);
        let mut consumer = brokers.read(builder);
        consumer
            .seek(&partition(0), StartAt::Offset(Offset(at)))
            .expect("assigned");
        assert!(
            timeout(Duration::from_secs(2), consumer.recv())
                .await
                .is_err()
        );
        assert_eq!(
            consumer.position(&partition(0)),
            Some(Offset(100)),
            "from {at}"
        );
        brokers.append(0, 1, 2);
        assert_eq!(offsets(&recv(&mut consumer).await).1, [100, 101]);

        let brokers = trimmed();
        let builder = brokers.builder().await.auto_offset_reset(OffsetReset::None);
        let mut consumer = brokers.read(builder);
        consumer
            .seek(&partition(0), StartAt::Offset(Offset(at)))
            .expect("assigned");
        let error = within(consumer.recv())
            .await
            .expect_err("it does not exist");
        assert!(
            matches!(error, ConsumeError::OffsetOutOfRange { .. }),
            "{error}"
        );
        let text = error.to_string();
        assert!(
            text.contains(&format!("offset {at} of t-0 does not exist")),
            "{text}"
        );
        assert!(text.contains("the partition has 50 to 100"), "{text}");
        assert_eq!(
            consumer.position(&partition(0)),
            Some(Offset(at)),
            "it stays"
        );
        consumer
            .seek(&partition(0), StartAt::Earliest)
            .expect("assigned");
        read_from(&mut consumer, 50, 100).await;
    }
}

async fn read_from(consumer: &mut Consumer, from: i64, to: i64) {
    let mut next = from;
    while next < to {
        for offset in offsets(&recv(consumer).await).1 {
            assert_eq!(offset, next);
            next += 1;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_wait_come_before_the_place_found_after_them() {
    // Method: what was fetched waits with the application while the broker deletes what comes next;
    // finding the new place must begin by itself once it has been taken.
    let brokers = Brokers::new(1, &[0]);
    brokers.append(0, 10, 10);
    let trimming = brokers.clone();
    let mut number = 0;
    brokers.script(move |_| {
        number += 1;
        if number == 2 {
            trim(&trimming, 80);
        }
        None
    });
    let builder = brokers
        .builder()
        .await
        .max_partition_fetch_bytes(1)
        .auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = brokers.read(builder);
    sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    assert_eq!(
        offsets(&recv(&mut consumer).await).1,
        (0..10).collect::<Vec<_>>()
    );
    read_from(&mut consumer, 80, 100).await;
    assert!(
        begun.elapsed() < Duration::from_millis(100),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_does_not_exist_is_told_wherever_it_begins() {
    for start in [StartAt::Offset(Offset(0)), StartAt::Earliest] {
        let brokers = Brokers::new(1, &[0]);
        let mut consumer = brokers.builder().await.build().expect("sound");
        consumer.assign([(partition(7), start)]).expect("assigned");
        let begun = Instant::now();
        let error = within(consumer.recv())
            .await
            .expect_err("there is one partition");
        assert!(
            begun.elapsed() < Duration::from_secs(8),
            "{:?}",
            begun.elapsed()
        );
        let text = error.to_string();
        assert!(
            text.contains("topic 't' has no partition 7: it has 1"),
            "{start:?}: {text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_added_just_now_is_waited_for() {
    // Method: the consumer's metadata is from before the topic grew, as that of a group member can be
    // whose leader knew better.
    for start in [StartAt::Offset(Offset(0)), StartAt::Earliest] {
        let brokers = Brokers::new(1, &[0, 0]);
        brokers.fake.set_topic(TOPIC, &[0], 1);
        let cluster = brokers.cluster().await;
        cluster.topic(TOPIC).await.expect("it exists");
        brokers.fake.set_topic(TOPIC, &[0, 0], 1);
        brokers.append(1, 1, 5);
        let mut consumer = Consumer::builder(&cluster).build().expect("sound");
        consumer.assign([(partition(1), start)]).expect("assigned");
        let first = recv(&mut consumer).await;
        assert_eq!(offsets(&first), (1, vec![0, 1, 2, 3, 4]), "{start:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_lookup_names_the_topic() {
    let brokers = Brokers::new(1, &[0]);
    brokers.fake.on::<ListOffsetsRequest>(|received| {
        let topics = received
            .request
            .topics
            .into_iter()
            .map(|topic| ListOffsetsTopicResponse {
                name: topic.name,
                partitions: vec![ListOffsetsPartitionResponse {
                    error_code: ErrorCode::TOPIC_AUTHORIZATION_FAILED,
                    ..Default::default()
                }],
                ..Default::default()
            });
        Reply::Answer(ListOffsetsResponse {
            topics: topics.collect(),
            ..Default::default()
        })
    });
    let mut consumer = brokers.builder().await.build().expect("sound");
    consumer
        .assign([(partition(0), StartAt::Earliest)])
        .expect("assigned");
    let error = within(consumer.recv()).await.expect_err("denied");
    let text = error.to_string();
    assert!(
        text.contains("t-0") && text.contains("kafka-acls"),
        "{text}"
    );
}
