//! What an app keeps in Kafka beside its outputs: event time with the offsets, changelogs, and what
//! travels between its tasks.

use std::collections::BTreeMap;

use thalweg::{Text, Tumbling, Watermark, millis, secs};
use thalweg_client::{ConfigResource, IsolationLevel, OffsetSpec, ProducerRecord, TopicPartition};
use thalweg_protocol::{Offset, PartitionId};
use thalweg_tests::brokers::{Kafka, Tests};
use thalweg_tests::raw_reader::read_partition;

use crate::support::{Corner, PATIENCE, count, numbers, stop, to_the_end};

pub(crate) fn tests(tests: Tests) -> Tests {
    tests
        .test(
            "t4_watermark_and_windows_come_back_with_a_restart",
            async |kafka| t4_watermark_and_windows_come_back_with_a_restart(&kafka).await,
        )
        .test(
            "t5_a_window_behind_a_repartition_topic_waits_for_every_upstream_task",
            async |kafka| {
                t5_a_window_behind_a_repartition_topic_waits_for_every_upstream_task(&kafka).await;
            },
        )
        .test(
            "s2_a_changelog_has_one_record_for_each_key_of_a_commit",
            async |kafka| s2_a_changelog_has_one_record_for_each_key_of_a_commit(&kafka).await,
        )
        .test(
            "s6_internal_topics_are_made_as_they_have_to_be_and_purged",
            async |kafka| s6_internal_topics_are_made_as_they_have_to_be_and_purged(&kafka).await,
        )
}

/// A time of 2023.
const START: i64 = 1_700_000_000_000;

struct At<'a> {
    partition: i32,
    key: &'a str,
    value: &'a str,
    timestamp: i64,
}

async fn write(corner: &Corner, records: &[At<'_>]) {
    let topic = corner.topic("in");
    let mut producer = thalweg_client::Producer::builder(&corner.cluster)
        .build()
        .expect("a producer");
    for at in records {
        let record = ProducerRecord::to(topic.as_str())
            .partition(PartitionId(at.partition))
            .key(at.key)
            .value(at.value)
            .timestamp(at.timestamp);
        producer.send(record).await.expect("sent");
    }
    producer.flush().await.expect("written");
}

fn at(partition: i32, key: &str, timestamp: i64) -> At<'_> {
    At {
        partition,
        key,
        value: key,
        timestamp: START + timestamp,
    }
}

async fn t4_watermark_and_windows_come_back_with_a_restart(kafka: &Kafka) {
    let corner = Corner::new(kafka, "event-time", 1).await;
    let program = || {
        let app = corner.app();
        app.source::<Text>(&corner.topic("in"))
            .watermark(Watermark::ascending())
            .by_record_key()
            .window(Tumbling::of(secs(10)))
            .aggregate("windows", |a| a.count())
            .map(|w| format!("{}:{}", w.window.start - START, w.value))
            .sink::<Text>(&corner.topic("out"));
        app
    };
    write(&corner, &[at(0, "k", 1_000), at(0, "k", 12_000)]).await;
    to_the_end(&program()).await.expect("to the end");
    let app = program();
    let running = app.start().await.expect("started");
    // The first is for a window that was closed before the restart; the second for one that was open
    // then, and the third closes that.
    write(
        &corner,
        &[at(0, "k", 2_000), at(0, "k", 13_000), at(0, "k", 20_000)],
    )
    .await;
    let seen = corner.read_at_least("out", 2).await;
    let values: Vec<_> = seen.iter().map(|seen| seen.value.as_str()).collect();
    assert_eq!(values, ["0:1", "10000:2"]);
    let told = async {
        while running
            .metrics()
            .tasks()
            .map(|task| task.late_dropped)
            .sum::<u64>()
            != 1
        {
            tokio::time::sleep(millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told)
        .await
        .expect("late, dropped and counted");
    stop(running).await;
}

async fn t5_a_window_behind_a_repartition_topic_waits_for_every_upstream_task(kafka: &Kafka) {
    let corner = Corner::new(kafka, "upstreams", 3).await;
    let program = |workers: u32| {
        let app = corner.app().workers(workers);
        app.source::<Text>(&corner.topic("in"))
            .watermark(Watermark::ascending())
            .key_by("word", |word| (*word).to_owned())
            .window(Tumbling::of(secs(10)))
            .aggregate("words", |a| a.count())
            .map(|w| format!("{}:{}", w.window.start - START, w.value))
            .sink::<Text>(&corner.topic("out"));
        app
    };
    let first = program(2);
    let running = first.start().await.expect("started");
    write(
        &corner,
        &[
            at(0, "a", 1_000),
            at(0, "b", 2_000),
            at(0, "a", 15_000),
            at(1, "a", 3_000),
            at(1, "b", 16_000),
        ],
    )
    .await;
    // The third partition has not been heard of.
    tokio::time::sleep(secs(2)).await;
    assert_eq!(corner.read("out").await, []);
    stop(running).await;
    // What was heard is remembered over a restart, so one more word is enough.
    let second = program(1);
    let running = second.start().await.expect("started");
    write(&corner, &[at(2, "a", 4_000), at(2, "c", 17_000)]).await;
    let seen = corner.read_at_least("out", 2).await;
    let results: BTreeMap<&str, &str> = seen
        .iter()
        .map(|seen| (seen.key.trim_matches('"'), seen.value.as_str()))
        .collect();
    assert_eq!(results, BTreeMap::from([("a", "0:3"), ("b", "0:1")]));
    assert_eq!(seen.len(), 2);
    stop(running).await;
}

async fn s2_a_changelog_has_one_record_for_each_key_of_a_commit(kafka: &Kafka) {
    let corner = Corner::new(kafka, "changelog", 1).await;
    // Event times of 2023: what a broker keeps by time is by the clock on the wall.
    let records: Vec<At<'_>> = (0..500)
        .map(|i| at(0, ["x", "y", "z"][i % 3], i64::try_from(i).expect("few")))
        .collect();
    write(&corner, &records).await;
    // All of it in one transaction.
    let app = corner.app().commit_interval(secs(60));
    count(&app, &corner);
    let running = app.start().await.expect("started");
    let all = async {
        while running.metrics().records() < 500 {
            tokio::time::sleep(millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all)
        .await
        .expect("processed");
    let changelog = TopicPartition::new(corner.topic("counts-changelog"), 0);
    let isolation = IsolationLevel::ReadUncommitted;
    assert_eq!(
        read_partition(&corner.cluster, &changelog, isolation).await,
        [],
        "nothing is sent before its transaction is"
    );
    stop(running).await;
    // Up to its end: markers trail the end of their transaction.
    corner.read("counts-changelog").await;
    let log = read_partition(&corner.cluster, &changelog, IsolationLevel::ReadCommitted).await;
    assert_eq!(log.len(), 3, "{log:?}");
    for record in &log {
        assert!(record.timestamp > START + 86_400_000, "{record:?}");
    }
    assert_eq!(corner.read("out").await.len(), 500);
}

async fn s6_internal_topics_are_made_as_they_have_to_be_and_purged(kafka: &Kafka) {
    let corner = Corner::new(kafka, "internal", 2).await;
    let app = corner.app().replication_factor(1);
    app.source::<Text>(&corner.topic("in"))
        .key_by("word", |word| (*word).to_owned())
        .aggregate("words", |a| a.count())
        .map(|word| word.value.to_string())
        .sink::<Text>(&corner.topic("out"));
    let running = app.start().await.expect("started");
    corner.write(numbers(0, 50, 5)).await;
    corner.read_at_least("out", 50).await;
    let (changelog, repartition) = (
        corner.topic("words-changelog"),
        corner.topic("word-repartition"),
    );
    for (topic, key, value) in [
        (&changelog, "cleanup.policy", "compact"),
        (&repartition, "cleanup.policy", "delete"),
        (&repartition, "retention.ms", "-1"),
    ] {
        let configs = corner
            .admin
            .describe_configs([ConfigResource::topic(topic.as_str())])
            .await
            .all()
            .expect("configs");
        let entries = configs.into_values().flatten();
        let found = entries.into_iter().find(|(name, _)| name == key);
        let found = found.and_then(|(_, entry)| entry.value);
        assert_eq!(found.as_deref(), Some(value), "{topic} {key}");
    }
    // Deleted once it is committed, from time to time.
    let partitions: Vec<_> = (0..2)
        .map(|partition| TopicPartition::new(repartition.as_str(), partition))
        .collect();
    let mut written = 50;
    let purged = async {
        loop {
            corner.write(numbers(written, 10, 5)).await;
            written += 10;
            let asked = partitions.iter().map(|p| (p.clone(), OffsetSpec::Earliest));
            let isolation = IsolationLevel::ReadUncommitted;
            let begins = corner.admin.list_offsets(asked, isolation).await;
            let begins = begins.all().expect("listed");
            if begins.values().all(|begin| begin.offset > Some(Offset(0))) {
                return;
            }
            tokio::time::sleep(millis(500)).await;
        }
    };
    tokio::time::timeout(PATIENCE, purged)
        .await
        .expect("it does not grow for ever");
    assert_eq!(
        corner.read_at_least("out", written as usize).await.len(),
        written as usize
    );
    stop(running).await;
}
