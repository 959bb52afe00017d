//! The peer: the tumbling job of the bids benchmark as one would write it by hand today, with
//! librdkafka, serde_json and hashbrown, on one thread.
//!
//! It reads to the end offsets seen at its start, keeps the open windows of each partition in
//! hash tables, and writes what closes, with its input offsets, in a Kafka transaction every
//! `--commit-interval-ms`. Its windows live in memory only: after a restart it would count
//! them from where it had committed, which the engine's job does not get wrong.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use clap::Parser;
use hashbrown::HashMap;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

#[path = "../../../engine/examples/nexmark/meter.rs"]
mod meter;

const WINDOW_MS: i64 = 10_000;
const PATIENCE: Duration = Duration::from_secs(60);
/// How many records are taken between two looks at the clock.
const RECORDS_PER_LOOK: u64 = 256;

/// The tumbling job on librdkafka, to compare with.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where Kafka is.
    #[arg(long)]
    bootstrap_servers: String,
    /// The topic of bids.
    #[arg(long)]
    input: String,
    /// The topic for the rows; it must exist.
    #[arg(long)]
    output: String,
    /// Group and transactional id.
    #[arg(long)]
    application_id: String,
    /// How often a transaction is committed.
    #[arg(long, default_value_t = 100)]
    commit_interval_ms: u64,
}

#[derive(Deserialize)]
struct Bid {
    auction: u64,
    price: u64,
    #[serde(rename = "dateTime")]
    date_time: i64,
}

#[derive(Serialize)]
struct Row {
    auction: u64,
    #[serde(rename = "windowStart")]
    window_start: i64,
    #[serde(rename = "windowEnd")]
    window_end: i64,
    count: u64,
    #[serde(rename = "maxPrice")]
    max_price: u64,
}

/// One partition: its event time, its open windows, and how far it has been read.
struct Partition {
    event_time: i64,
    /// By start; for each auction count and highest price.
    windows: BTreeMap<i64, HashMap<u64, (u64, u64)>>,
    next_offset: i64,
    end_offset: i64,
}

struct Job {
    arguments: Arguments,
    consumer: BaseConsumer,
    producer: BaseProducer,
    partitions: BTreeMap<i32, Partition>,
    in_transaction: bool,
    key: String,
    value: Vec<u8>,
}

impl Job {
    fn new(arguments: Arguments) -> Result<Self, Box<dyn Error>> {
        let base = || {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", &arguments.bootstrap_servers);
            config
        };
        let consumer: BaseConsumer = base()
            .set("group.id", &arguments.application_id)
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .create()?;
        let producer: BaseProducer = base()
            .set("transactional.id", &arguments.application_id)
            .create()?;
        producer.init_transactions(PATIENCE)?;
        Ok(Self {
            arguments,
            consumer,
            producer,
            partitions: BTreeMap::new(),
            in_transaction: false,
            key: String::new(),
            value: Vec::new(),
        })
    }

    fn assign(&mut self) -> Result<(), Box<dyn Error>> {
        let input = &self.arguments.input;
        let metadata = self.consumer.fetch_metadata(Some(input), PATIENCE)?;
        let topic = metadata.topics().first().ok_or("no such topic")?;
        let mut wanted = TopicPartitionList::new();
        for partition in topic.partitions() {
            wanted.add_partition(input, partition.id());
        }
        let committed = self.consumer.committed_offsets(wanted, PATIENCE)?;
        let mut assigned = TopicPartitionList::new();
        for element in committed.elements() {
            let id = element.partition();
            let (low, end_offset) = self.consumer.fetch_watermarks(input, id, PATIENCE)?;
            let next_offset = element.offset().to_raw().filter(|o| *o >= 0).unwrap_or(low);
            assigned.add_partition_offset(input, id, Offset::Offset(next_offset))?;
            let windows = BTreeMap::new();
            let partition = Partition {
                event_time: i64::MIN,
                windows,
                next_offset,
                end_offset,
            };
            self.partitions.insert(id, partition);
        }
        Ok(self.consumer.assign(&assigned)?)
    }

    fn run(&mut self) -> Result<(), Box<dyn Error>> {
        let (mut first, mut records) = (None, 0_u64);
        let mut committed_at = monotonic();
        while self
            .partitions
            .values()
            .any(|p| p.next_offset < p.end_offset)
        {
            for _ in 0..RECORDS_PER_LOOK {
                let Some(message) = self.consumer.poll(Duration::from_millis(10)) else {
                    break;
                };
                let message = message?;
                first.get_or_insert_with(meter::first);
                records += 1;
                let partition = self
                    .partitions
                    .get_mut(&message.partition())
                    .ok_or("partition")?;
                if message.offset() >= partition.end_offset {
                    continue;
                }
                let bid: Bid = serde_json::from_slice(message.payload().ok_or("no value")?)?;
                let start = bid.date_time - bid.date_time.rem_euclid(WINDOW_MS);
                let tally = partition.windows.entry(start).or_default();
                let (count, max_price) = tally.entry(bid.auction).or_default();
                *count += 1;
                *max_price = bid.price.max(*max_price);
                partition.next_offset = message.offset() + 1;
                if bid.date_time > partition.event_time {
                    partition.event_time = bid.date_time;
                    let id = message.partition();
                    drop(message);
                    self.close_windows(id)?;
                }
            }
            self.producer.poll(Duration::ZERO);
            if monotonic() - committed_at
                >= Duration::from_millis(self.arguments.commit_interval_ms)
            {
                self.commit()?;
                committed_at = monotonic();
            }
        }
        self.commit()?;
        meter::done(&first.ok_or("the topic has no records")?, records);
        Ok(())
    }

    fn close_windows(&mut self, id: i32) -> Result<(), Box<dyn Error>> {
        let partition = self.partitions.get_mut(&id).ok_or("partition")?;
        while let Some(oldest) = partition.windows.first_entry() {
            if oldest.key() + WINDOW_MS > partition.event_time {
                break;
            }
            let (start, tallies) = oldest.remove_entry();
            if !self.in_transaction {
                self.producer.begin_transaction()?;
                self.in_transaction = true;
            }
            for (auction, (count, max_price)) in tallies {
                let window_end = start + WINDOW_MS;
                let row = Row {
                    auction,
                    window_start: start,
                    window_end,
                    count,
                    max_price,
                };
                self.value.clear();
                serde_json::to_writer(&mut self.value, &row)?;
                self.key.clear();
                std::fmt::Write::write_fmt(&mut self.key, format_args!("{auction}"))?;
                let mut record = BaseRecord::to(&self.arguments.output)
                    .key(&self.key)
                    .payload(&self.value)
                    .timestamp(window_end - 1);
                while let Err((error, unsent)) = self.producer.send(record) {
                    let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
                    if error != full {
                        return Err(error.into());
                    }
                    self.producer.poll(Duration::from_millis(1));
                    record = unsent;
                }
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Box<dyn Error>> {
        if !self.in_transaction {
            self.producer.begin_transaction()?;
        }
        let mut offsets = TopicPartitionList::new();
        for (id, partition) in &self.partitions {
            let next = Offset::Offset(partition.next_offset);
            offsets.add_partition_offset(&self.arguments.input, *id, next)?;
        }
        let group = self.consumer.group_metadata().ok_or("no group")?;
        self.producer
            .send_offsets_to_transaction(&offsets, &group, PATIENCE)?;
        self.producer.commit_transaction(PATIENCE)?;
        self.in_transaction = false;
        Ok(())
    }
}

fn monotonic() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut job = Job::new(Arguments::parse())?;
    job.assign()?;
    job.run()
}
