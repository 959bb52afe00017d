//! Plain clients of the world: producers that write the input, readers of the output.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use thalweg::{Clock, VirtualClock};
use thalweg_client::{
    ClientConfig, Cluster, Consumer, Event, FetchedRecords, IsolationLevel, Offset, OffsetReset,
    Producer, ProducerRecord, RecordDecoder, Rng, StartAt, TopicPartition,
};
use tokio::time::sleep;

use super::checker::Written;
use super::network::{FIRST_PORT, Network};
use super::trace::Trace;

/// Records seen by a reader, by partition, in its order: offset and value.
pub type Seen = Rc<RefCell<BTreeMap<i32, Vec<(i64, String)>>>>;

/// How many keys the input has.
const KEYS: u64 = 7;
/// Between two attempts to connect.
const AGAIN: Duration = Duration::from_millis(700);

/// What every client of the world has in common.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The network.
    pub network: Network,
    /// How many brokers there are.
    pub brokers: u16,
    /// The world's time.
    pub clock: VirtualClock,
    /// The event log.
    pub trace: Trace,
}

impl Surroundings {
    /// How a client called `name` reaches the brokers.
    pub fn client(&self, name: &str, seed: u64) -> ClientConfig {
        self.through(self.network.transport(name, None), seed)
    }

    /// The same through a transport that may die.
    pub fn through(
        &self,
        transport: super::network::SimulatedTransport,
        seed: u64,
    ) -> ClientConfig {
        let servers: Vec<String> = (0..self.brokers)
            .map(|node| format!("broker:{}", FIRST_PORT + node))
            .collect();
        ClientConfig::new(servers.join(","))
            .transport(transport)
            .seed(seed)
            .request_timeout(Duration::from_secs(4))
            .default_api_timeout(Duration::from_secs(15))
    }

    async fn connect(&self, name: &str, seed: u64) -> Cluster {
        loop {
            match Cluster::connect(self.client(name, seed)).await {
                Ok(cluster) => return cluster,
                Err(error) => {
                    self.trace.note(format_args!("{name}: {error}"));
                    sleep(AGAIN).await;
                }
            }
        }
    }
}

/// `delivery.timeout.ms` of the producers.
pub const DELIVERY_TIMEOUT_MS: u64 = 20_000;

/// Writes `records` records to `in`, a few at a time, and says what became of each.
pub async fn write(
    around: Surroundings,
    name: String,
    records: u64,
    pause_max: Duration,
    mut rng: Rng,
) -> Written {
    let mut written = Written::default();
    let cluster = around.connect(&name, rng.next_u64()).await;
    let mut producer = None;
    let mut number = 0;
    while number < records {
        let producer_now = match &mut producer {
            Some(producer) => producer,
            none => none.insert(
                Producer::builder(&cluster)
                    .delivery_timeout(Duration::from_millis(DELIVERY_TIMEOUT_MS))
                    .build()
                    .expect("a producer with these settings"),
            ),
        };
        let burst = (1 + rng.below(12)).min(records - number);
        let mut tickets = Vec::new();
        for _ in 0..burst {
            let value = format!("{name}:{number}");
            number += 1;
            let key = format!("k{}", rng.below(KEYS));
            let record = ProducerRecord::to("in")
                .key(key.as_str())
                .value(value.as_str())
                .timestamp(event_time(&around.clock, &mut rng));
            match producer_now.send(record).await {
                Ok(ticket) => tickets.push((value, ticket)),
                Err(error) => {
                    around.trace.note(format_args!("{name}: {value}: {error}"));
                    written.refused.push(value);
                }
            }
        }
        let mut failed = false;
        for (value, ticket) in tickets {
            match producer_now.delivered(ticket).await {
                Ok(delivered) => {
                    let partition = delivered.partition().0;
                    written
                        .acknowledged
                        .push((value, partition, delivered.offset.0));
                }
                Err(error) => {
                    around.trace.note(format_args!("{name}: {value}: {error}"));
                    failed = true;
                    if error.is_indefinite() {
                        written.unknown.push(value);
                    } else {
                        written.refused.push(value);
                    }
                }
            }
        }
        if failed {
            producer = None;
        }
        let pause = u64::try_from(pause_max.as_millis()).unwrap_or(u64::MAX);
        sleep(Duration::from_millis(rng.below(pause))).await;
    }
    written
}

/// Mostly about now, sometimes long ago.
fn event_time(clock: &VirtualClock, rng: &mut Rng) -> i64 {
    let late = match rng.below(20) {
        0 => 8_000,
        1..=3 => 3_000,
        _ => 600,
    };
    clock.wall_ms() - i64::try_from(rng.below(late)).unwrap_or(0)
}

/// Reads all partitions of `out` as they are committed, from their start on, for ever.
pub async fn read(around: Surroundings, name: String, partitions: i32, seen: Seen, seed: u64) {
    let cluster = around.connect(&name, seed).await;
    let mut consumer = Consumer::builder(&cluster)
        .isolation_level(IsolationLevel::ReadCommitted)
        .auto_offset_reset(OffsetReset::Earliest)
        .build()
        .expect("a consumer with these settings");
    let all = (0..partitions).map(|partition| TopicPartition::new("out", partition));
    consumer
        .assign(all.map(|partition| (partition, StartAt::Earliest)))
        .expect("partitions to read");
    let mut decoder = RecordDecoder::new();
    loop {
        match consumer.recv().await {
            Ok(fetched) => note_seen(&fetched, &mut decoder, &seen),
            Err(error) => {
                around.trace.note(format_args!("{name}: {error}"));
                // An error stops its partition until it is told where to go on.
                if let Some(partition) = error.topic_partition() {
                    let next = next_after(&seen, partition.partition.0);
                    let _ = consumer.seek(partition, StartAt::Offset(Offset(next)));
                }
            }
        }
    }
}

/// Reads `out` as one of a group, which commits what it has seen, for ever.
pub async fn read_in_group(around: Surroundings, name: String, seen: Seen, seed: u64) {
    let cluster = around.connect(&name, seed).await;
    let mut consumer = Consumer::builder(&cluster)
        .group_id("readers")
        .isolation_level(IsolationLevel::ReadCommitted)
        .auto_offset_reset(OffsetReset::Earliest)
        .session_timeout(Duration::from_secs(6))
        .heartbeat_interval(Duration::from_secs(1))
        .rebalance_timeout(Duration::from_secs(10))
        .build()
        .expect("a consumer with these settings");
    consumer.subscribe(["out"]).expect("a topic to read");
    let mut decoder = RecordDecoder::new();
    let mut fetched_last = 0_u32;
    loop {
        match consumer.next_event().await {
            Ok(Event::Records(fetched)) => {
                note_seen(&fetched, &mut decoder, &seen);
                fetched_last += 1;
                // Commits now and then, so that some is read again.
                if fetched_last.is_multiple_of(3)
                    && let Err(error) = consumer.commit_fetched(&fetched).await
                {
                    around.trace.note(format_args!("{name}: {error}"));
                }
            }
            Ok(_) => {}
            Err(error) => around.trace.note(format_args!("{name}: {error}")),
        }
    }
}

fn note_seen(fetched: &FetchedRecords, decoder: &mut RecordDecoder, seen: &Seen) {
    let partition = fetched.topic_partition().partition.0;
    for batch in fetched.batches() {
        let rows = batch
            .decode(decoder)
            .expect("batches arrive as they were written");
        let mut seen = seen.borrow_mut();
        let seen = seen.entry(partition).or_default();
        for row in rows.iter() {
            let value = String::from_utf8_lossy(row.value.unwrap_or_default()).into_owned();
            seen.push((row.offset.0, value));
        }
    }
}

fn next_after(seen: &Seen, partition: i32) -> i64 {
    let seen = seen.borrow();
    let last = seen.get(&partition).and_then(|seen| seen.last());
    last.map_or(0, |(offset, _)| offset + 1)
}
