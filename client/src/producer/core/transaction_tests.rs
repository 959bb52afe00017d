//! Transactions against a model of coordinators and partition leaders, under random failures.
//!
//! Goal: a transaction reported as committed is visible as a whole, one reported as aborted not at
//! all, and one whose outcome is unknown either way; the group's committed offset tells which. And
//! nothing stays open. Method: a transaction coordinator, a group coordinator and partition leaders
//! that follow Kafka's rules in both protocols (without the verification that later brokers add to
//! protocol One); requests and answers that get lost, or arrive late; coordinators that time out
//! transactions; another producer that takes the id over; and an owner that does what errors ask.

use std::collections::HashMap;

use thalweg_protocol::records::{
    Columns, Compression, Compressor, Decompressor, RecordBatchBuilder, RecordBatches,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId, ProducerId};

use super::*;
use crate::error::Disposition;
use crate::producer::budget::Budget;
use crate::producer::completion::Completion;
use crate::producer::sequence::advance;
use crate::rng::Rng;
use crate::{GroupMetadata, OffsetAndMetadata};

const PARTITIONS: usize = 3;
const BROKER: BrokerId = BrokerId(0);
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(8);
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// A record in a log: the number of its transaction, and what became of it.
#[derive(Debug, Clone, Copy)]
struct Written {
    transaction: u64,
    producer_id: i64,
    committed: Option<bool>,
}

#[derive(Debug, Default)]
struct Log {
    records: Vec<Written>,
    producer_id: i64,
    producer_epoch: i16,
    batches: VecDeque<(i32, i32, i64)>,
}

impl Log {
    fn append(&mut self, bytes: &[u8]) -> (ErrorCode, i64) {
        let batch = RecordBatches::new(bytes)
            .next()
            .expect("one")
            .expect("whole");
        let (id, epoch, first) = (
            batch.producer_id().0,
            batch.producer_epoch(),
            batch.base_sequence(),
        );
        assert!(batch.is_transactional());
        let mut columns = Columns::new();
        let mut decompressor = Decompressor::new();
        let rows = columns.decode(&batch, &mut decompressor).expect("readable");
        let last = advance(first, rows.len() as u32 - 1);
        if self.producer_id == id && epoch < self.producer_epoch {
            return (ErrorCode::INVALID_PRODUCER_EPOCH, -1);
        }
        if self.producer_id == id && epoch == self.producer_epoch {
            let known = self
                .batches
                .iter()
                .find(|(f, l, _)| (*f, *l) == (first, last));
            if let Some((.., offset)) = known {
                return (ErrorCode::NONE, *offset);
            }
            let end = self.batches.back().map_or(-1, |(_, last, _)| *last);
            if first != advance(end, 1) {
                return (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
            }
        } else if self.producer_id == id && first != 0 {
            return (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
        } else {
            self.batches.clear();
        }
        (self.producer_id, self.producer_epoch) = (id, epoch);
        let offset = self.records.len() as i64;
        self.batches.push_back((first, last, offset));
        if self.batches.len() > 5 {
            self.batches.pop_front();
        }
        for row in 0..rows.len() {
            let value = rows
                .value(row)
                .expect("has one")
                .try_into()
                .expect("eight bytes");
            self.records.push(Written {
                transaction: u64::from_be_bytes(value),
                producer_id: id,
                committed: None,
            });
        }
        (ErrorCode::NONE, offset)
    }

    fn mark(&mut self, marker: Identity, commit: bool) {
        let id = marker.producer_id.0;
        if self.producer_id == id && marker.producer_epoch < self.producer_epoch {
            return;
        }
        // A marker makes the producer known, also where it has not written.
        if (self.producer_id, self.producer_epoch) != (id, marker.producer_epoch) {
            (self.producer_id, self.producer_epoch) = (id, marker.producer_epoch);
            self.batches.clear();
        }
        for record in &mut self.records {
            if record.producer_id == id && record.committed.is_none() {
                record.committed = Some(commit);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Group {
    generation: i32,
    producer_epoch: i16,
    /// Offsets of open transactions, by producer id: the latest, which is the number of the
    /// transaction.
    pending: BTreeMap<i64, u64>,
    /// All offsets that were ever committed, in their order.
    committed: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Empty,
    Ongoing,
    Prepare(bool),
    Complete(bool),
}

/// As Kafka's `TransactionCoordinator` and `TransactionMetadata` have it.
#[derive(Debug, Default)]
struct Coordinator {
    producer_id: i64,
    epoch: i16,
    last_epoch: i16,
    state: State,
    partitions: BTreeSet<usize>,
    group: bool,
    since: Option<Instant>,
}

impl Coordinator {
    fn identity(&self) -> Identity {
        Identity {
            producer_id: ProducerId(self.producer_id),
            producer_epoch: self.epoch,
        }
    }

    fn fence(&mut self) {
        self.epoch += 1;
        self.last_epoch = -1;
        self.state = State::Prepare(false);
    }

    fn init(&mut self, known: Option<Identity>) -> (ErrorCode, Option<Identity>) {
        if self.producer_id == 0 {
            (self.producer_id, self.epoch, self.last_epoch) = (1000, 0, -1);
            return (ErrorCode::NONE, Some(self.identity()));
        }
        if known.is_some_and(|known| known.producer_id.0 != self.producer_id) {
            return (ErrorCode::PRODUCER_FENCED, None);
        }
        match self.state {
            State::Prepare(_) => return (ErrorCode::CONCURRENT_TRANSACTIONS, None),
            State::Ongoing => {
                self.fence();
                return (ErrorCode::CONCURRENT_TRANSACTIONS, None);
            }
            State::Empty | State::Complete(_) => {}
        }
        match known.map(|known| known.producer_epoch) {
            None => (self.last_epoch, self.epoch) = (-1, self.epoch + 1),
            Some(epoch) if epoch == self.epoch => {
                (self.last_epoch, self.epoch) = (epoch, self.epoch + 1);
            }
            Some(epoch) if epoch == self.last_epoch => {}
            Some(_) => return (ErrorCode::PRODUCER_FENCED, None),
        }
        self.state = State::Empty;
        (ErrorCode::NONE, Some(self.identity()))
    }

    fn add(&mut self, now: Instant, by: Identity, partitions: &[usize], group: bool) -> ErrorCode {
        if by.producer_id.0 != self.producer_id {
            return ErrorCode::INVALID_PRODUCER_ID_MAPPING;
        }
        if by.producer_epoch != self.epoch {
            return ErrorCode::PRODUCER_FENCED;
        }
        match self.state {
            State::Prepare(_) => return ErrorCode::CONCURRENT_TRANSACTIONS,
            State::Ongoing => {}
            State::Empty | State::Complete(_) => {
                self.state = State::Ongoing;
                self.since = Some(now);
                self.partitions.clear();
                self.group = false;
            }
        }
        self.partitions.extend(partitions);
        self.group |= group;
        ErrorCode::NONE
    }

    fn end(
        &mut self,
        by: Identity,
        commit: bool,
        protocol: Protocol,
    ) -> (ErrorCode, Option<Identity>) {
        if by.producer_id.0 != self.producer_id {
            return (ErrorCode::INVALID_PRODUCER_ID_MAPPING, None);
        }
        let two = protocol == Protocol::Two;
        let repeated = two && by.producer_epoch + 1 == self.epoch;
        let same = by.producer_epoch == self.epoch;
        let valid = match self.state {
            State::Empty | State::Ongoing => same,
            State::Prepare(_) => {
                if two {
                    repeated
                } else {
                    same
                }
            }
            State::Complete(_) => repeated || same,
        };
        if !valid {
            return (ErrorCode::PRODUCER_FENCED, None);
        }
        let bumped = |coordinator: &mut Self, commit| {
            if two {
                coordinator.last_epoch = coordinator.epoch;
                coordinator.epoch += 1;
            }
            coordinator.state = State::Prepare(commit);
            (ErrorCode::NONE, two.then(|| coordinator.identity()))
        };
        match self.state {
            State::Ongoing => bumped(self, commit),
            State::Prepare(how) if how == commit => (ErrorCode::CONCURRENT_TRANSACTIONS, None),
            State::Complete(how) if how == commit && (repeated || !two) => {
                (ErrorCode::NONE, two.then(|| self.identity()))
            }
            State::Complete(_) | State::Empty if two && !repeated && !commit => {
                self.partitions.clear();
                self.group = false;
                bumped(self, false)
            }
            _ => (ErrorCode::INVALID_TXN_STATE, None),
        }
    }
}

#[derive(Debug, Clone)]
enum InFlight {
    Produce(u64, Protocol, Vec<(TopicPartition, Parcel)>),
    Call(u64, Call),
}

#[derive(Debug)]
enum Back {
    Produce(u64, Vec<Option<Answer>>),
    Call(u64, CallAnswer),
}

/// What a transaction's owner was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Committed,
    Aborted,
    Unknown,
}

struct World {
    rng: Rng,
    now: Instant,
    protocol: Protocol,
    core: Core,
    inbox: VecDeque<Tagged>,
    logs: Vec<Log>,
    group: Group,
    coordinator: Coordinator,
    /// By connection: Produce, transaction coordinator, group coordinator.
    sent: [VecDeque<InFlight>; 3],
    back: [VecDeque<Back>; 3],
    /// Requests of lost connections that are processed late.
    late: Vec<InFlight>,
    // The owner.
    transaction: u64,
    aware_of: u64,
    begun: bool,
    generation: i32,
    initialising: Option<StepPromise>,
    ending: VecDeque<(u64, End, EndPromise)>,
    told: BTreeMap<u64, Told>,
    records: HashMap<u64, usize>,
    healed: bool,
}

impl World {
    fn new(seed: u64, protocol: Protocol) -> Self {
        let mut core = Core::new(CoreOptions {
            numbering: Numbering::Transactional,
            transactional_id: Some("id".into()),
            in_flight_max: 5,
            delivery_timeout: DELIVERY_TIMEOUT,
            request_bytes_max: 600,
        });
        core.handle_connected(BROKER);
        let mut world = World {
            rng: Rng::from_seed(seed),
            now: Instant::now(),
            protocol,
            core,
            inbox: VecDeque::new(),
            logs: (0..PARTITIONS).map(|_| Log::default()).collect(),
            group: Group::default(),
            coordinator: Coordinator::default(),
            sent: Default::default(),
            back: Default::default(),
            late: Vec::new(),
            transaction: 1,
            aware_of: 0,
            begun: false,
            generation: 0,
            initialising: None,
            ending: VecDeque::new(),
            told: BTreeMap::new(),
            records: HashMap::new(),
            healed: false,
        };
        world.init();
        world
    }

    fn push(&mut self, command: Command) {
        self.inbox.push_back(Tagged {
            transaction: self.transaction,
            aware_of: self.aware_of,
            command,
        });
    }

    // The owner, as `TransactionalProducer` and an engine on it behave.

    fn init(&mut self) {
        self.aware_of = self.transaction;
        self.transaction += 1;
        self.begun = false;
        let promise = Promise::shared();
        self.initialising = Some(Arc::clone(&promise));
        self.push(Command::Init { promise });
    }

    fn write(&mut self) {
        self.begun = true;
        let index = self.rng.below(PARTITIONS as u64) as usize;
        let mut builder = RecordBatchBuilder::new(Compression::None);
        let count = 1 + self.rng.below(3) as usize;
        for _ in 0..count {
            let value = self.transaction.to_be_bytes();
            builder.append(1, None, Some(&value), &[]).expect("small");
        }
        *self.records.entry(self.transaction).or_default() += count;
        let topic_partition = TopicPartition::new("t", PartitionId(index as i32));
        let reservation = Budget::new(1).try_reserve(1).expect("empty");
        let completion = Completion::new(topic_partition.clone());
        self.push(Command::Batch {
            topic_partition,
            batch: builder.build(&mut Compressor::new()),
            settle: Settle::new(completion, reservation, Arc::default()),
            deadline: self.now + DELIVERY_TIMEOUT,
        });
    }

    fn end(&mut self) {
        if !self.begun {
            return;
        }
        let end = if self.rng.below(5) == 0 {
            End::Abort
        } else {
            End::Commit
        };
        if end == End::Commit {
            self.push(Command::Offsets(Offsets {
                group: GroupMetadata {
                    generation_id: self.generation,
                    ..GroupMetadata::outside("g")
                },
                offsets: [(
                    TopicPartition::new("in", PartitionId(0)),
                    OffsetAndMetadata::new(Offset(self.transaction as i64)),
                )]
                .into(),
                promise: Promise::shared(),
            }));
        }
        let promise = Promise::shared();
        self.ending
            .push_back((self.transaction, end, Arc::clone(&promise)));
        self.push(Command::End { end, promise });
        self.transaction += 1;
        self.begun = false;
    }

    fn hear(&mut self) {
        if let Some(result) = self
            .initialising
            .as_ref()
            .and_then(|promise| promise.value())
        {
            let failed = result.is_err();
            self.initialising = None;
            if failed {
                self.init();
            }
        }
        while let Some((number, end, promise)) = self.ending.front() {
            let Some(result) = promise.value() else {
                return;
            };
            let (number, end, result) = (*number, *end, result.clone());
            self.ending.pop_front();
            let told = match (&result, end) {
                (Ok(()), End::Commit) => Told::Committed,
                (Ok(()), End::Abort) => Told::Aborted,
                (Err(error), End::Commit) if error.outcome() == TransactionOutcome::Unknown => {
                    Told::Unknown
                }
                (Err(_), _) => Told::Aborted,
            };
            self.told.insert(number, told);
            let Err(error) = result else { continue };
            // What was begun without knowing is dropped; its end is heard of in turn.
            if self.begun {
                self.abandon_open();
            }
            self.aware_of = self.aware_of.max(number);
            match error.disposition() {
                Disposition::AbortTransaction => {}
                Disposition::Rejoin => self.generation = self.group.generation,
                Disposition::Reinitialise if self.initialising.is_none() => self.init(),
                Disposition::Reinitialise => {}
                other => panic!("transaction {number}: {other:?} ({error})"),
            }
        }
    }

    fn abandon_open(&mut self) {
        let promise = Promise::shared();
        self.ending
            .push_back((self.transaction, End::Abort, Arc::clone(&promise)));
        let end = End::Abort;
        self.push(Command::End { end, promise });
        self.transaction += 1;
        self.begun = false;
    }

    // The way between.

    fn pump(&mut self) {
        loop {
            let mut progress = false;
            self.core.handle_timeouts(self.now);
            while self.core.takes_commands() {
                let Some(tagged) = self.inbox.pop_front() else {
                    break;
                };
                self.core
                    .handle_command(tagged, self.protocol, |_| Some(BROKER));
                progress = true;
            }
            while let Some((id, call)) = self.core.poll_call(self.now) {
                let to = if matches!(call, Call::OffsetCommit { .. }) {
                    2
                } else {
                    1
                };
                self.sent[to].push_back(InFlight::Call(id, call));
                progress = true;
            }
            while let Some(Outbound { id, parcels, .. }) = self.core.poll_request(self.now) {
                let protocol = self.core.protocol().expect("transactional");
                self.sent[0].push_back(InFlight::Produce(id, protocol, parcels));
                progress = true;
            }
            self.hear();
            if !progress && (self.inbox.is_empty() || !self.core.takes_commands()) {
                return;
            }
        }
    }

    fn process(&mut self, connection: usize) {
        if let Some(request) = self.sent[connection].pop_front() {
            let back = self.serve(request);
            self.back[connection].push_back(back);
        }
    }

    fn serve(&mut self, request: InFlight) -> Back {
        let moody = !self.healed && self.rng.below(100) < 4;
        match request {
            InFlight::Produce(id, protocol, parcels) => {
                let answers = parcels
                    .iter()
                    .map(|(topic_partition, parcel)| {
                        let index = topic_partition.partition.0 as usize;
                        let (code, offset) = match moody {
                            true => (ErrorCode::NOT_ENOUGH_REPLICAS, -1),
                            false => self.produce(protocol, index, &parcel.bytes),
                        };
                        Some(Answer::Leader {
                            code,
                            base_offset: Offset(offset),
                            message: None,
                        })
                    })
                    .collect();
                Back::Produce(id, answers)
            }
            InFlight::Call(id, call) if moody => {
                let code = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
                Back::Call(
                    id,
                    match call {
                        Call::AddPartitions { partitions, .. } => CallAnswer::Partitions(
                            partitions.into_iter().map(|tp| (tp, code)).collect(),
                        ),
                        Call::OffsetCommit { offsets, .. } => CallAnswer::Partitions(
                            offsets.iter().map(|(tp, _)| (tp.clone(), code)).collect(),
                        ),
                        _ => CallAnswer::Code(code, None),
                    },
                )
            }
            InFlight::Call(id, call) => Back::Call(id, self.coordinate(call)),
        }
    }

    fn produce(&mut self, protocol: Protocol, index: usize, bytes: &[u8]) -> (ErrorCode, i64) {
        if protocol == Protocol::Two {
            let batch = RecordBatches::new(bytes)
                .next()
                .expect("one")
                .expect("whole");
            let by = Identity {
                producer_id: batch.producer_id(),
                producer_epoch: batch.producer_epoch(),
            };
            match self.coordinator.add(self.now, by, &[index], false) {
                ErrorCode::NONE => {}
                ErrorCode::PRODUCER_FENCED => return (ErrorCode::INVALID_PRODUCER_EPOCH, -1),
                code => return (code, -1),
            }
        }
        self.logs[index].append(bytes)
    }

    fn coordinate(&mut self, call: Call) -> CallAnswer {
        match call {
            Call::InitProducerId { known } => {
                let (code, identity) = self.coordinator.init(known);
                CallAnswer::Code(code, identity)
            }
            Call::AddPartitions {
                identity,
                partitions,
            } => {
                let indices: Vec<usize> = partitions
                    .iter()
                    .map(|tp| tp.partition.0 as usize)
                    .collect();
                let code = self.coordinator.add(self.now, identity, &indices, false);
                CallAnswer::Partitions(partitions.into_iter().map(|tp| (tp, code)).collect())
            }
            Call::AddOffsets { identity, .. } => {
                let code = self.coordinator.add(self.now, identity, &[], true);
                CallAnswer::Code(code, None)
            }
            Call::OffsetCommit {
                identity,
                protocol,
                group,
                offsets,
            } => {
                let (topic_partition, offset) = offsets[0].clone();
                let code = self.commit_offset(
                    identity,
                    protocol,
                    group.generation_id,
                    offset.offset.0 as u64,
                );
                CallAnswer::Partitions(vec![(topic_partition, code)])
            }
            Call::EndTransaction {
                identity,
                protocol,
                end,
            } => {
                let (code, next) = self.coordinator.end(identity, end == End::Commit, protocol);
                CallAnswer::Code(code, next)
            }
        }
    }

    fn commit_offset(
        &mut self,
        by: Identity,
        protocol: Protocol,
        generation: i32,
        offset: u64,
    ) -> ErrorCode {
        if generation != self.group.generation {
            return ErrorCode::ILLEGAL_GENERATION;
        }
        if protocol == Protocol::Two {
            let code = self.coordinator.add(self.now, by, &[], true);
            if code != ErrorCode::NONE {
                return code;
            }
        }
        if by.producer_epoch < self.group.producer_epoch {
            return ErrorCode::INVALID_PRODUCER_EPOCH;
        }
        self.group.producer_epoch = by.producer_epoch;
        self.group.pending.insert(by.producer_id.0, offset);
        ErrorCode::NONE
    }

    /// The coordinator writes the markers of a transaction that was ended.
    fn write_markers(&mut self) {
        let State::Prepare(commit) = self.coordinator.state else {
            return;
        };
        let marker = self.coordinator.identity();
        for &index in &self.coordinator.partitions {
            self.logs[index].mark(marker, commit);
        }
        if self.coordinator.group && marker.producer_epoch >= self.group.producer_epoch {
            self.group.producer_epoch = marker.producer_epoch;
            let pending = self.group.pending.remove(&marker.producer_id.0);
            self.group.committed.extend(pending.filter(|_| commit));
        }
        self.coordinator.state = State::Complete(commit);
    }

    fn answer(&mut self, connection: usize) {
        let Some(back) = self.back[connection].pop_front() else {
            return;
        };
        let backoff = |_| Duration::from_millis(100);
        match back {
            Back::Produce(id, answers) => {
                let lost = Answer::Lost {
                    reason: "left out".into(),
                };
                self.core
                    .handle_response(self.now, BROKER, id, answers, &lost, backoff);
            }
            Back::Call(id, answer) => {
                self.core.handle_call_answer(self.now, id, answer, backoff);
            }
        }
    }

    /// A connection ends. What is on it is processed, lost, or processed late; no answer arrives.
    fn cut(&mut self, connection: usize) {
        let mut unanswered = Vec::new();
        for back in std::mem::take(&mut self.back[connection]) {
            unanswered.push(match back {
                Back::Produce(id, _) => (true, id),
                Back::Call(id, _) => (false, id),
            });
        }
        let mut fate = self.rng.below(3);
        for request in std::mem::take(&mut self.sent[connection]) {
            unanswered.push(match &request {
                InFlight::Produce(id, ..) => (true, *id),
                InFlight::Call(id, _) => (false, *id),
            });
            match fate {
                0 => drop(self.serve(request)),
                1 => self.late.push(request),
                _ => {}
            }
            // Once one was not read in time, those behind it were not either.
            fate = fate.max(self.rng.below(3));
        }
        let reason: Arc<str> = "connection lost".into();
        let backoff = |_| Duration::from_millis(100);
        for (produce, id) in unanswered {
            let reason = Arc::clone(&reason);
            if produce {
                let lost = Answer::Lost { reason };
                self.core
                    .handle_response(self.now, BROKER, id, Vec::new(), &lost, backoff);
            } else {
                let lost = CallAnswer::Lost { sent: true, reason };
                self.core.handle_call_answer(self.now, id, lost, backoff);
            }
        }
    }

    fn step(&mut self) {
        let connection = self.rng.below(3) as usize;
        match self.rng.below(200) {
            0..40 => {
                // Mostly one transaction after the other, sometimes the next while one ends.
                let free = self.ending.is_empty() || self.rng.below(4) == 0;
                if free && self.initialising.is_none() {
                    self.write();
                }
            }
            40..60 => self.end(),
            60..110 => self.process(connection),
            110..160 => self.answer(connection),
            160..166 if self.rng.below(3) == 0 => self.cut(connection),
            166..174 => {
                if !self.late.is_empty() {
                    let index = self.rng.below(self.late.len() as u64) as usize;
                    let request = self.late.swap_remove(index);
                    drop(self.serve(request));
                }
            }
            174..186 => self.write_markers(),
            186..196 => self.now += Duration::from_millis(60),
            196 if self.rng.below(3) == 0 => self.now += Duration::from_secs(3),
            197 if self.rng.below(3) == 0 => self.group.generation += 1,
            198 if self.rng.below(4) == 0 => {
                // Another producer takes the id over.
                self.coordinator.init(None);
            }
            199 => {
                let late = |since: Instant| self.now >= since + TRANSACTION_TIMEOUT;
                if self.coordinator.state == State::Ongoing
                    && self.coordinator.since.is_some_and(late)
                {
                    self.coordinator.fence();
                }
            }
            _ => {}
        }
        self.pump();
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
        self.healed = true;
        self.end();
        for _ in 0..5_000 {
            for connection in 0..3 {
                self.process(connection);
                self.answer(connection);
            }
            self.write_markers();
            self.now += Duration::from_millis(50);
            self.pump();
            if self.ending.is_empty() && self.initialising.is_none() && self.inbox.is_empty() {
                break;
            }
        }
        assert!(
            self.ending.is_empty(),
            "transactions without an end: {:?}",
            self.ending
        );
        // What is still under way somewhere arrives last.
        for request in std::mem::take(&mut self.late) {
            drop(self.serve(request));
        }
        self.write_markers();
    }

    /// Compares what was told with what readers of committed records see.
    fn check(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (number, told) in &self.told {
            let all = self.logs.iter().flat_map(|log| &log.records);
            let own = all.filter(|record| record.transaction == *number);
            let visible = own.filter(|record| record.committed == Some(true)).count();
            let sent = self.records.get(number).copied().unwrap_or(0);
            let offsets = self
                .group
                .committed
                .iter()
                .filter(|&offset| offset == number)
                .count();
            let whole = visible == sent && offsets == 1;
            let nothing = visible == 0 && offsets == 0;
            let told = match told {
                Told::Committed => {
                    assert!(
                        whole,
                        "{number} was committed: {visible} of {sent}, {offsets}"
                    );
                    "committed"
                }
                Told::Aborted => {
                    assert!(
                        nothing,
                        "{number} was aborted: {visible} of {sent}, {offsets}"
                    );
                    "aborted"
                }
                Told::Unknown => {
                    assert!(
                        whole || nothing,
                        "{number} is torn: {visible} of {sent}, {offsets}"
                    );
                    if whole {
                        "unknown, committed"
                    } else {
                        "unknown, aborted"
                    }
                }
            };
            *counts.entry(told).or_default() += 1;
        }
        let committed = &self.group.committed;
        assert!(committed.is_sorted(), "offsets went back: {committed:?}");
        if self.coordinator.state != State::Ongoing {
            let open = self.logs.iter().flat_map(|log| &log.records);
            let hanging = open.filter(|record| record.committed.is_none()).count();
            assert_eq!(hanging, 0, "records of a transaction that nobody will end");
        }
        counts
    }
}

fn run_many(protocol: Protocol) -> BTreeMap<&'static str, usize> {
    let seeds = std::env::var("THALWEG_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok());
    let mut total: BTreeMap<&'static str, usize> = BTreeMap::new();
    for seed in 0..seeds.unwrap_or(300) {
        let mut world = World::new(seed, protocol);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            world.run(1_500);
            world.check()
        }));
        match outcome {
            Ok(counts) => {
                for (told, count) in counts {
                    *total.entry(told).or_default() += count;
                }
            }
            Err(panic) => {
                eprintln!("seed {seed}, protocol {protocol:?}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{protocol:?}: {total:?}");
    total
}

#[tokio::test]
async fn protocol_two_is_all_or_nothing_whatever_fails() {
    let total = run_many(Protocol::Two);
    for told in [
        "committed",
        "aborted",
        "unknown, committed",
        "unknown, aborted",
    ] {
        assert!(
            total.get(told).is_some_and(|&count| count > 0),
            "{told}: {total:?}"
        );
    }
}

#[tokio::test]
async fn protocol_one_is_all_or_nothing_whatever_fails() {
    let total = run_many(Protocol::One);
    for told in [
        "committed",
        "aborted",
        "unknown, committed",
        "unknown, aborted",
    ] {
        assert!(
            total.get(told).is_some_and(|&count| count > 0),
            "{told}: {total:?}"
        );
    }
}

/// The checker itself is checked: a transaction aborted by its coordinator and committed by a forged
/// answer.
#[tokio::test]
async fn the_checker_sees_a_commit_that_was_none() {
    let mut world = World::new(1, Protocol::Two);
    world.healed = true;
    for _ in 0..20 {
        world.pump();
        (0..3).for_each(|connection| world.process(connection));
        (0..3).for_each(|connection| world.answer(connection));
    }
    world.write();
    let promise = Promise::shared();
    promise.settle(Ok(()));
    world
        .ending
        .push_back((world.transaction, End::Commit, promise));
    world.pump();
    let check = std::panic::AssertUnwindSafe(|| world.check());
    assert!(std::panic::catch_unwind(check).is_err());
}
