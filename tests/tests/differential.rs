//! Goal: whoever speaks to the embedded broker is answered as Kafka would.
//! Method: the same seeded requests to both, over plain sockets, and a comparison of the answers field
//! by field but for a short list. Two Kafkas compared with each other show that the list is long
//! enough, and altered answers that it is short enough.
//!
//! Every run asks by the same few seeds: a difference that nobody has seen yet should not fail a change
//! that has nothing to do with it. To look for those: `THALWEG_SEED` asks by that seed alone,
//! `THALWEG_SEEDS` by so many from there on, or from a drawn one, which is printed;
//! `THALWEG_REQUESTS` asks more of each area, `THALWEG_AREAS` only what it names, and `THALWEG_SHOWN`
//! shows more differences of each area than five.

#![allow(clippy::indexing_slicing, reason = "out of bounds is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use serde_json::{Value, json};
use thalweg_broker::EmbeddedBroker;
use thalweg_client::Rng;
use thalweg_testcontainers::{KafkaCluster, KafkaTests};
use thalweg_tests::differential::areas::AREAS;
use thalweg_tests::differential::{Alteration, Pair, Side, Tally};
use tokio::task::JoinSet;

/// Asked by in every run.
const SEEDS: [u64; 3] = [1, 2, 3];

/// How often an area that differs is asked again.
const ATTEMPTS_MORE: u32 = 2;

/// What each area asks, more or less, by each seed.
const REQUESTS: u32 = 200;

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

/// What both are told, so that no answer depends on how fast the requests come: no assignment
/// is put off, and nobody is thrown out for having been silent.
const BOTH: &[(&str, &str)] = &[
    ("group.consumer.assignment.interval.ms", "0"),
    ("group.consumer.session.timeout.ms", "60000"),
    ("group.share.assignment.interval.ms", "0"),
    ("group.streams.assignment.interval.ms", "0"),
    ("group.streams.initial.rebalance.delay.ms", "0"),
];

fn main() -> ExitCode {
    KafkaTests::new()
        .test_alone("kafka_answers_like_kafka", kafka_answers_like_kafka)
        .test_alone("an_altered_answer_is_told", an_altered_answer_is_told)
        .test_alone(
            "the_embedded_broker_answers_like_kafka",
            the_embedded_broker_answers_like_kafka,
        )
        .run()
}

/// A number that the caller may give.
fn given<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    let number = text.parse().ok();
    assert!(number.is_some(), "{name} is a number, not {text:?}");
    number
}

fn seeds() -> Vec<u64> {
    match (given::<u64>("THALWEG_SEED"), given::<u64>("THALWEG_SEEDS")) {
        (None, None) => SEEDS.to_vec(),
        (first, count) => {
            let first = first.unwrap_or_else(|| Rng::from_entropy().below(1_000_000));
            (first..first + count.unwrap_or(1)).collect()
        }
    }
}

fn embedded() -> EmbeddedBroker {
    let mut builder = EmbeddedBroker::builder().as_version("4.3");
    for (key, value) in EMBEDDED.iter().chain(BOTH) {
        builder = builder.config(*key, *value);
    }
    builder.start().expect("an embedded broker")
}

async fn kafka() -> KafkaCluster {
    let mut builder = KafkaCluster::builder();
    for (key, value) in BOTH {
        builder = builder.config(key, value);
    }
    builder.start().await.expect("a Kafka")
}

async fn kafka_answers_like_kafka() {
    let (one, other) = tokio::join!(kafka(), kafka());
    let seed = given("THALWEG_SEED").unwrap_or(SEEDS[0]);
    let addresses = (one.bootstrap_servers(), other.bootstrap_servers());
    let tally = compare(seed, REQUESTS / 2, addresses).await;
    report(&[(seed, tally)]);
}

async fn the_embedded_broker_answers_like_kafka() {
    let kafka = kafka().await;
    let embedded = embedded();
    let right = embedded.bootstrap_servers();
    let requests = given("THALWEG_REQUESTS").unwrap_or(REQUESTS);
    let mut tallies = Vec::new();
    // One after the other: all of them use the group without a name, among others.
    for seed in seeds() {
        println!("asking by the seed {seed}");
        let tally = compare(seed, requests, (kafka.bootstrap_servers(), &right)).await;
        tallies.push((seed, tally));
    }
    report(&tallies);
    for (_, tally) in tallies {
        assert!(
            tally.not_offered.is_empty(),
            "not offered: {:?}",
            tally.not_offered
        );
    }
}

/// A change of one answer, and what of it has to be reported.
type Canary = (&'static str, fn(&mut Value), &'static str);

const CANARIES: &[Canary] = &[
    (
        "ListOffsets",
        |answer| answer["topics"][0]["partitions"][0]["offset"] = json!(4711),
        "offset",
    ),
    (
        "ListOffsets",
        |answer| answer["topics"][0]["partitions"][0]["errorCode"] = json!(1),
        "errorCode",
    ),
    (
        "Produce",
        |answer| answer["responses"][0]["partitionResponses"][0]["baseOffset"] = json!(4711),
        "baseOffset",
    ),
    (
        "Fetch",
        |answer| answer["responses"] = json!([]),
        "responses",
    ),
    (
        "DescribeProducers",
        |answer| answer["topics"][0]["partitions"][0]["activeProducers"] = json!([{}]),
        "activeProducers",
    ),
    (
        "InitProducerId",
        |answer| answer["producerId"] = json!(-1),
        "producerId",
    ),
];

/// Goal: a comparison that compares nothing is noticed. Method: two embedded brokers, which give the
/// same answers, until one of them is changed.
async fn an_altered_answer_is_told() {
    let [one, other] = [embedded(), embedded()];
    let [left, right] = [one.bootstrap_servers(), other.bootstrap_servers()];
    let area = AREAS.iter().find(|area| area.name == "logs");
    let area = area.expect("the area of logs");
    let none: Canary = ("", |_| {}, "");
    let canaries = [none].into_iter().chain(CANARIES.iter().copied());
    for (number, (api, change, field)) in canaries.enumerate() {
        let mut left_until_change = 2;
        let alteration: Alteration = Box::new(move |asked, answer| {
            if asked == api {
                left_until_change -= 1;
                if left_until_change == 0 {
                    change(answer);
                }
            }
        });
        let sides = (
            Side::new("kafka", &left),
            Side::new("altered", &right).altered(alteration),
        );
        let pair = Pair::begin(area.name, format!("canary{number}"), sides.0, sides.1).await;
        let tally = (area.run)(pair, Rng::from_seed(7), 80).await.end();
        let found = tally.differences.iter();
        let found: Vec<&str> = found
            .filter(|difference| difference.call.api == api)
            .flat_map(|difference| &difference.found)
            .map(|(path, _, _)| path.as_str())
            .collect();
        match api.is_empty() {
            true => assert!(tally.differences.is_empty(), "{}", tally.differences[0]),
            false => assert!(
                found.iter().any(|path| path.contains(field)),
                "{field} of {api} was changed, and this was told: {found:?}"
            ),
        }
    }
}

/// What a broker does in the background is late on a busy machine, and then even two Kafkas differ. So
/// where an area differs it is asked the same anew: a difference is what comes back each time.
async fn compare(seed: u64, requests: u32, brokers: (&str, &str)) -> Tally {
    let mut tally = compare_all(seed, requests, brokers, 0).await;
    for attempt in 1..=ATTEMPTS_MORE {
        if tally.differences.is_empty() {
            break;
        }
        for difference in &tally.differences {
            println!("{difference}");
        }
        println!("seed {seed}: asking again");
        let again = compare_all(seed, requests, brokers, attempt).await;
        let areas: BTreeSet<&str> = tally.differences.iter().map(|found| found.area).collect();
        tally.differences = again.differences;
        tally.differences.retain(|found| areas.contains(found.area));
    }
    tally
}

async fn compare_all(seed: u64, requests: u32, (left, right): (&str, &str), attempt: u32) -> Tally {
    let only = std::env::var("THALWEG_AREAS").unwrap_or_default();
    let mut running = JoinSet::new();
    for area in AREAS
        .iter()
        .filter(|area| only.is_empty() || only.contains(area.name))
    {
        let sides = (Side::new("kafka", left), Side::new("other", right));
        let rng = Rng::from_seed(seed).fork(area.name);
        let prefix = format!("{}-{seed}-{attempt}", area.name);
        running.spawn(async move {
            let pair = Pair::begin(area.name, prefix, sides.0, sides.1).await;
            (area.run)(pair, rng, requests).await.end()
        });
    }
    let mut tally = Tally::default();
    while let Some(area) = running.join_next().await {
        tally.add(area.expect("an area to the end"));
    }
    tally
}

/// Shows what was compared and what differs.
///
/// # Panics
/// Anything differs, or nothing was compared.
fn report(tallies: &[(u64, Tally)]) {
    let at_most: usize = given("THALWEG_SHOWN").unwrap_or(5);
    let mut differing = Vec::new();
    for (seed, tally) in tallies {
        println!(
            "{} requests compared, seed {seed}: {:?}",
            tally.total(),
            tally.requests
        );
        let mut shown = BTreeMap::<&str, usize>::new();
        for difference in &tally.differences {
            let shown = shown.entry(difference.area).or_default();
            *shown += 1;
            if *shown <= at_most {
                // What comes later may only follow from it.
                println!("{difference}");
            }
        }
        println!("seed {seed}, differences by area: {shown:?}");
        assert!(tally.total() > 0, "no area was asked about");
        if !tally.differences.is_empty() {
            differing.push((seed, tally.differences.len()));
        }
    }
    assert!(
        differing.is_empty(),
        "seeds whose answers differ, and how many: {differing:?}"
    );
}
