//! What is committed: outputs, state and offsets together.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg::{App, Bytes, Guarantee, Health, MemoryStorage, Text};
use thalweg_client::{ProducerRecord, TransactionalProducer};
use thalweg_tests::brokers::Kafka;

use crate::support::{Corner, PATIENCE, Seen, count, numbers, stop, to_the_end};

fn copy(app: &App, corner: &Corner) {
    app.source::<Bytes>(&corner.topic("in"))
        .sink::<Bytes>(&corner.topic("out"));
}

/// Keys and values, sorted: their order over partitions is not promised.
fn sorted(seen: Vec<Seen>) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = seen
        .into_iter()
        .map(|seen| (seen.key, seen.value))
        .collect();
    pairs.sort();
    pairs
}

/// Asserts that each key was counted from 1 without a gap or a repetition, and gives the totals.
pub(crate) fn totals(seen: &[Seen]) -> BTreeMap<String, u64> {
    let mut totals: BTreeMap<String, u64> = BTreeMap::new();
    for record in seen {
        let total = totals.entry(record.key.clone()).or_default();
        *total += 1;
        assert_eq!(
            record.value,
            total.to_string(),
            "the count of {}",
            record.key
        );
    }
    totals
}

pub(crate) async fn a_copy_to_the_end_of_the_input_is_exact(kafka: &Kafka) {
    let corner = Corner::new(kafka, "copy", 4).await;
    let mut input = numbers(0, 5_000, 50);
    corner.write(input.clone()).await;
    let app = corner.app().workers(2);
    copy(&app, &corner);
    to_the_end(&app).await.expect("copied");
    input.sort();
    assert_eq!(sorted(corner.read("out").await), input);
    // Nothing is left to do.
    to_the_end(&app).await.expect("nothing to copy");
    assert_eq!(corner.read("out").await.len(), 5_000);
}

pub(crate) async fn a_restart_goes_on_where_the_last_commit_was(kafka: &Kafka) {
    let corner = Corner::new(kafka, "restart", 3).await;
    let storage = MemoryStorage::new();
    let mut input = Vec::new();
    for round in 0..3 {
        let more = numbers(round * 500, 500, 20);
        corner.write(more.clone()).await;
        input.extend(more);
        let app = corner.app().storage(storage.clone());
        copy(&app, &corner);
        let running = app.start().await.expect("started");
        corner.read_at_least("out", input.len()).await;
        stop(running).await;
    }
    input.sort();
    assert_eq!(sorted(corner.read("out").await), input);
}

pub(crate) async fn counts_go_on_from_their_changelog(kafka: &Kafka) {
    let corner = Corner::new(kafka, "counts", 4).await;
    for round in 0..3 {
        corner.write(numbers(round * 1_000, 1_000, 70)).await;
        // A new instance each time: nothing but Kafka remembers.
        let app = corner.app();
        count(&app, &corner);
        to_the_end(&app).await.expect("counted");
        let seen = corner.read("out").await;
        assert_eq!(seen.len(), (round as usize + 1) * 1_000);
        totals(&seen);
    }
    let app = corner.app();
    count(&app, &corner);
    let running = app.start().await.expect("started");
    corner.write(numbers(3_000, 10, 1)).await;
    let seen = corner.read_at_least("out", 3_010).await;
    assert_eq!(totals(&seen)["k0"], 43 + 10);
    let told = async {
        loop {
            let metrics = running.metrics();
            let rows: u64 = metrics.tasks().map(|task| task.state_rows).sum();
            if running.status().health == Health::Running && metrics.records() == 10 && rows == 70 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told)
        .await
        .expect("the metrics tell");
    stop(running).await;
}

pub(crate) async fn words_are_counted_through_a_repartition_topic(kafka: &Kafka) {
    let corner = Corner::new(kafka, "words", 3).await;
    let lines = (0..400).map(|i| (format!("line {i}"), format!("a b{} c{}", i % 2, i % 40)));
    corner.write(lines).await;
    let app = corner.app().workers(2);
    app.source::<Text>(&corner.topic("in"))
        .flat_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .key_by("word", |word| word.clone())
        .aggregate("words", |a| a.count())
        .map(|word| word.value.to_string())
        .sink::<Text>(&corner.topic("out"));
    to_the_end(&app).await.expect("counted");
    let seen = corner.read("out").await;
    assert_eq!(seen.len(), 1_200);
    let mut latest: BTreeMap<String, u64> = BTreeMap::new();
    for record in &seen {
        let count: u64 = record.value.parse().expect("a number");
        let known = latest
            .entry(record.key.trim_matches('"').to_owned())
            .or_default();
        *known = count.max(*known);
    }
    assert_eq!(latest["a"], 400);
    assert_eq!(latest["b1"], 200);
    assert_eq!(latest["c39"], 10);
    assert_eq!(latest.len(), 1 + 2 + 40);
}

pub(crate) async fn at_least_once_writes_everything_without_transactions(kafka: &Kafka) {
    let corner = Corner::new(kafka, "alo", 3).await;
    let mut input = numbers(0, 2_000, 50);
    corner.write(input.clone()).await;
    let app = corner.app().guarantee(Guarantee::AtLeastOnce);
    copy(&app, &corner);
    to_the_end(&app).await.expect("copied");
    input.sort();
    // Nothing failed, so nothing was repeated.
    assert_eq!(sorted(corner.read("out").await), input);
    let ids = corner
        .admin
        .list_transactions()
        .await
        .expect("transactions");
    assert!(
        ids.iter()
            .all(|listing| !listing.transactional_id.starts_with(&corner.name))
    );
}

pub(crate) async fn the_end_is_reached_past_markers_and_aborted_records(kafka: &Kafka) {
    let corner = Corner::new(kafka, "markers", 2).await;
    corner.write(numbers(0, 10, 5)).await;
    let topic = corner.topic("in");
    let mut producer = TransactionalProducer::builder(&corner.cluster)
        .build_transactional(format!("{}-writer", corner.name))
        .expect("a producer");
    producer.init().await.expect("an epoch");
    for commits in [true, false] {
        for i in 0..20 {
            let key = format!("k{i}");
            let record = ProducerRecord::to(topic.as_str())
                .key(key.as_str())
                .value("x");
            producer.send(record).await.expect("sent");
        }
        producer.flush().await.expect("written");
        if commits {
            producer.commit().await.expect("committed");
        } else {
            producer.abort().await.expect("aborted");
        }
    }
    // Markers are written a moment after the end of a transaction is answered.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let app = corner.app();
    copy(&app, &corner);
    to_the_end(&app).await.expect("an end that is a marker");
    assert_eq!(corner.read("out").await.len(), 30);
}
