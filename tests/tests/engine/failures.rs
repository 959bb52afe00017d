//! The rows of the failure table that stop an app: each says what happened and the ways out, and
//! commits nothing half.

use std::time::Duration;

use thalweg::{AppError, Bytes, Json, MemoryStorage, OnOutOfRange, StateFolderError, Text};
use thalweg_client::{GroupMetadata, NewTopic, Offset, OffsetAndMetadata, TopicPartition};
use thalweg_tests::brokers::Kafka;

use crate::support::{
    Corner, PATIENCE, assert_says, count, numbers, stop, to_the_end, why_it_stopped,
};

/// An app that has counted what there was, and stopped.
async fn counted(kafka: &Kafka, prefix: &str) -> Corner {
    let corner = Corner::new(kafka, prefix, 2).await;
    corner.write(numbers(0, 200, 10)).await;
    let app = corner.app();
    count(&app, &corner);
    to_the_end(&app).await.expect("counted");
    assert_eq!(corner.read("out").await.len(), 200);
    corner
}

/// Why counting cannot go on; nothing more is written.
async fn refused(corner: &Corner) -> String {
    let app = corner.app();
    count(&app, corner);
    let error = why_it_stopped(&app).await.to_string();
    assert_eq!(corner.read("out").await.len(), 200, "{error}");
    error
}

pub(crate) async fn a_topic_that_does_not_exist_is_named(kafka: &Kafka) {
    let corner = Corner::new(kafka, "unknown", 1).await;
    let app = corner.app();
    app.source::<Bytes>("no-such-topic")
        .sink::<Bytes>(&corner.topic("out"));
    let error = app.start().await.expect_err("no topic");
    assert_says(
        &error.to_string(),
        &["no-such-topic does not exist", "create it"],
    );
}

pub(crate) async fn no_broker_is_an_error_and_not_a_hang(kafka: &Kafka) {
    let corner = Corner::new(kafka, "nobody", 1).await;
    let app = corner.app().bootstrap_servers("127.0.0.1:1");
    count(&app, &corner);
    let started = tokio::time::timeout(PATIENCE, app.start())
        .await
        .expect("it gives up");
    let error = started.expect_err("nobody is there");
    assert!(matches!(error, AppError::Cluster { .. }), "{error}");
    assert_says(&error.to_string(), &["127.0.0.1:1"]);
}

pub(crate) async fn a_state_folder_in_use_is_refused(kafka: &Kafka) {
    let corner = Corner::new(kafka, "in-use", 1).await;
    let storage = MemoryStorage::new();
    let app = corner.app().storage(storage.clone());
    count(&app, &corner);
    let running = app.start().await.expect("started");
    let error = app.start().await.expect_err("the folder is locked");
    assert!(
        matches!(error, AppError::StateFolder(StateFolderError::InUse { .. })),
        "{error}"
    );
    stop(running).await;
    // Given back a moment after the last worker is gone.
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop(app.start().await.expect("free again")).await;
}

pub(crate) async fn a_changelog_that_was_deleted_stops(kafka: &Kafka) {
    let corner = counted(kafka, "no-changelog").await;
    let changelog = corner.topic("counts-changelog");
    corner
        .admin
        .delete_topics([changelog.as_str()])
        .await
        .all()
        .expect("deleted");
    // The app makes a new one, which is empty and another.
    let error = refused(&corner).await;
    assert_says(&error, &["counts-changelog", "Delete the group's offsets"]);
}

pub(crate) async fn offsets_that_were_deleted_under_state_stop(kafka: &Kafka) {
    let corner = counted(kafka, "no-offsets").await;
    corner
        .admin
        .delete_groups([corner.name.as_str()])
        .await
        .all()
        .expect("deleted");
    let error = refused(&corner).await;
    assert_says(
        &error,
        &["counts-changelog", "no committed offsets", "begin anew"],
    );
}

pub(crate) async fn a_source_that_was_made_anew_stops(kafka: &Kafka) {
    let corner = counted(kafka, "anew").await;
    let topic = corner.topic("in");
    corner
        .admin
        .delete_topics([topic.as_str()])
        .await
        .all()
        .expect("deleted");
    for _ in 0..100 {
        let made = corner
            .admin
            .create_topics([NewTopic::new(topic.as_str(), 2)])
            .await;
        if made.all().is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let error = refused(&corner).await;
    assert_says(&error, &[&topic, "made again", "begin anew"]);
}

pub(crate) async fn a_committed_offset_out_of_range_stops_or_follows_the_policy(kafka: &Kafka) {
    let corner = Corner::new(kafka, "range", 1).await;
    let copy = |policy: OnOutOfRange| {
        let app = corner.app();
        app.source::<Bytes>(&corner.topic("in"))
            .on_out_of_range(policy)
            .sink::<Bytes>(&corner.topic("out"));
        app
    };
    corner.write(numbers(0, 10, 5)).await;
    to_the_end(&copy(OnOutOfRange::Fail)).await.expect("copied");
    corner.write(numbers(10, 10, 5)).await;
    let partition = TopicPartition::new(corner.topic("in"), 0);
    let before = [(partition, Offset(15))];
    corner
        .admin
        .delete_records(before)
        .await
        .all()
        .expect("deleted");
    let error = why_it_stopped(&copy(OnOutOfRange::Fail)).await.to_string();
    assert_says(&error, &["offset 10", "15 to 20", "on_out_of_range"]);
    assert_eq!(corner.read("out").await.len(), 10);
    to_the_end(&copy(OnOutOfRange::Earliest))
        .await
        .expect("goes on at 15");
    assert_eq!(corner.read("out").await.len(), 15);
}

pub(crate) async fn a_partition_added_under_state_stops(kafka: &Kafka) {
    let corner = counted(kafka, "wider").await;
    let topic = corner.topic("in");
    corner
        .admin
        .create_partitions([(topic.as_str(), 3)])
        .await
        .all()
        .expect("widened");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let error = refused(&corner).await;
    assert_says(
        &error,
        &["counts-changelog", "2 partitions", "3", "application id"],
    );
}

pub(crate) async fn offsets_of_another_program_stop(kafka: &Kafka) {
    let corner = Corner::new(kafka, "foreign", 1).await;
    corner.write(numbers(0, 10, 5)).await;
    let partition = TopicPartition::new(corner.topic("in"), 0);
    let by_hand = [(partition, OffsetAndMetadata::new(Offset(3)))];
    let outside = GroupMetadata::outside(corner.name.as_str());
    corner
        .admin
        .commit_offsets(&outside, &by_hand)
        .await
        .expect("committed");
    let app = corner.app();
    count(&app, &corner);
    let error = why_it_stopped(&app).await.to_string();
    assert_says(
        &error,
        &[
            "was not committed by this kind of application",
            "another application id",
        ],
    );
}

pub(crate) async fn another_definition_of_an_operator_is_named(kafka: &Kafka) {
    let corner = counted(kafka, "redefined").await;
    let app = corner.app();
    app.source::<Text>(&corner.topic("in"))
        .by_record_key()
        .aggregate("counts", |a| a.sum(|value| value.len() as i64))
        .map(|summed| summed.value.to_string())
        .sink::<Text>(&corner.topic("out"));
    let error = why_it_stopped(&app).await;
    assert!(matches!(error, AppError::Restore(_)), "{error}");
    assert_says(&error.to_string(), &["`counts`", "different definition"]);
    assert_eq!(corner.read("out").await.len(), 200);
}

pub(crate) async fn a_bad_record_stops_with_its_place_and_commits_nothing_after_it(kafka: &Kafka) {
    let corner = Corner::new(kafka, "bad", 1).await;
    corner
        .write([("k".to_owned(), "{\"n\":1}".to_owned())])
        .await;
    let app = corner.app();
    app.source::<Json<serde_json::Value>>(&corner.topic("in"))
        .map(|value| value.to_string())
        .sink::<Text>(&corner.topic("out"));
    to_the_end(&app).await.expect("one good record");
    corner
        .write([("k".to_owned(), "{not json".to_owned())])
        .await;
    let error = why_it_stopped(&app).await;
    assert!(matches!(error, AppError::Task(_)), "{error}");
    let topic = corner.topic("in");
    assert_says(
        &error.to_string(),
        &[&format!("{topic}-0"), "offset 1", "on_bad_record"],
    );
    assert_eq!(corner.read("out").await.len(), 1);
}

pub(crate) async fn a_panic_in_user_code_is_an_error_of_its_worker(kafka: &Kafka) {
    let corner = Corner::new(kafka, "panic", 1).await;
    corner.write(numbers(0, 10, 5)).await;
    let app = corner.app();
    app.source::<Text>(&corner.topic("in"))
        .map(|value| {
            if *value == "7" {
                panic!("seven")
            } else {
                (*value).to_owned()
            }
        })
        .sink::<Text>(&corner.topic("out"));
    let error = why_it_stopped(&app).await;
    assert!(
        matches!(error, AppError::Panicked { worker: 0, .. }),
        "{error}"
    );
    assert_says(&error.to_string(), &["seven"]);
    assert_eq!(corner.read("out").await.len(), 0);
}
