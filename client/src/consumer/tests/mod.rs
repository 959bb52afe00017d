//! Goal: a consumer loses nothing, delivers nothing twice and never stands still, whatever brokers
//! do. Method: brokers in memory with logs, incremental fetch sessions and leader epochs as Kafka
//! has them, which a test makes misbehave; a paused clock, so that waiting is measured exactly.
//!
//! Every record's value is its own offset: who reads it knows whether one is missing.

mod faults;
mod fetching;
mod group;
mod places;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use thalweg_protocol::messages::{
    AbortedTransaction, FetchPartition, FetchPartitionData, FetchRequest, FetchResponse,
    FetchableTopicResponse, LeaderIdAndEpoch, ListOffsetsPartitionResponse, ListOffsetsRequest,
    ListOffsetsResponse, ListOffsetsTopicResponse,
};
use thalweg_protocol::records::{BatchSeal, Compression, Compressor, RecordBatchBuilder};
use thalweg_protocol::{BrokerId, ErrorCode, Offset, PartitionId, ProducerId, StrBytes, Uuid};
use tokio::time::timeout;

use crate::fake_cluster::{FakeCluster, Received, Reply};
use crate::{
    Cluster, Consumer, ConsumerBuilder, FetchedRecords, IsolationLevel, RecordDecoder, StartAt,
    TopicPartition,
};

/// The topic of all tests.
const TOPIC: &str = "t";

/// What a test does about a fetch instead of the broker; `None` leaves it alone.
type Script = Box<dyn FnMut(&Asked) -> Option<Reply<FetchRequest>> + Send>;

/// Brokers with logs.
#[derive(Clone)]
struct Brokers {
    fake: FakeCluster,
    state: Arc<Mutex<State>>,
}

struct State {
    logs: BTreeMap<i32, Log>,
    sessions: BTreeMap<i32, Session>,
    next_session: i32,
    /// How long an answer with records takes.
    pace: Duration,
    /// Whether brokers give sessions at all.
    gives_sessions: bool,
    /// Whether a refusal names the new leader (KIP-951).
    names_leaders: bool,
    asked: Vec<Asked>,
    script: Option<Script>,
}

/// One partition's log.
#[derive(Clone, Default)]
struct Log {
    batches: Vec<LoggedBatch>,
    start: i64,
    end: i64,
    last_stable_offset: Option<i64>,
    aborted: Vec<(i64, i64)>,
}

#[derive(Clone)]
struct LoggedBatch {
    next: i64,
    bytes: Bytes,
}

/// One incremental fetch session, as the broker sees it.
struct Session {
    broker: BrokerId,
    /// The epoch of the request to come.
    epoch: i32,
    /// In the order in which they are served: what brought data goes to the end.
    partitions: Vec<FetchPartition>,
}

/// How much an answer may still take, in bytes.
struct Room {
    left: i32,
    nothing_yet: bool,
}

/// A fetch as a broker received it.
#[derive(Debug, Clone)]
struct Asked {
    broker: i32,
    session_epoch: i32,
    /// The partitions it names, with their offsets.
    named: Vec<(i32, i64)>,
    forgotten: Vec<i32>,
    bytes_max: i32,
    max_wait: Duration,
}

impl Asked {
    fn names(&self, partition: i32) -> bool {
        self.named.iter().any(|(named, _)| *named == partition)
    }
}

impl Brokers {
    /// Brokers `0..n`, and the topic with these leaders.
    fn new(brokers: i32, leaders: &[i32]) -> Brokers {
        let fake = FakeCluster::new(brokers);
        fake.set_topic(TOPIC, leaders, 1);
        let logs = (0..)
            .take(leaders.len())
            .map(|number| (number, Log::default()));
        let state = State {
            logs: logs.collect(),
            sessions: BTreeMap::new(),
            next_session: 1,
            pace: Duration::ZERO,
            gives_sessions: true,
            names_leaders: false,
            asked: Vec::new(),
            script: None,
        };
        let brokers = Brokers {
            fake: fake.clone(),
            state: Arc::new(Mutex::new(state)),
        };
        let fetched = brokers.clone();
        fake.on::<FetchRequest>(move |received| fetched.fetch(&received));
        let listed = brokers.clone();
        fake.on::<ListOffsetsRequest>(move |received| listed.list_offsets(received));
        brokers
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// Appends `batches` batches of `records` records each.
    fn append(&self, partition: i32, batches: usize, records: usize) {
        for _ in 0..batches {
            let first = self.state().logs[&partition].end;
            let bytes = batch(first, records, BatchSeal::default());
            self.append_bytes(partition, records, bytes);
        }
    }

    /// Appends bytes that take that many offsets, whatever they are.
    fn append_bytes(&self, partition: i32, offsets: usize, bytes: Bytes) {
        let mut state = self.state();
        let log = state.logs.get_mut(&partition).expect("it exists");
        let next = log.end + offsets as i64;
        log.batches.push(LoggedBatch { next, bytes });
        log.end = next;
    }

    /// What a test wants done about fetches from now on.
    fn script(&self, script: impl FnMut(&Asked) -> Option<Reply<FetchRequest>> + Send + 'static) {
        self.state().script = Some(Box::new(script));
    }

    /// The fetches received since the last call.
    fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state().asked)
    }

    async fn cluster(&self) -> Cluster {
        Cluster::connect(self.fake.config()).await.expect("up")
    }

    async fn builder(&self) -> ConsumerBuilder {
        Consumer::builder(&self.cluster().await)
    }

    /// A consumer of all partitions from their beginning.
    async fn consumer(&self) -> Consumer {
        self.read(self.builder().await)
    }

    fn read(&self, builder: ConsumerBuilder) -> Consumer {
        let mut consumer = builder.build().expect("sound");
        let all = self.state().logs.keys().copied().collect::<Vec<_>>();
        let all = all
            .into_iter()
            .map(|number| (partition(number), StartAt::Offset(Offset(0))));
        consumer.assign(all).expect("assigned");
        consumer
    }

    fn list_offsets(&self, received: Received<ListOffsetsRequest>) -> Reply<ListOffsetsRequest> {
        let state = self.state();
        let topics = received.request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.into_iter().map(|asked| {
                let log = &state.logs[&asked.partition_index.0];
                let offset = if asked.timestamp == -2 {
                    log.start
                } else {
                    log.end
                };
                ListOffsetsPartitionResponse {
                    partition_index: asked.partition_index,
                    offset: Offset(offset),
                    ..Default::default()
                }
            });
            ListOffsetsTopicResponse {
                name: topic.name.clone(),
                partitions: partitions.collect(),
                ..Default::default()
            }
        });
        Reply::Answer(ListOffsetsResponse {
            topics: topics.collect(),
            ..Default::default()
        })
    }

    fn fetch(&self, received: &Received<FetchRequest>) -> Reply<FetchRequest> {
        let request = &received.request;
        let asked = Asked {
            broker: received.broker.0,
            session_epoch: request.session_epoch,
            named: partitions_of(request)
                .map(|named| (named.partition.0, named.fetch_offset.0))
                .collect(),
            forgotten: request
                .forgotten_topics_data
                .iter()
                .flat_map(|topic| topic.partitions.iter().map(|number| number.0))
                .collect(),
            bytes_max: request.max_bytes,
            max_wait: Duration::from_millis(u64::try_from(request.max_wait_ms).expect("positive")),
        };
        let mut state = self.state();
        state.asked.push(asked.clone());
        assert!(
            state.asked.len() < 50_000,
            "the broker is hammered: {asked:?}"
        );
        let script = state.script.take();
        drop(state);
        if let Some(mut script) = script {
            let reply = script(&asked);
            self.state().script.get_or_insert(script);
            if let Some(reply) = reply {
                return reply;
            }
        }
        let leaders = self.fake.state().topics[TOPIC].clone();
        let mut state = self.state();
        let (id, wanted) = match state.session(received.broker, request) {
            Ok(session) => session,
            Err(error_code) => {
                return Reply::Answer(FetchResponse {
                    error_code,
                    ..Default::default()
                });
            }
        };
        let incremental = request.session_epoch > 0;
        let mut room = Room {
            left: request.max_bytes,
            nothing_yet: true,
        };
        let mut partitions = Vec::new();
        let mut empty = true;
        for wanted in &wanted {
            let data = state.read(received.broker, wanted, &leaders.leaders, &mut room);
            let news = data.error_code != ErrorCode::NONE
                || data
                    .records
                    .as_ref()
                    .is_some_and(|records| !records.is_empty());
            empty &= !news;
            if news || !incremental {
                partitions.push(data);
            }
        }
        if let Some(session) = state.sessions.get_mut(&id) {
            let brought = |number: PartitionId| {
                partitions
                    .iter()
                    .any(|data| data.partition_index == number && data.records.is_some())
            };
            session
                .partitions
                .sort_by_key(|wanted| brought(wanted.partition));
        }
        let response = FetchResponse {
            session_id: id,
            responses: vec![FetchableTopicResponse {
                topic: TOPIC.into(),
                topic_id: leaders.id,
                partitions,
                ..Default::default()
            }],
            ..Default::default()
        };
        let pause = if empty { asked.max_wait } else { state.pace };
        Reply::AnswerAfter(pause, response)
    }
}

impl State {
    /// The session of a request with what it fetches, as KIP-227 has it.
    fn session(
        &mut self,
        broker: BrokerId,
        request: &FetchRequest,
    ) -> Result<(i32, Vec<FetchPartition>), ErrorCode> {
        if request.session_epoch <= 0 {
            self.sessions.remove(&request.session_id);
            let partitions: Vec<FetchPartition> = partitions_of(request).cloned().collect();
            if !self.gives_sessions || request.session_epoch < 0 {
                return Ok((0, partitions));
            }
            let id = self.next_session;
            self.next_session += 1;
            let session = Session {
                broker,
                epoch: 1,
                partitions: partitions.clone(),
            };
            self.sessions.insert(id, session);
            return Ok((id, partitions));
        }
        let session = self.sessions.get_mut(&request.session_id);
        let Some(session) = session.filter(|session| session.broker == broker) else {
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        };
        if session.epoch != request.session_epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        session.epoch += 1;
        for topic in &request.forgotten_topics_data {
            for number in &topic.partitions {
                let before = session.partitions.len();
                session
                    .partitions
                    .retain(|known| known.partition != *number);
                assert!(
                    session.partitions.len() < before,
                    "forgets what it has: {number:?}"
                );
            }
        }
        for named in partitions_of(request) {
            match session
                .partitions
                .iter_mut()
                .find(|known| known.partition == named.partition)
            {
                Some(known) => {
                    assert_ne!(known, named, "says again what the broker knows");
                    *known = named.clone();
                }
                None => session.partitions.push(named.clone()),
            }
        }
        Ok((request.session_id, session.partitions.clone()))
    }

    fn read(
        &self,
        broker: BrokerId,
        wanted: &FetchPartition,
        leaders: &[(BrokerId, i32)],
        room: &mut Room,
    ) -> FetchPartitionData {
        let log = &self.logs[&wanted.partition.0];
        let mut data = FetchPartitionData {
            partition_index: wanted.partition,
            high_watermark: Offset(log.end),
            last_stable_offset: Offset(log.last_stable_offset.unwrap_or(log.end)),
            log_start_offset: Offset(log.start),
            preferred_read_replica: BrokerId(-1),
            ..Default::default()
        };
        let (leader, leader_epoch) = leaders[wanted.partition.0 as usize];
        let current = wanted.current_leader_epoch;
        data.error_code = if leader != broker {
            ErrorCode::NOT_LEADER_OR_FOLLOWER
        } else if current >= 0 && current < leader_epoch {
            ErrorCode::FENCED_LEADER_EPOCH
        } else if current > leader_epoch {
            ErrorCode::UNKNOWN_LEADER_EPOCH
        } else if !(log.start..=log.end).contains(&wanted.fetch_offset.0) {
            ErrorCode::OFFSET_OUT_OF_RANGE
        } else {
            ErrorCode::NONE
        };
        if data.error_code != ErrorCode::NONE {
            if self.names_leaders {
                data.current_leader = LeaderIdAndEpoch {
                    leader_id: leader,
                    leader_epoch,
                    ..Default::default()
                };
            }
            return data;
        }
        let mut records = Vec::new();
        let mut of_partition = wanted.partition_max_bytes;
        for batch in log
            .batches
            .iter()
            .filter(|batch| batch.next > wanted.fetch_offset.0)
        {
            let size = i32::try_from(batch.bytes.len()).expect("small");
            // The first batch of an answer is sent however large it is.
            if !room.nothing_yet && (size > of_partition || size > room.left) {
                break;
            }
            room.nothing_yet = false;
            records.extend_from_slice(&batch.bytes);
            of_partition -= size;
            room.left -= size;
        }
        data.aborted_transactions = Some(
            log.aborted
                .iter()
                .map(|&(producer_id, first_offset)| AbortedTransaction {
                    producer_id: ProducerId(producer_id),
                    first_offset: Offset(first_offset),
                    ..Default::default()
                })
                .collect(),
        );
        data.records = (!records.is_empty()).then(|| records.into());
        data
    }
}

fn partitions_of(request: &FetchRequest) -> impl Iterator<Item = &FetchPartition> {
    request.topics.iter().flat_map(|topic| &topic.partitions)
}

/// An answer to a full fetch about one partition.
fn answer(topic_id: Uuid, data: FetchPartitionData) -> Reply<FetchRequest> {
    Reply::Answer(FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: StrBytes::from(TOPIC),
            topic_id,
            partitions: vec![data],
            ..Default::default()
        }],
        ..Default::default()
    })
}

/// A batch of records from an offset on, whose values are their offsets.
fn batch(first: i64, records: usize, seal: BatchSeal) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    for offset in (first..).take(records) {
        let value = offset.to_string();
        builder
            .append(1, None, Some(value.as_bytes()), &[])
            .expect("small");
    }
    let seal = BatchSeal {
        base_offset: Offset(first),
        leader_epoch: 1,
        ..seal
    };
    builder.build(&mut Compressor::new()).seal_with(seal)
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new(TOPIC, number)
}

/// Partition and offsets of what was fetched.
fn offsets(fetched: &FetchedRecords) -> (i32, Vec<i64>) {
    let mut decoder = RecordDecoder::new();
    let mut offsets = Vec::new();
    for batch in fetched.batches() {
        for record in batch.decode(&mut decoder).expect("sound") {
            let value = std::str::from_utf8(record.value.expect("a value")).expect("text");
            assert_eq!(value, record.offset.0.to_string(), "another record's value");
            offsets.push(record.offset.0);
        }
    }
    (fetched.topic_partition().partition.0, offsets)
}

/// What comes next, within a minute of the paused clock.
async fn recv(consumer: &mut Consumer) -> FetchedRecords {
    within(consumer.recv()).await.expect("records")
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), what)
        .await
        .expect("no standstill")
}

/// Reads until every partition has been read to these offsets; each exactly once and in order.
async fn read_to(consumer: &mut Consumer, ends: &[(i32, i64)]) {
    let mut read: BTreeMap<i32, i64> = ends
        .iter()
        .map(|(number, _)| {
            let position = consumer.position(&partition(*number));
            (*number, position.expect("placed").0)
        })
        .collect();
    while ends.iter().any(|(number, end)| read[number] < *end) {
        let (number, offsets) = offsets(&recv(consumer).await);
        for offset in offsets {
            let next = read.get_mut(&number).expect("an expected partition");
            assert_eq!(offset, *next, "partition {number}: next was {next}");
            *next += 1;
        }
    }
    for (number, end) in ends {
        assert_eq!(read[number], *end, "partition {number} was read too far");
    }
}
