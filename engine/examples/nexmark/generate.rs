//! `nexmark generate`: writes the bids into a topic.

use std::error::Error;

use clap::{Args, ValueEnum};
use thalweg_client::{
    Admin, CallError, ClientConfig, Cluster, Compression, ErrorCode, IsolationLevel, NewTopic,
    OffsetSpec, Producer, ProducerRecord, SendError, TopicPartition,
};

use crate::bids::Bid;
use crate::progress;

/// What to write, and where.
#[derive(Debug, Clone, Args)]
pub(crate) struct GenerateArguments {
    /// Addresses of brokers, host:port, separated by commas.
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) bootstrap_servers: String,
    /// The topic for the bids; created if it does not exist.
    #[arg(long, default_value = "bids")]
    pub(crate) topic: String,
    /// How many bids.
    #[arg(long)]
    pub(crate) events: u64,
    /// Another seed makes other bids.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Partitions of the topic, if it is created.
    #[arg(long, default_value_t = 4)]
    pub(crate) partitions: i32,
    /// How batches are compressed.
    #[arg(long, value_enum, default_value_t = Codec::None)]
    pub(crate) compression: Codec,
}

/// The codecs of Kafka, as its settings name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl From<Codec> for Compression {
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::None => Self::None,
            Codec::Gzip => Self::Gzip,
            Codec::Snappy => Self::Snappy,
            Codec::Lz4 => Self::Lz4,
            Codec::Zstd => Self::Zstd,
        }
    }
}

/// Records handed to the producer between two waits for room.
const RECORDS_PER_BURST: u64 = 1_000;
/// More than so many bids take.
const BYTES_PER_BURST: usize = 400 << 10;

/// Writes the bids and returns when the brokers have them all.
pub(crate) async fn generate(arguments: &GenerateArguments) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::connect(ClientConfig::new(&arguments.bootstrap_servers)).await?;
    create_topic(&cluster, &arguments.topic, arguments.partitions).await?;
    expect_empty(&cluster, &arguments.topic).await?;

    let mut producer = Producer::builder(&cluster)
        .compression(arguments.compression.into())
        .batch_bytes(256 << 10)
        .build()?;
    producer.prepare_topic(&arguments.topic).await?;
    let bar = progress::bar(arguments.events, "bids written");
    let mut next = 0;
    while next < arguments.events {
        producer.ready(BYTES_PER_BURST).await;
        let end = arguments.events.min(next + RECORDS_PER_BURST);
        next = send(&mut producer, arguments, next, end)?;
        bar.set_position(next);
    }
    producer.flush().await?;
    progress::finish(&bar);
    Ok(())
}

/// Sends events `from` to `end`; returns the first that found no room.
fn send(
    producer: &mut Producer,
    arguments: &GenerateArguments,
    from: u64,
    end: u64,
) -> Result<u64, SendError> {
    let (mut key, mut value) = (Vec::with_capacity(20), Vec::with_capacity(300));
    let mut burst = producer.burst();
    for i in from..end {
        let bid = Bid::of(arguments.seed, i);
        key.clear();
        value.clear();
        bid.write_key(&mut key);
        bid.write_value(&mut value);
        let record = ProducerRecord::to(&arguments.topic).key(&key).value(&value);
        match burst.try_send(record.timestamp(bid.date_time)) {
            Ok(_) => {}
            Err(SendError::Full { .. }) => return Ok(i),
            Err(error) => return Err(error),
        }
    }
    Ok(end)
}

/// Creates a topic whose records stay: bids are of 2023, and the broker would delete them.
pub(crate) async fn create_topic(
    cluster: &Cluster,
    topic: &str,
    partitions: i32,
) -> Result<(), Box<dyn Error>> {
    let wanted = NewTopic::new(topic, partitions).config("retention.ms", "-1");
    match Admin::new(cluster).create_topics([wanted]).await.all() {
        Ok(_) => Ok(()),
        Err(CallError::Refused {
            code: ErrorCode::TOPIC_ALREADY_EXISTS,
            ..
        }) => Ok(()),
        Err(error) => Err(format!("topic {topic} cannot be created: {error}").into()),
    }
}

/// The benchmark counts on the topic holding these bids and nothing else.
async fn expect_empty(cluster: &Cluster, topic: &str) -> Result<(), Box<dyn Error>> {
    let partitions = cluster.topic(topic).await?.partitions().len();
    let all = (0..partitions).filter_map(|partition| i32::try_from(partition).ok());
    let ends = all.map(|partition| (TopicPartition::new(topic, partition), OffsetSpec::Latest));
    let admin = Admin::new(cluster);
    let listed = admin
        .list_offsets(ends, IsolationLevel::ReadUncommitted)
        .await
        .all()?;
    let records: i64 = listed
        .values()
        .filter_map(|listed| listed.offset)
        .map(|end| end.0)
        .sum();
    if records > 0 {
        let hint = "give another --topic, or delete this one";
        return Err(format!("topic {topic} has {records} records already: {hint}").into());
    }
    Ok(())
}
