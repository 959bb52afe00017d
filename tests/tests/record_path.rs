//! Goal: between the socket and the accumulator nothing is allocated per record. Method: an app on
//! a real Kafka, its workers and all tasks of its client on one thread whose allocations are
//! counted, reads records of fixed binary form and adds them up in windows. What it allocates for
//! batches, fetches and commits is far less than once for every hundred records; an app whose
//! closure allocates shows that the count would see it.

#![allow(clippy::indexing_slicing, reason = "out of bounds is a failed test")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use thalweg::{App, Bytes, MemoryStorage, Tumbling, Watermark, secs};
use thalweg_client::{
    Admin, ClientConfig, Cluster, NewTopic, Producer, ProducerRecord, TokioSpawner,
};
use thalweg_tests::brokers::{Kafka, Tests};

/// Records before the count begins: buffers, tables and pools have their sizes by then.
const WARM: u64 = 400_000;
/// Records that are counted over.
const COUNTED: u64 = 400_000;
/// Left over, so that the end of the input is not reached.
const REST: u64 = 200_000;
const KEYS: u64 = 500;
/// How long an app may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Allocations per record that batches, fetches, commits and ticks may come to.
const ALLOCATIONS_PER_RECORD_MAX: f64 = 0.01;

fn main() -> ExitCode {
    Tests::new()
        .test(
            "nothing_is_allocated_per_record_from_socket_to_accumulator",
            async |kafka| {
                let topic = fixed_binary_topic(&kafka).await;
                let sound = allocations_per_record(&kafka, &topic, false);
                println!("{sound:.5} allocations per record");
                assert!(sound <= ALLOCATIONS_PER_RECORD_MAX, "{sound}");
                let canary = allocations_per_record(&kafka, &topic, true);
                assert!(canary >= 1.0, "an allocation in user code: {canary}");
            },
        )
        .run()
}

/// Records of sixteen bytes: a key and a number.
async fn fixed_binary_topic(kafka: &Kafka) -> String {
    let cluster = Cluster::connect(ClientConfig::new(kafka.bootstrap_servers()))
        .await
        .expect("a cluster");
    let topic = kafka.unique_name("fixed-binary");
    let wanted = [topic.clone(), rows_topic(&topic)]
        .map(|name| NewTopic::new(name, 1).config("retention.ms", "-1"));
    let made = Admin::new(&cluster).create_topics(wanted).await;
    made.all().expect("topics");
    let mut producer = Producer::builder(&cluster)
        .batch_bytes(64 << 10)
        .build()
        .expect("a producer");
    for number in 0..WARM + COUNTED + REST {
        let mut value = [0; 16];
        value[..8].copy_from_slice(&(number % KEYS).to_le_bytes());
        value[8..].copy_from_slice(&number.to_le_bytes());
        let time = 1_700_000_000_000 + i64::try_from(number / 100).expect("small");
        let record = ProducerRecord::to(topic.as_str())
            .value(value.as_slice())
            .timestamp(time);
        producer.send(record).await.expect("sent");
    }
    producer.flush().await.expect("written");
    topic
}

fn rows_topic(topic: &str) -> String {
    format!("{topic}-rows")
}

fn word(bytes: &[u8], index: usize) -> u64 {
    let word = bytes.get(index * 8..).and_then(|rest| rest.first_chunk());
    word.map_or(0, |word| u64::from_le_bytes(*word))
}

/// Runs the app on a thread of its own until it has processed the records to be counted over.
fn allocations_per_record(kafka: &Kafka, topic: &str, allocating: bool) -> f64 {
    let servers = kafka.bootstrap_servers().to_owned();
    let name = kafka.unique_name("record-path");
    let topic = topic.to_owned();
    let thread = std::thread::spawn(move || {
        let seen = Arc::new(AtomicU64::new(0));
        let app = program(&name, &servers, &topic, Arc::clone(&seen), allocating);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let spawner = TokioSpawner::new(runtime.handle().clone());
        let started = runtime.block_on(app.start_local(spawner));
        let (handle, mut workers) = started.expect("started");
        let mut until = |count: u64| {
            let reached = async {
                while seen.load(Ordering::Relaxed) < count {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            runtime.block_on(async {
                tokio::select! {
                    () = &mut workers => panic!("the app ended"),
                    reached = tokio::time::timeout(PATIENCE, reached) => {
                        reached.expect("it gets there");
                    }
                }
            });
        };
        until(WARM);
        let before = seen.load(Ordering::Relaxed);
        // Nothing of the app runs between two calls of `until`.
        let allocated = allocation_counter::measure(|| until(before + COUNTED));
        let counted = seen.load(Ordering::Relaxed) - before;
        drop(handle);
        allocated.count_total as f64 / counted as f64
    });
    thread.join().expect("the app's thread")
}

fn program(name: &str, servers: &str, topic: &str, seen: Arc<AtomicU64>, allocating: bool) -> App {
    let app = App::new(name)
        .bootstrap_servers(servers)
        .storage(MemoryStorage::new());
    app.source::<Bytes>(topic)
        .watermark(Watermark::ascending())
        .filter(move |value| {
            seen.fetch_add(1, Ordering::Relaxed);
            !allocating || !black_box(value.to_vec()).is_empty()
        })
        .key_by("key", |value| word(value, 0))
        .already_partitioned()
        .window(Tumbling::of(secs(10)))
        .aggregate("sums", |a| (a.count(), a.sum(|value| word(value, 1))))
        .map(|window| format!("{} {:?}", window.key, window.value))
        .sink::<Bytes>(&rows_topic(topic));
    app
}
