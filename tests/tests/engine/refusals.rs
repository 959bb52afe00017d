//! Records that a topic or its broker does not take: each sink's policy decides about just them,
//! whether it is seen before they are sent or only the broker finds out.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg::{App, Guarantee, Handle, OnSinkError, Text};
use thalweg_client::{ConfigChange, ConfigResource, NewTopic};
use thalweg_tests::brokers::Kafka;

use crate::support::{Corner, PATIENCE, Seen, stop, to_the_end, why_it_stopped};

/// Copies text; what begins with "old" gets a timestamp of 1970.
fn copy(corner: &Corner, to: &str, on_error: OnSinkError) -> App {
    let app = corner.app();
    app.source::<Text>(&corner.topic("in"))
        .to(&corner.topic(to))
        .timestamp(|value| value.starts_with("old").then_some(1_000_i64))
        .on_error(on_error)
        .write::<Text>();
    app
}

fn dead_letters(corner: &Corner) -> OnSinkError {
    OnSinkError::DeadLetter(corner.topic("dead"))
}

/// A corner with a topic `narrow` of that configuration and a topic `dead`.
async fn corner(kafka: &Kafka, prefix: &str, configs: &[(&'static str, &str)]) -> Corner {
    let corner = Corner::new(kafka, prefix, 1).await;
    corner.create(&["dead"], 1).await;
    let mut narrow = NewTopic::new(corner.topic("narrow"), 1);
    for (key, value) in configs {
        narrow = narrow.config(*key, *value);
    }
    corner
        .admin
        .create_topics([narrow])
        .await
        .all()
        .expect("a topic");
    // Brokers learn of it a moment later; the app does not wait for it.
    let narrow = corner.topic("narrow");
    let described = corner.admin.describe_topics([narrow.as_str()]).await;
    described.all().expect("it is there");
    corner
}

async fn configure(corner: &Corner, key: &str, value: &str) {
    let change = ConfigChange::Set(value.to_owned());
    let changes = BTreeMap::from([(key.to_owned(), change)]);
    let topic = ConfigResource::topic(corner.topic("narrow"));
    let altered = corner
        .admin
        .incremental_alter_configs([(topic, changes)])
        .await;
    altered.all().expect("configured");
    // Brokers follow their controller, in milliseconds or, when there is much to do, in seconds.
    let is_set = async || {
        let topic = ConfigResource::topic(corner.topic("narrow"));
        let described = corner.admin.describe_configs([topic]).await;
        let configs = described.all().expect("a configuration");
        configs
            .values()
            .all(|configs| configs.get(key).and_then(|entry| entry.value.as_deref()) == Some(value))
    };
    while !is_set().await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
}

fn values(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|seen| seen.value.clone()).collect()
}

async fn write(corner: &Corner, values: &[&str]) {
    let records = values
        .iter()
        .map(|value| ("k".to_owned(), (*value).to_owned()));
    corner.write(records).await;
}

fn assert_says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is missing in: {error}");
    }
}

pub(crate) async fn a_record_larger_than_its_topic_takes_follows_the_policy(kafka: &Kafka) {
    let corner = corner(kafka, "large", &[("max.message.bytes", "2000")]).await;
    let large = "x".repeat(3_000);
    // More than fits one batch of that topic.
    let small: Vec<String> = (0..50).map(|i| format!("{i}{}", "y".repeat(100))).collect();
    let mut all: Vec<&str> = small.iter().map(String::as_str).collect();
    all.insert(25, &large);
    write(&corner, &all).await;

    let error = why_it_stopped(&copy(&corner, "narrow", OnSinkError::Fail)).await;
    assert_says(
        &error.to_string(),
        &[&corner.topic("narrow"), "2000", "max.message.bytes"],
    );
    assert_eq!(corner.read("narrow").await, [], "nothing half-committed");

    to_the_end(&copy(&corner, "narrow", dead_letters(&corner)))
        .await
        .expect("copied");
    assert_eq!(values(&corner.read("narrow").await), small);
    let dead = corner.read("dead").await;
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].key.as_str(), dead[0].value.as_str()), ("k", ""));

    write(&corner, &[&large, "after"]).await;
    to_the_end(&copy(&corner, "narrow", OnSinkError::SkipAndCount))
        .await
        .expect("copied");
    assert_eq!(values(&corner.read("narrow").await)[50..], ["after"]);
    assert_eq!(corner.read("dead").await.len(), 1);
}

/// An app that copies to `narrow` and has copied what was there.
async fn running(corner: &Corner, app: &App) -> Handle {
    write(corner, &["first"]).await;
    let running = app.start().await.expect("started");
    let before = corner.read_at_least("narrow", 1).await;
    assert_eq!(values(&before), ["first"]);
    running
}

/// Waits for something that a running app is to do; says how the app is if it does not.
async fn done_by<T>(running: &Handle, what: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        ended = running.wait() => panic!("it has ended: {ended:?}"),
        done = tokio::time::timeout(PATIENCE * 3 / 4, what) => done.unwrap_or_else(|_| {
            panic!("{:?}, {:#?}", running.status(), running.metrics())
        }),
    }
}

async fn ends_by(running: Handle) -> String {
    let ended = tokio::time::timeout(PATIENCE, running.wait()).await;
    let error = ended.expect("it stops by itself").expect_err("by an error");
    error.to_string()
}

pub(crate) async fn a_limit_lowered_while_it_runs_leaves_out_just_what_is_too_large(kafka: &Kafka) {
    for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce] {
        let corner = corner(kafka, "lowered", &[]).await;
        let app = copy(&corner, "narrow", dead_letters(&corner)).guarantee(guarantee);
        let app_running = running(&corner, &app).await;
        configure(&corner, "max.message.bytes", "2000").await;
        let large = "x".repeat(3_000);
        let small: Vec<String> = (0..50).map(|i| format!("{i}{}", "y".repeat(100))).collect();
        let mut all: Vec<&str> = small.iter().map(String::as_str).collect();
        all.insert(25, &large);
        write(&corner, &all).await;
        done_by(&app_running, corner.read_at_least("dead", 1)).await;
        let seen = done_by(&app_running, corner.read_at_least("narrow", 51)).await;
        let mut seen = values(&seen);
        stop(app_running).await;
        if guarantee == Guarantee::AtLeastOnce {
            // What was sent beside the refused record is there twice.
            let mut known = std::collections::BTreeSet::new();
            seen.retain(|value| known.insert(value.clone()));
        }
        assert_eq!(seen[0], "first");
        assert_eq!(seen[1..], small, "{guarantee:?}");
    }
}

pub(crate) async fn a_limit_lowered_while_it_runs_stops_a_strict_sink(kafka: &Kafka) {
    let corner = corner(kafka, "strict", &[]).await;
    let app_running = running(&corner, &copy(&corner, "narrow", OnSinkError::Fail)).await;
    configure(&corner, "max.message.bytes", "2000").await;
    write(&corner, &["small", &"x".repeat(3_000)]).await;
    let error = ends_by(app_running).await;
    assert_says(
        &error,
        &[
            &corner.topic("narrow"),
            "partition 0",
            "too large",
            "max.message.bytes",
        ],
    );
    assert_eq!(values(&corner.read("narrow").await), ["first"]);
}

pub(crate) async fn a_timestamp_the_broker_refuses_follows_the_policy(kafka: &Kafka) {
    let limit = ("message.timestamp.before.max.ms", "3600000");
    let corner = corner(kafka, "old", &[limit]).await;
    write(&corner, &["one", "old a", "two", "old b", "three"]).await;

    let error = why_it_stopped(&copy(&corner, "narrow", OnSinkError::Fail)).await;
    assert_says(
        &error.to_string(),
        &[
            &corner.topic("narrow"),
            "partition 0",
            "INVALID_TIMESTAMP",
            "message.timestamp.before.max.ms",
        ],
    );
    assert_eq!(corner.read("narrow").await, [], "nothing half-committed");

    let app = copy(&corner, "narrow", dead_letters(&corner));
    let app_running = app.start().await.expect("started");
    assert_eq!(
        values(&corner.read_at_least("dead", 2).await),
        ["old a", "old b"]
    );
    assert_eq!(
        values(&corner.read_at_least("narrow", 3).await),
        ["one", "two", "three"]
    );
    // Known by now, so nothing is aborted for it.
    let aborts = || app_running.metrics().workers[0].aborts;
    let before = aborts();
    assert!(before > 0, "the broker was the first to find out");
    write(&corner, &["old c", "four"]).await;
    assert_eq!(corner.read_at_least("dead", 3).await.len(), 3);
    assert_eq!(corner.read_at_least("narrow", 4).await.len(), 4);
    assert_eq!(aborts(), before);
    stop(app_running).await;

    write(&corner, &["old d", "five"]).await;
    to_the_end(&copy(&corner, "narrow", OnSinkError::SkipAndCount))
        .await
        .expect("copied");
    let all = values(&corner.read("narrow").await);
    assert_eq!(all, ["one", "two", "three", "four", "five"]);
    assert_eq!(corner.read("dead").await.len(), 3);
}

pub(crate) async fn records_refused_one_by_one_are_left_out_one_by_one(kafka: &Kafka) {
    let corner = corner(kafka, "keyless", &[]).await;
    let app = corner.app();
    app.source::<Text>(&corner.topic("in"))
        .to(&corner.topic("narrow"))
        .key(|value| (!value.starts_with("keyless")).then(|| (*value).to_owned()))
        .on_error(dead_letters(&corner))
        .write::<Text>();
    let app_running = running(&corner, &app).await;
    configure(&corner, "cleanup.policy", "compact").await;
    let mixed: Vec<String> = (0..40)
        .map(|i| match i % 4 {
            0 => format!("keyless {i}"),
            _ => i.to_string(),
        })
        .collect();
    write(
        &corner,
        &mixed.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
    let kept = done_by(&app_running, corner.read_at_least("narrow", 31)).await;
    let dead = done_by(&app_running, corner.read_at_least("dead", 10)).await;
    let (kept, dead) = (values(&kept), values(&dead));
    stop(app_running).await;
    let of = |keyless| {
        let records = mixed
            .iter()
            .filter(move |value| value.starts_with("keyless") == keyless);
        records.cloned().collect::<Vec<_>>()
    };
    assert_eq!(kept[1..], of(false));
    assert_eq!(dead, of(true));
}
