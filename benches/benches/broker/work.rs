//! What is done with the broker: batches in, batches out, one record in and out.

use std::time::{Duration, Instant};

use bytes::Bytes;
use thalweg_benches::samples;
use thalweg_protocol::messages::{
    FetchPartition, FetchRequest, FetchTopic, PartitionProduceData, ProduceRequest,
    TopicProduceData,
};
use thalweg_protocol::records::{
    Compression, Compressor, RecordBatchBuilder, RecordBatches, reseal,
};
use thalweg_protocol::{Offset, PartitionId, ProducerId};

use crate::world::{Connection, TOPIC, World, frame_of, response_of, thread_time};

/// Records of 100 bytes that fill a batch of 16 KiB.
pub(crate) const RECORDS_PER_BATCH: usize = 150;
/// Requests on the way, as an idempotent producer has them.
const IN_FLIGHT: usize = 5;
const PRODUCE_VERSION: i16 = 11;
const FETCH_VERSION: i16 = 12;

fn produce_frame(batches: impl IntoIterator<Item = (i32, Bytes)>) -> Bytes {
    let partition = |(index, records)| PartitionProduceData {
        index: PartitionId(index),
        records: Some(records),
        ..Default::default()
    };
    let topic = TopicProduceData {
        name: TOPIC.into(),
        partition_data: batches.into_iter().map(partition).collect(),
        ..Default::default()
    };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![topic],
        ..Default::default()
    };
    frame_of(&request, PRODUCE_VERSION)
}

fn fetch_frame(offset: i64, bytes_max: i32) -> Bytes {
    let partition = FetchPartition {
        partition: PartitionId(0),
        fetch_offset: Offset(offset),
        partition_max_bytes: bytes_max,
        ..Default::default()
    };
    let topic = FetchTopic {
        topic: TOPIC.into(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 50 << 20,
        topics: vec![topic],
        ..Default::default()
    };
    frame_of(&request, FETCH_VERSION)
}

/// A batch of `count` records of 100 bytes, without keys.
fn batch(count: usize, producer_id: ProducerId) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    for (timestamp, _, value) in samples::small_records(count) {
        builder
            .append(timestamp, None, Some(&value), &[])
            .expect("it fits");
    }
    let batch = builder.build(&mut Compressor::new());
    batch.seal(producer_id, 0, 0, false)
}

/// Batches of an idempotent producer, and the answers to them.
pub(crate) struct Produce {
    connection: Connection,
    frames: Vec<Bytes>,
    answers: Vec<Bytes>,
}

impl Produce {
    /// `batches` of 16 KiB in requests of one for each partition.
    pub(crate) fn prepare(world: &World, partitions: i32, batches: usize) -> Self {
        let producer_id = world.idempotent_producer();
        let sealed = batch(RECORDS_PER_BATCH, producer_id);
        assert!(
            (15 << 10..17 << 10).contains(&sealed.len()),
            "{}",
            sealed.len()
        );
        let request = |number: usize| {
            let sequence = (number * RECORDS_PER_BATCH) as i32;
            let records = reseal(&sealed, producer_id, 0, sequence);
            produce_frame((0..partitions).map(|index| (index, records.clone())))
        };
        let frames: Vec<Bytes> = (0..batches / partitions as usize).map(request).collect();
        Produce {
            connection: world.connect(),
            answers: Vec::with_capacity(frames.len()),
            frames,
        }
    }

    pub(crate) async fn run(&mut self) {
        for (number, frame) in self.frames.iter().enumerate() {
            if number >= IN_FLIGHT {
                self.answers.push(self.connection.receive().await);
            }
            self.connection.send(frame).await;
        }
        while self.answers.len() < self.frames.len() {
            self.answers.push(self.connection.receive().await);
        }
    }

    /// That every batch was appended.
    pub(crate) fn check(&self) {
        for answer in &self.answers {
            let answer = response_of::<ProduceRequest>(answer.clone(), PRODUCE_VERSION);
            let topics = answer.responses.iter();
            for partition in topics.flat_map(|topic| &topic.partition_responses) {
                assert!(partition.error_code.is_none(), "{partition:?}");
            }
        }
    }
}

/// A partition full of records.
pub(crate) struct Filled {
    connection: Connection,
    batches: usize,
    batch_bytes: usize,
}

impl Filled {
    pub(crate) fn new(world: &World, batches: usize) -> Self {
        let mut produce = Produce::prepare(world, 1, batches);
        world.run(produce.run());
        produce.check();
        Filled {
            connection: world.connect(),
            batches,
            batch_bytes: batch(RECORDS_PER_BATCH, ProducerId(0)).len(),
        }
    }

    /// The fetches that together read all of it, each at most `bytes_max`.
    pub(crate) fn fetches(&self, bytes_max: usize) -> Vec<Bytes> {
        let batches = (bytes_max / self.batch_bytes).max(1);
        let offsets = (0..self.batches).step_by(batches);
        offsets
            .map(|number| fetch_frame((number * RECORDS_PER_BATCH) as i64, bytes_max as i32))
            .collect()
    }

    /// Reads all of it.
    pub(crate) async fn read(&mut self, fetches: &[Bytes]) {
        for fetch in fetches {
            self.connection.send(fetch).await;
            self.connection.skip().await;
        }
    }

    /// Reads all of it, and looks whether every record came once.
    pub(crate) async fn check(&mut self, fetches: &[Bytes]) {
        let mut next = 0;
        for fetch in fetches {
            self.connection.send(fetch).await;
            let answer = self.connection.receive().await;
            let answer = response_of::<FetchRequest>(answer, FETCH_VERSION);
            let topics = answer.responses.iter();
            for partition in topics.flat_map(|topic| &topic.partitions) {
                assert!(partition.error_code.is_none(), "{partition:?}");
                let records = partition.records.clone().unwrap_or_default();
                for batch in RecordBatches::new(&records) {
                    let batch = batch.expect("whole");
                    assert_eq!(batch.base_offset().0, next);
                    next = batch.last_offset().0 + 1;
                }
            }
        }
        assert_eq!(next, (self.batches * RECORDS_PER_BATCH) as i64);
    }
}

/// One record in and out again, over and over.
pub(crate) struct RoundTrips {
    connection: Connection,
    producer_id: ProducerId,
    record: Bytes,
    prepared: usize,
    frames: Vec<[Bytes; 2]>,
    /// By the wall's clock and by this thread's.
    times: [Vec<Duration>; 2],
}

impl RoundTrips {
    pub(crate) fn new(world: &World) -> Self {
        let producer_id = world.idempotent_producer();
        RoundTrips {
            connection: world.connect(),
            producer_id,
            record: batch(1, producer_id),
            prepared: 0,
            frames: Vec::new(),
            times: [Vec::new(), Vec::new()],
        }
    }

    /// Makes the frames of so many more.
    pub(crate) fn prepare(&mut self, count: usize) {
        let pair = |number: usize| {
            let record = reseal(&self.record, self.producer_id, 0, number as i32);
            let produce = produce_frame([(0, record)]);
            [produce, fetch_frame(number as i64, 1 << 20)]
        };
        self.frames = (self.prepared..self.prepared + count).map(pair).collect();
        self.prepared += count;
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark measures the time there is"
    )]
    pub(crate) async fn run(&mut self) {
        for [produce, fetch] in &self.frames {
            let (began, computed) = (Instant::now(), thread_time());
            self.connection.send(produce).await;
            self.connection.skip().await;
            self.connection.send(fetch).await;
            let answer = self.connection.skip().await;
            let [wall, cpu] = &mut self.times;
            wall.push(began.elapsed());
            cpu.push(thread_time() - computed);
            assert!(answer > self.record.len(), "the record came back");
        }
    }

    /// Says how long half of them took at most, and almost all.
    pub(crate) fn print_percentiles(&mut self) {
        for (clock, times) in ["wall", "CPU"].into_iter().zip(&mut self.times) {
            times.sort_unstable();
            let at = |part: usize| times.get(times.len() * part / 100).copied();
            let (half, most) = (at(50).unwrap_or_default(), at(99).unwrap_or_default());
            println!("round trip by the {clock} clock: p50 {half:?}, p99 {most:?}");
        }
    }
}
