//! What can be seen of an app that does not get on: its health says why, and its watermarks say what
//! holds them back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use thalweg::{App, Handle, Health, HeldBack, MemoryStorage, Text, Tumbling, secs};
use thalweg_client::{
    Admin, ClientConfig, Cluster, NewTopic, Producer, ProducerRecord, TransactionalProducer,
};
use thalweg_tests::brokers::Kafka;

use crate::support::{Corner, PATIENCE, numbers, stop};

fn copy(corner: &Corner) -> App {
    let app = corner.app();
    app.source::<Text>(&corner.topic("in"))
        .map(|text| (*text).to_owned())
        .sink::<Text>(&corner.topic("out"));
    app
}

/// Waits until the app is stalled, and gives the reason in which `part` is.
async fn stalled_by(running: &Handle, part: &str) -> String {
    let waiting = async {
        loop {
            if let Health::Stalled { reason } = running.status().health
                && reason.contains(part)
            {
                return reason;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("no {part:?} in {:?}", running.status()))
}

async fn well_again(running: &Handle) {
    let waiting = async {
        while running.status().health != Health::Running {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("{:?}", running.status()));
}

/// Waits until some input of some task is where it is for the reason that `is_it` accepts.
async fn held_back(running: &Handle, is_it: impl Fn(&str, &HeldBack) -> bool) -> String {
    let waiting = async {
        loop {
            for task in running.explain_watermark() {
                let input = task.held_back_by();
                if input.is_some_and(|input| is_it(&task.task, &input.held_back)) {
                    return task.to_string();
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("{:#?}", running.explain_watermark()))
}

pub(crate) async fn an_open_transaction_before_the_input_is_named_with_its_producer(kafka: &Kafka) {
    let corner = Corner::new(kafka, "foreign", 1).await;
    corner.write(numbers(0, 3, 1)).await;
    let running = copy(&corner).start().await.expect("started");
    corner.read_at_least("out", 3).await;
    let mut other = TransactionalProducer::builder(&corner.cluster)
        .transaction_timeout(Duration::from_secs(60))
        .build_transactional(format!("{}-other", corner.name))
        .expect("a producer");
    other.init().await.expect("an epoch");
    let topic = corner.topic("in");
    let record = ProducerRecord::to(topic.as_str()).key("k").value("3");
    other.send(record).await.expect("sent");
    other.flush().await.expect("written");
    // Behind it, and hidden by it.
    corner.write(numbers(4, 1, 1)).await;

    let line = held_back(&running, |_, why| {
        matches!(why, HeldBack::OpenTransaction { from_offset: 3 })
    })
    .await;
    assert!(line.contains("offset 3"), "{line}");
    let reason = stalled_by(&running, "producer").await;
    for part in [&format!("{topic}-0"), "since offset 3", "epoch 0"] {
        assert!(reason.contains(part), "{part:?} is missing in: {reason}");
    }
    other.commit().await.expect("committed");
    corner.read_at_least("out", 5).await;
    well_again(&running).await;
    stop(running).await;
}

pub(crate) async fn a_worker_stuck_in_user_code_shows_although_it_cannot_say_so(kafka: &Kafka) {
    let corner = Corner::new(kafka, "stuck", 1).await;
    let app = corner.app();
    app.source::<Text>(&corner.topic("in"))
        .map(|text| {
            if *text == "5" {
                std::thread::park_timeout(Duration::from_secs(14));
            }
            (*text).to_owned()
        })
        .sink::<Text>(&corner.topic("out"));
    corner.write(numbers(0, 10, 1)).await;
    let running = app.start().await.expect("started");
    let reason = stalled_by(&running, "program's code").await;
    assert!(reason.contains("task 0_0"), "{reason}");
    assert_eq!(corner.read_at_least("out", 10).await.len(), 10);
    well_again(&running).await;
    stop(running).await;
}

pub(crate) async fn an_input_nothing_came_from_holds_everything_behind_it_back(kafka: &Kafka) {
    let corner = Corner::new(kafka, "silent", 2).await;
    let app = corner.app();
    app.source::<Text>(&corner.topic("in"))
        .key_by("by", |text| (*text).to_owned())
        .partitions(1)
        .window(Tumbling::of(secs(5)))
        .aggregate("counts", |a| a.count())
        .map(|count| count.value.to_string())
        .sink::<Text>(&corner.topic("out"));
    // One key, one partition.
    corner.write(numbers(0, 5, 1)).await;
    let running = app.start().await.expect("started");
    let silent = held_back(&running, |task, why| {
        task.starts_with("0_") && *why == HeldBack::NoRecordYet
    })
    .await;
    let partition: i32 = silent
        .strip_prefix("task 0_")
        .and_then(|rest| rest.split(':').next()?.parse().ok())
        .expect("it names its task");
    let behind = held_back(&running, |task, why| {
        task == "1_0"
            && *why
                == HeldBack::Upstream {
                    partition,
                    heard: false,
                }
    })
    .await;
    assert!(behind.contains("no watermark"), "{behind}");
    stop(running).await;
}

pub(crate) async fn a_broker_that_does_not_answer_is_a_stall_and_then_over(kafka: &Kafka) {
    // Of its own, as it is frozen.
    let cluster = kafka.which().builder().start().await;
    let servers = cluster.bootstrap_servers().to_owned();
    let client = Cluster::connect(ClientConfig::new(servers.clone())).await;
    let client = client.expect("a cluster");
    let topics = ["in", "out"].map(|topic| NewTopic::new(topic, 1));
    let created = Admin::new(&client).create_topics(topics).await;
    created.all().expect("topics");
    let mut producer = Producer::builder(&client).build().expect("a producer");
    for i in 0..200 {
        let value = i.to_string();
        let record = ProducerRecord::to("in").value(value.as_str());
        producer.send(record).await.expect("sent");
    }
    producer.flush().await.expect("written");
    let app = App::new("frozen")
        .bootstrap_servers(servers)
        .storage(MemoryStorage::new());
    // Slow enough to have something to commit when the broker is frozen.
    let copied = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&copied);
    app.source::<Text>("in")
        .map(move |text| {
            count.fetch_add(1, Ordering::Relaxed);
            std::thread::park_timeout(Duration::from_millis(20));
            (*text).to_owned()
        })
        .sink::<Text>("out");
    let running = app.start().await.expect("started");
    while copied.load(Ordering::Relaxed) < 10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let broker = cluster.broker_ids()[0];
    cluster.pause(broker);
    let reason = stalled_by(&running, "a commit has been under way").await;
    assert!(reason.contains("does not answer"), "{reason}");
    cluster.resume(broker);
    well_again(&running).await;
    let committed = async {
        while running.metrics().lag() > 0 || running.metrics().commits() == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, committed)
        .await
        .expect("it goes on");
    stop(running).await;
}
