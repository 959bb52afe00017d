//! What the sender knows and decides: which batch goes to which broker when. No I/O, no clock.
//!
//! Batches come in as [`Command`]s, in the order they were handed over. Requests come out of
//! [`Core::poll_request`] and [`Core::poll_call`]; answers go back in. While a transaction is being
//! ended the core takes no commands: what was handed over for the next one waits outside.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use thalweg_protocol::BrokerId;
use thalweg_protocol::records::UnsealedBatch;
use tokio::time::Instant;

use crate::TopicPartition;

use super::completion::Settle;
use super::error::{CommitError, ProduceError, TransactionError, TransactionOutcome};
use super::lane::{Aftermath, Answer, Lane, Numbering, Parcel};
use super::promise::Promise;
use super::sequence::Identity;
use super::transactions::{
    Call, CallAnswer, End, EndPromise, Event, LanesState, Offsets, Protocol, StepPromise,
    Transactions,
};

/// What the owner of a producer asks for.
#[derive(Debug)]
pub(super) enum Command {
    Batch {
        topic_partition: TopicPartition,
        batch: UnsealedBatch,
        settle: Settle,
        deadline: Instant,
    },
    Offsets(Offsets),
    End {
        end: End,
        promise: EndPromise,
    },
    Init {
        promise: StepPromise,
    },
}

/// A command, and the transaction it belongs to.
#[derive(Debug)]
pub(super) struct Tagged {
    /// Transactions of a producer are numbered from 1; 0 without transactions.
    pub(super) transaction: u64,
    /// The last failed transaction that the owner knew of when it began this one.
    pub(super) aware_of: u64,
    pub(super) command: Command,
}

/// What a core is told when it is made.
#[derive(Debug, Clone)]
pub(super) struct CoreOptions {
    pub(super) numbering: Numbering,
    pub(super) transactional_id: Option<Arc<str>>,
    /// Requests in flight to a broker, and batches of a partition.
    pub(super) in_flight_max: usize,
    pub(super) delivery_timeout: Duration,
    /// Of records per request.
    pub(super) request_bytes_max: usize,
}

/// A Produce request to be sent.
#[derive(Debug)]
pub(super) struct Outbound {
    /// To be given back with the answer.
    pub(super) id: u64,
    pub(super) broker: BrokerId,
    pub(super) parcels: Vec<(TopicPartition, Parcel)>,
}

type LaneId = usize;

#[derive(Debug)]
struct Tracked {
    lane: Lane,
    leader: Option<BrokerId>,
}

/// What is known about the way to a broker.
#[derive(Debug, Default)]
struct Link {
    connected: bool,
    in_flight: usize,
}

#[derive(Debug)]
pub(super) struct Core {
    options: CoreOptions,
    lanes: Vec<Tracked>,
    by_partition: HashMap<TopicPartition, LaneId, foldhash::fast::FixedState>,
    /// Lanes that have batches.
    active: BTreeSet<LaneId>,
    /// Where the next round over the active lanes begins.
    turn: LaneId,
    links: BTreeMap<BrokerId, Link>,
    /// What is in flight, by request.
    requests: HashMap<u64, Vec<(LaneId, u64)>, foldhash::fast::FixedState>,
    next_request: u64,
    /// Without transactions: the producer id for lanes that have none.
    identity: Option<Identity>,
    transactions: Option<Transactions>,
    /// The transaction that commands are taken of.
    current: u64,
    /// The last transaction that did not end as its owner asked.
    failed: Option<(u64, TransactionError)>,
    refresh_metadata: bool,
    failure_told: Option<u64>,
}

impl Core {
    pub(super) fn new(options: CoreOptions) -> Self {
        let transactions = options
            .transactional_id
            .clone()
            .map(|id| Transactions::new(id, options.delivery_timeout));
        Core {
            options,
            lanes: Vec::new(),
            by_partition: HashMap::default(),
            active: BTreeSet::new(),
            turn: 0,
            links: BTreeMap::new(),
            requests: HashMap::default(),
            next_request: 0,
            identity: None,
            transactions,
            current: 0,
            failed: None,
            refresh_metadata: false,
            failure_told: None,
        }
    }

    /// Whether a command can be taken now.
    pub(super) fn takes_commands(&self) -> bool {
        self.transactions
            .as_ref()
            .is_none_or(|transactions| !transactions.is_busy())
    }

    /// Takes a command. `protocol`: what a transaction that begins now is to speak. `leader`: the
    /// leader of the partition, if it is known.
    pub(super) fn handle_command(
        &mut self,
        tagged: Tagged,
        protocol: Protocol,
        leader: impl FnOnce(&TopicPartition) -> Option<BrokerId>,
    ) {
        let Tagged {
            transaction,
            aware_of,
            command,
        } = tagged;
        let refused = self.refusal(transaction, aware_of);
        match command {
            Command::Init { promise } => {
                self.current = transaction;
                if let Some(transactions) = &mut self.transactions {
                    transactions.handle_init(promise);
                }
            }
            Command::End { end, promise } => {
                self.current = transaction;
                match (refused, end, &mut self.transactions) {
                    // It was never begun.
                    (Some(_), End::Abort, _) | (_, _, None) => promise.settle(Ok(())),
                    (Some(cause), End::Commit, _) => {
                        let outcome = TransactionOutcome::Aborted;
                        self.failed = Some((transaction, cause.clone()));
                        promise.settle(Err(CommitError { outcome, cause }));
                    }
                    (None, end, Some(transactions)) => transactions.handle_end(end, promise),
                }
            }
            Command::Offsets(offsets) => match self.open(transaction, refused, protocol) {
                Ok(()) => {
                    if let Some(transactions) = &mut self.transactions {
                        transactions.handle_offsets(offsets);
                    }
                }
                Err(error) => offsets.promise.settle(Err(error)),
            },
            Command::Batch {
                topic_partition,
                batch,
                settle,
                deadline,
            } => match self.open(transaction, refused, protocol) {
                Ok(()) => {
                    let id = self.lane_of(topic_partition, leader);
                    if let Some(tracked) = self.lanes.get_mut(id) {
                        tracked.lane.push(batch, settle, deadline);
                        self.active.insert(id);
                    }
                }
                Err(error) => {
                    let cause = error.to_string().into();
                    settle.failed(ProduceError::Aborted {
                        topic_partition,
                        cause,
                    });
                }
            },
        }
        self.settle_events();
    }

    /// A Produce request that can be sent now.
    pub(super) fn poll_request(&mut self, now: Instant) -> Option<Outbound> {
        let first = self
            .active
            .range(self.turn..)
            .chain(self.active.range(..self.turn));
        let order: Vec<LaneId> = first.copied().collect();
        let mut chosen: Option<(BrokerId, usize, Vec<LaneId>)> = None;
        for id in order {
            let Some(tracked) = self.lanes.get_mut(id) else {
                continue;
            };
            let Some(leader) = tracked.leader else {
                continue;
            };
            if chosen
                .as_ref()
                .is_some_and(|(broker, ..)| *broker != leader)
            {
                continue;
            }
            let link = self.links.entry(leader).or_default();
            if !link.connected || link.in_flight >= self.options.in_flight_max {
                continue;
            }
            let Some(bytes) = tracked.lane.sendable_bytes(now) else {
                continue;
            };
            if let Some(transactions) = &mut self.transactions
                && !transactions.may_send(tracked.lane.topic_partition())
            {
                continue;
            }
            match &mut chosen {
                None => chosen = Some((leader, bytes, vec![id])),
                Some((_, total, ids)) if *total + bytes <= self.options.request_bytes_max => {
                    *total += bytes;
                    ids.push(id);
                }
                // The next request begins with this lane.
                Some(_) => {
                    self.turn = id;
                    break;
                }
            }
        }
        let (broker, _, ids) = chosen?;
        let mut sent = Vec::with_capacity(ids.len());
        let mut parcels = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(tracked) = self.lanes.get_mut(id) else {
                continue;
            };
            if let Some(parcel) = tracked.lane.send() {
                sent.push((id, parcel.id));
                parcels.push((tracked.lane.topic_partition().clone(), parcel));
            }
        }
        if let Some(transactions) = &mut self.transactions {
            transactions.handle_sent();
        }
        if let Some(link) = self.links.get_mut(&broker) {
            link.in_flight += 1;
        }
        self.next_request += 1;
        let id = self.next_request;
        self.requests.insert(id, sent);
        Some(Outbound {
            id,
            broker,
            parcels,
        })
    }

    /// Takes the answers to a request, one for each parcel, in their order. For parcels without
    /// one, `otherwise` is the answer.
    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        broker: BrokerId,
        request: u64,
        answers: Vec<Option<Answer>>,
        otherwise: &Answer,
        mut backoff: impl FnMut(u32) -> Duration,
    ) {
        if let Some(link) = self.links.get_mut(&broker) {
            link.in_flight = link.in_flight.saturating_sub(1);
        }
        let Some(sent) = self.requests.remove(&request) else {
            return;
        };
        let answers = answers.into_iter().chain(std::iter::repeat(None));
        for ((id, parcel), answer) in sent.into_iter().zip(answers) {
            let answer = answer.unwrap_or_else(|| otherwise.clone());
            self.handle_answer(now, id, parcel, answer, &mut backoff);
        }
        self.settle_events();
    }

    fn handle_answer(
        &mut self,
        now: Instant,
        id: LaneId,
        parcel: u64,
        answer: Answer,
        backoff: impl FnMut(u32) -> Duration,
    ) {
        let Some(tracked) = self.lanes.get_mut(id) else {
            return;
        };
        let Aftermath {
            refresh_metadata,
            failure,
        } = tracked.lane.handle_answer(now, parcel, answer, backoff);
        self.refresh_metadata |= refresh_metadata;
        if tracked.lane.is_empty() {
            self.active.remove(&id);
        }
        if let (Some(failure), Some(transactions)) = (failure, &mut self.transactions) {
            transactions.handle_failed_batch(failure);
        }
    }

    /// Gives up batches whose time is over.
    pub(super) fn handle_timeouts(&mut self, now: Instant) {
        for id in self.active.clone() {
            let Some(tracked) = self.lanes.get_mut(id) else {
                continue;
            };
            let failure = tracked.lane.expire(now);
            if tracked.lane.is_empty() {
                self.active.remove(&id);
            }
            if let (Some(failure), Some(transactions)) = (failure, &mut self.transactions) {
                transactions.handle_failed_batch(failure);
            }
        }
        self.settle_events();
    }

    /// When [`Core::handle_timeouts`] or the polls have something to do without an answer.
    pub(super) fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let lanes = self
            .active
            .iter()
            .filter_map(|&id| self.lanes.get(id)?.lane.next_timeout(now));
        let call = self
            .transactions
            .as_ref()
            .and_then(Transactions::next_timeout);
        lanes.chain(call).min()
    }

    /// Looks up all leaders again.
    pub(super) fn handle_metadata(&mut self, leader: impl Fn(&TopicPartition) -> Option<BrokerId>) {
        for tracked in &mut self.lanes {
            let now = leader(tracked.lane.topic_partition());
            if now != tracked.leader {
                tracked.leader = now;
                tracked.lane.retry_now();
            }
        }
    }

    /// The brokers that batches wait for and that are not connected.
    pub(super) fn brokers_wanted(&self) -> BTreeSet<BrokerId> {
        self.active
            .iter()
            .filter_map(|&id| self.lanes.get(id)?.leader)
            .filter(|leader| self.links.get(leader).is_none_or(|link| !link.connected))
            .collect()
    }

    /// The topics of batches whose leader is not known.
    pub(super) fn topics_wanted(&self) -> BTreeSet<Arc<str>> {
        self.active
            .iter()
            .filter_map(|&id| self.lanes.get(id))
            .filter(|tracked| tracked.leader.is_none())
            .map(|tracked| Arc::clone(&tracked.lane.topic_partition().topic))
            .collect()
    }

    pub(super) fn handle_connected(&mut self, broker: BrokerId) {
        self.links.entry(broker).or_default().connected = true;
    }

    /// The connection to a broker ended. Requests in flight on it are answered one by one.
    pub(super) fn handle_disconnected(&mut self, broker: BrokerId) {
        self.links.entry(broker).or_default().connected = false;
    }

    /// A broker cannot be reached. Its leaders may have moved.
    pub(super) fn handle_unreachable(&mut self, broker: BrokerId, reason: &Arc<str>) {
        self.refresh_metadata = true;
        for &id in &self.active {
            if let Some(tracked) = self.lanes.get_mut(id).filter(|t| t.leader == Some(broker)) {
                tracked.lane.handle_obstacle(reason);
            }
        }
    }

    /// Batches of a topic cannot be sent, because nothing is known about it.
    pub(super) fn handle_unknown_topic(&mut self, topic: &str, reason: &Arc<str>) {
        for &id in &self.active {
            if let Some(tracked) = self
                .lanes
                .get_mut(id)
                .filter(|t| *t.lane.topic_partition().topic == *topic)
            {
                tracked.lane.handle_obstacle(reason);
            }
        }
    }

    /// Whether newer metadata is needed. Asks once.
    pub(super) fn take_refresh_metadata(&mut self) -> bool {
        std::mem::take(&mut self.refresh_metadata)
    }

    /// Without transactions: whether a producer id has to be asked for.
    pub(super) fn wants_identity(&mut self) -> bool {
        if self.options.numbering != Numbering::Idempotent {
            return false;
        }
        let mut wanted = false;
        for &id in &self.active {
            let Some(tracked) = self.lanes.get_mut(id) else {
                continue;
            };
            let Some(spent) = tracked.lane.needs_identity() else {
                continue;
            };
            match self.identity {
                Some(identity) if Some(identity.producer_id) != spent => {
                    tracked.lane.adopt(identity);
                }
                _ => wanted = true,
            }
        }
        wanted
    }

    /// Without transactions: takes the producer id asked for.
    pub(super) fn handle_identity(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    /// Without transactions: there is no producer id, and will be none.
    pub(super) fn handle_no_identity(&mut self, code: thalweg_protocol::ErrorCode) {
        for id in std::mem::take(&mut self.active) {
            if let Some(tracked) = self.lanes.get_mut(id) {
                tracked
                    .lane
                    .abandon(|topic_partition| ProduceError::Refused {
                        topic_partition: topic_partition.clone(),
                        code,
                        message: Some("a producer id was refused".into()),
                        records: Arc::default(),
                    });
            }
        }
    }

    /// The next request to a coordinator.
    pub(super) fn poll_call(&mut self, now: Instant) -> Option<(u64, Call)> {
        let ending = self
            .transactions
            .as_ref()
            .is_some_and(Transactions::is_busy);
        let state = if ending {
            self.lanes_state()
        } else {
            LanesState::default()
        };
        let call = self.transactions.as_mut()?.poll_call(now, state);
        self.settle_events();
        call
    }

    pub(super) fn handle_call_answer(
        &mut self,
        now: Instant,
        id: u64,
        answer: CallAnswer,
        backoff: impl FnOnce(u32) -> Duration,
    ) {
        if let Some(transactions) = &mut self.transactions {
            transactions.handle_answer(now, id, answer, backoff);
        }
        self.settle_events();
    }

    /// Whether another batch of the partition could be sent before those under way are answered.
    pub(super) fn has_room(&self, topic_partition: &TopicPartition) -> bool {
        self.by_partition
            .get(topic_partition)
            .and_then(|&id| self.lanes.get(id))
            .is_none_or(|tracked| tracked.lane.len() < self.options.in_flight_max)
    }

    /// What the current transaction speaks.
    pub(super) fn protocol(&self) -> Option<Protocol> {
        self.transactions.as_ref().map(Transactions::protocol)
    }

    /// That the current transaction has failed, and why. Told once.
    pub(super) fn take_failure(&mut self) -> Option<(u64, TransactionError)> {
        let failure = self.transactions.as_ref()?.failure()?;
        if self.failure_told == Some(self.current) {
            return None;
        }
        self.failure_told = Some(self.current);
        Some((self.current, failure.clone()))
    }

    /// Finishes what was begun, now that no command will follow: batches are delivered, an open
    /// transaction is aborted. True when there is nothing left to do.
    pub(super) fn close_gracefully(&mut self) -> bool {
        let Some(transactions) = &mut self.transactions else {
            return self.active.is_empty();
        };
        if transactions.is_busy() {
            return false;
        }
        transactions.handle_end(End::Abort, Promise::shared());
        let done = !transactions.is_busy();
        self.settle_events();
        done
    }

    /// Ends everything.
    pub(super) fn close(&mut self) {
        for id in std::mem::take(&mut self.active) {
            if let Some(tracked) = self.lanes.get_mut(id) {
                let indefinite = tracked.lane.is_indefinite();
                tracked.lane.abandon(|topic_partition| match indefinite {
                    true => ProduceError::OutcomeUnknown {
                        topic_partition: topic_partition.clone(),
                        last: "the producer was closed".into(),
                    },
                    false => ProduceError::Closed {
                        topic_partition: topic_partition.clone(),
                    },
                });
            }
        }
        if let Some(transactions) = &mut self.transactions {
            transactions.close();
        }
    }

    fn lanes_state(&self) -> LanesState {
        let mut state = LanesState {
            idle: self.active.is_empty(),
            ..Default::default()
        };
        for tracked in &self.lanes {
            state.indefinite |= tracked.lane.is_indefinite();
            state.gap |= tracked.lane.has_gap();
        }
        state
    }

    /// Why commands of the transaction are not carried out.
    fn refusal(&self, transaction: u64, aware_of: u64) -> Option<TransactionError> {
        let (failed, error) = self.failed.as_ref()?;
        (*failed < transaction && aware_of < *failed)
            .then(|| TransactionError::PredecessorFailed(Box::new(error.clone())))
    }

    fn open(
        &mut self,
        transaction: u64,
        refused: Option<TransactionError>,
        protocol: Protocol,
    ) -> Result<(), TransactionError> {
        self.current = transaction;
        match (refused, &mut self.transactions) {
            (Some(error), _) => Err(error),
            (None, None) => Ok(()),
            (None, Some(transactions)) => transactions.open(protocol),
        }
    }

    fn lane_of(
        &mut self,
        topic_partition: TopicPartition,
        leader: impl FnOnce(&TopicPartition) -> Option<BrokerId>,
    ) -> LaneId {
        if let Some(&id) = self.by_partition.get(&topic_partition) {
            return id;
        }
        let id = self.lanes.len();
        let mut lane = Lane::new(
            topic_partition.clone(),
            self.options.numbering,
            self.options.in_flight_max,
            self.options.delivery_timeout,
        );
        if let Some(identity) = self.transactions.as_ref().and_then(Transactions::identity) {
            lane.adopt(identity);
        }
        let leader = leader(&topic_partition);
        self.lanes.push(Tracked { lane, leader });
        self.by_partition.insert(topic_partition, id);
        id
    }

    fn settle_events(&mut self) {
        let mut events = VecDeque::new();
        if let Some(transactions) = &mut self.transactions {
            while let Some(event) = transactions.poll_event() {
                events.push_back(event);
            }
        }
        for event in events {
            match event {
                Event::Adopt(identity) => {
                    for tracked in &mut self.lanes {
                        tracked.lane.forget_abandoned();
                        tracked.lane.adopt(identity);
                    }
                }
                Event::Abandon(cause) => {
                    for id in std::mem::take(&mut self.active) {
                        let Some(tracked) = self.lanes.get_mut(id) else {
                            continue;
                        };
                        tracked
                            .lane
                            .abandon(|topic_partition| ProduceError::Aborted {
                                topic_partition: topic_partition.clone(),
                                cause: Arc::clone(&cause),
                            });
                    }
                }
                Event::Failed(error) => self.failed = Some((self.current, error)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
