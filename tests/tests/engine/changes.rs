//! Topics that change under a running app.

use std::time::Duration;

use thalweg::{App, Bytes, OnOutOfRange, Text, secs};
use thalweg_client::{ClientConfig, NewTopic, Offset, TopicPartition};
use thalweg_protocol::messages::FetchRequest;
use thalweg_tests::brokers::{Kafka, Tests};

use crate::support::{Corner, PATIENCE, assert_says, count, numbers, stop};
use crate::wire::{Fate, Gate, Wire};

pub(crate) fn tests(tests: Tests) -> Tests {
    tests
        .test(
            "a_partition_added_while_state_is_kept_stops_the_app",
            async |kafka| a_partition_added_while_state_is_kept_stops_the_app(&kafka).await,
        )
        .test(
            "a_partition_added_while_nothing_is_kept_is_read",
            async |kafka| a_partition_added_while_nothing_is_kept_is_read(&kafka).await,
        )
        .test(
            "a_source_that_is_made_anew_under_a_running_app_stops_it",
            async |kafka| a_source_that_is_made_anew_under_a_running_app_stops_it(&kafka).await,
        )
        .test(
            "records_deleted_before_a_running_app_has_read_them_stop_it",
            async |kafka| records_deleted_before_a_running_app_has_read_them_stop_it(&kafka).await,
        )
}

/// An app that looks at its topics every second.
fn watchful(corner: &Corner) -> App {
    let config = ClientConfig::new(corner.servers.as_str()).metadata_max_age(secs(1));
    corner.app().client_config(config)
}

async fn widen(corner: &Corner, partitions: i32) {
    let topic = corner.topic("in");
    let widened = corner
        .admin
        .create_partitions([(topic.as_str(), partitions)]);
    widened.await.all().expect("widened");
}

async fn a_partition_added_while_state_is_kept_stops_the_app(kafka: &Kafka) {
    let corner = Corner::new(kafka, "widens", 2).await;
    let app = watchful(&corner);
    count(&app, &corner);
    let running = app.start().await.expect("started");
    corner.write(numbers(0, 40, 10)).await;
    corner.read_at_least("out", 40).await;
    widen(&corner, 3).await;
    let ended = tokio::time::timeout(PATIENCE, running.wait()).await;
    let error = ended.expect("it stops by itself").expect_err("by an error");
    let error = error.to_string();
    assert_says(&error, &[&corner.topic("in"), "3", "2", "application id"]);
    assert_eq!(corner.read("out").await.len(), 40);
}

async fn a_partition_added_while_nothing_is_kept_is_read(kafka: &Kafka) {
    let corner = Corner::new(kafka, "wider-copy", 1).await;
    let app = watchful(&corner);
    app.source::<Bytes>(&corner.topic("in"))
        .sink::<Bytes>(&corner.topic("out"));
    let running = app.start().await.expect("started");
    corner.write(numbers(0, 40, 10)).await;
    corner.read_at_least("out", 40).await;
    widen(&corner, 3).await;
    // A client that was not there before knows of all partitions at once.
    let later = corner.looked_at_anew().await;
    later.write(numbers(40, 60, 10)).await;
    let ends = later.records_in("in").await;
    assert!(ends.iter().all(|records| *records > 0), "{ends:?}");
    let seen = corner.read_at_least("out", 100).await;
    assert_eq!(seen.len(), 100);
    stop(running).await;
}

async fn a_source_that_is_made_anew_under_a_running_app_stops_it(kafka: &Kafka) {
    let corner = Corner::new(kafka, "replaced", 1).await;
    let app = watchful(&corner);
    count(&app, &corner);
    let running = app.start().await.expect("started");
    corner.write(numbers(0, 40, 10)).await;
    corner.read_at_least("out", 40).await;
    let topic = corner.topic("in");
    let deleted = corner.admin.delete_topics([topic.as_str()]).await;
    deleted.all().expect("deleted");
    let made = async {
        loop {
            let new = [NewTopic::new(topic.as_str(), 1)];
            if corner.admin.create_topics(new).await.all().is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, made)
        .await
        .expect("made anew");
    // By the client that has written to the old one.
    corner.write(numbers(40, 60, 10)).await;
    let ended = tokio::time::timeout(PATIENCE, running.wait()).await;
    let error = ended.expect("it stops by itself").expect_err("by an error");
    assert_says(&error.to_string(), &[&topic, "made again", "begin anew"]);
    assert_eq!(corner.read("out").await.len(), 40, "of another topic");
}

async fn records_deleted_before_a_running_app_has_read_them_stop_it(kafka: &Kafka) {
    for policy in [OnOutOfRange::Fail, OnOutOfRange::Earliest] {
        let corner = Corner::new(kafka, "deleted", 1).await;
        let wire = Wire::new();
        let app = corner.app().client_config(wire.client(&corner.servers));
        app.source::<Text>(&corner.topic("in"))
            .on_out_of_range(policy)
            .map(|value| (*value).to_owned())
            .sink::<Text>(&corner.topic("out"));
        let running = app.start().await.expect("started");
        corner.write(numbers(0, 10, 5)).await;
        corner.read_at_least("out", 10).await;
        // Slow to fetch, while ten more are written and five of these are deleted.
        let gate = Gate::closed();
        let held = gate.clone();
        let fetches = wire.asked::<FetchRequest>().len();
        wire.rule(move |asked| match asked.is::<FetchRequest>() {
            Some(_) => Fate::HoldRequest(held.clone()),
            None => Fate::Pass,
        });
        let waits = async {
            while wire.asked::<FetchRequest>().len() == fetches {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waits)
            .await
            .expect("fetches");
        // Answers to what was asked before.
        tokio::time::sleep(secs(1)).await;
        corner.write(numbers(10, 10, 5)).await;
        let partition = TopicPartition::new(corner.topic("in"), 0);
        let deleted = corner.admin.delete_records([(partition, Offset(15))]).await;
        deleted.all().expect("deleted");
        gate.open();
        if policy == OnOutOfRange::Earliest {
            let seen = corner.read_at_least("out", 15).await;
            let values: Vec<_> = seen.iter().map(|seen| seen.value.as_str()).collect();
            assert_eq!(values[10..], ["15", "16", "17", "18", "19"]);
            stop(running).await;
        } else {
            let ended = tokio::time::timeout(PATIENCE, running.wait()).await;
            let error = ended.expect("it stops by itself").expect_err("by an error");
            let place = format!("{}-0", corner.topic("in"));
            assert_says(&error.to_string(), &[&place, "10", "on_out_of_range"]);
            assert_eq!(corner.read("out").await.len(), 10);
        }
    }
}
