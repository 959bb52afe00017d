//! Goal: whoever speaks to the embedded broker is answered as Kafka would.
//! Method: the same seeded requests to both, over plain sockets, and a comparison of the answers field
//! by field but for a short list. Two Kafkas compared with each other show that the list is long
//! enough, and altered answers that it is short enough.

use std::collections::BTreeMap;
use std::process::ExitCode;

use thalweg_broker::EmbeddedBroker;
use thalweg_client::Rng;
use thalweg_testcontainers::{KafkaCluster, KafkaTests};
use thalweg_tests::differential::areas::AREAS;
use thalweg_tests::differential::{Pair, Side, Tally};

fn main() -> ExitCode {
    KafkaTests::new()
        .test_alone("kafka_answers_like_kafka", kafka_answers_like_kafka)
        .test_alone(
            "the_embedded_broker_answers_like_kafka",
            the_embedded_broker_answers_like_kafka,
        )
        .run()
}

/// What the test brokers of `thalweg-testcontainers` have otherwise than Kafka's defaults, where it
/// shows in an answer.
const EMBEDDED: &[(&str, &str)] = &[
    ("auto.create.topics.enable", "false"),
    ("min.insync.replicas", "1"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.num.partitions", "4"),
    ("log.segment.delete.delay.ms", "1000"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    ("group.consumer.min.session.timeout.ms", "6000"),
    ("group.consumer.session.timeout.ms", "6000"),
    ("group.consumer.min.heartbeat.interval.ms", "1000"),
    ("group.consumer.heartbeat.interval.ms", "1000"),
];

/// `THALWEG_SEED` repeats a run.
fn seed() -> u64 {
    match std::env::var("THALWEG_SEED") {
        Ok(seed) => seed.parse().expect("THALWEG_SEED is a number"),
        Err(_) => Rng::from_entropy().next_u64() % 1_000_000,
    }
}

async fn kafka_answers_like_kafka() {
    let (one, other) = tokio::join!(
        KafkaCluster::builder().start(),
        KafkaCluster::builder().start()
    );
    let (one, other) = (one.expect("a Kafka"), other.expect("a Kafka"));
    let seed = seed();
    let tally = compare_all(
        seed,
        300,
        one.bootstrap_servers(),
        other.bootstrap_servers(),
    )
    .await;
    report(seed, &tally);
}

async fn the_embedded_broker_answers_like_kafka() {
    let kafka = KafkaCluster::builder().start().await.expect("a Kafka");
    let mut builder = EmbeddedBroker::builder().as_version("4.3");
    for (key, value) in EMBEDDED {
        builder = builder.config(*key, *value);
    }
    let embedded = builder.start().expect("an embedded broker");
    let seed = seed();
    let tally = compare_all(
        seed,
        300,
        kafka.bootstrap_servers(),
        &embedded.bootstrap_servers(),
    )
    .await;
    report(seed, &tally);
}

async fn compare_all(seed: u64, requests: u32, left: &str, right: &str) -> Tally {
    let only = std::env::var("THALWEG_AREAS").unwrap_or_default();
    let mut running = tokio::task::JoinSet::new();
    for area in AREAS
        .iter()
        .filter(|area| only.is_empty() || only.contains(area.name))
    {
        let sides = (Side::new("kafka", left), Side::new("other", right));
        let rng = Rng::from_seed(seed).fork(area.name);
        let prefix = format!("{}-{seed}", area.name);
        running.spawn(async move {
            let pair = Pair::begin(area.name, prefix, sides.0, sides.1).await;
            let began = tokio::time::Instant::now();
            let tally = (area.run)(pair, rng, requests).await.end();
            println!("{} took {:?}", area.name, began.elapsed());
            tally
        });
    }
    let mut tally = Tally::default();
    while let Some(area) = running.join_next().await {
        tally.add(area.expect("an area to the end"));
    }
    tally
}

fn report(seed: u64, tally: &Tally) {
    println!(
        "{} requests compared, seed {seed}: {:?}",
        tally.total(),
        tally.requests
    );
    println!("not offered: {:?}", tally.not_offered);
    let mut shown = BTreeMap::<&str, usize>::new();
    let at_most: usize = std::env::var("THALWEG_SHOWN").map_or(5, |n| n.parse().expect("a number"));
    for difference in &tally.differences {
        let shown = shown.entry(difference.area).or_default();
        *shown += 1;
        if *shown <= at_most {
            // What comes later may only follow from it.
            println!("{difference}");
        }
    }
    println!("differences by area: {shown:?}");
    assert!(
        tally.differences.is_empty(),
        "seed {seed}: {} answers differ",
        tally.differences.len()
    );
}
