//! The transactions of one transactional id, one after another: what to ask which coordinator next,
//! and what its answer means. No I/O, no clock.
//!
//! ```text
//!                 init                    first record or offset
//!  Uninitialised ──────► Initialising ──► Ready ──────────► Open
//!                          ▲    ▲          ▲ ▲               │ commit, abort
//!             reinitialise │    │ new epoch│ │ EndTxn        ▼
//!                        Broken ◄──────────┴─┴──────────── Ending
//!                               fenced, outcome unknown
//! ```
//!
//! There are two protocols, chosen anew for each transaction by the cluster's finalised
//! `transaction.version`:
//!
//! - **One** (KIP-98, KIP-447). Partitions and groups are added to the transaction before anything
//!   is sent there. The epoch stays from one transaction to the next, so a request that is still
//!   under way somewhere when the transaction is aborted could arrive in the next one. After any
//!   request whose outcome is not known, the transaction is therefore ended by InitProducerId, which
//!   raises the epoch, and never by EndTxn.
//! - **Two** (KIP-890). The first Produce or TxnOffsetCommit adds its partition implicitly, and every
//!   EndTxn raises the epoch (or gives another producer id when epochs are used up), so EndTxn(abort)
//!   is always safe. Aborting a transaction nothing has reached is legal and raises the epoch, too.
//!
//! A lost answer to EndTxn. The same request, under the same epoch, is sent until an answer comes.
//! The coordinator knows a repetition: in protocol Two by an epoch one below its own (or the last
//! epoch of the producer id before), and answers a commit that was done with success and the new
//! epoch. Refusals after a lost answer prove nothing: `PRODUCER_FENCED` comes also when the commit
//! was done and somebody has initialised the id since. The outcome is then reported as unknown.
//! A refusal of the very first attempt is definite: nothing was committed.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::ErrorCode;
use tokio::time::Instant;

use crate::error::Disposition;
use crate::{GroupMetadata, OffsetAndMetadata, TopicPartition};

use super::error::{CommitError, ProduceError, TransactionError, TransactionOutcome};
use super::lane::CONCURRENT_TRANSACTIONS_BACKOFF;
use super::promise::Promise;
use super::sequence::Identity;
use super::verdict::{CoordinatorOperation, CoordinatorVerdict, coordinator_verdict};

/// Which of Kafka's two transaction protocols is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    One,
    Two,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    Abort,
}

pub(super) type EndPromise = Arc<Promise<Result<(), CommitError>>>;
pub(super) type StepPromise = Arc<Promise<Result<(), TransactionError>>>;

/// The offsets of a consumer group, to be committed with the transaction.
#[derive(Debug)]
pub(super) struct Offsets {
    pub(super) group: GroupMetadata,
    pub(super) offsets: Arc<[(TopicPartition, OffsetAndMetadata)]>,
    pub(super) promise: StepPromise,
}

/// A request to a coordinator.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Call {
    InitProducerId {
        known: Option<Identity>,
    },
    AddPartitions {
        identity: Identity,
        partitions: Vec<TopicPartition>,
    },
    AddOffsets {
        identity: Identity,
        group: Arc<str>,
    },
    OffsetCommit {
        identity: Identity,
        protocol: Protocol,
        group: GroupMetadata,
        offsets: Arc<[(TopicPartition, OffsetAndMetadata)]>,
    },
    EndTransaction {
        identity: Identity,
        protocol: Protocol,
        end: End,
    },
}

impl Call {
    pub(super) fn operation(&self) -> CoordinatorOperation {
        match self {
            Call::InitProducerId { .. } => CoordinatorOperation::InitProducerId,
            Call::AddPartitions { .. } => CoordinatorOperation::AddPartitions,
            Call::AddOffsets { .. } => CoordinatorOperation::AddOffsets,
            Call::OffsetCommit { .. } => CoordinatorOperation::OffsetCommit,
            Call::EndTransaction { .. } => CoordinatorOperation::EndTransaction,
        }
    }
}

/// What came of a call.
#[derive(Debug, Clone)]
pub(super) enum CallAnswer {
    /// The coordinator's code, and the identity its answer brought, if any.
    Code(ErrorCode, Option<Identity>),
    /// One code per partition.
    Partitions(Vec<(TopicPartition, ErrorCode)>),
    /// None came. `sent`: the coordinator may have done what was asked.
    Lost { sent: bool, reason: Arc<str> },
    /// It cannot be sent to this cluster.
    Unsupported { reason: Arc<str> },
}

/// What the batches of the transaction are doing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LanesState {
    /// All are settled, and no answers are outstanding.
    pub(super) idle: bool,
    /// A batch may be in a log although its outcome is not known.
    pub(super) indefinite: bool,
    /// Sequence numbers were lost that the epoch cannot go on from.
    pub(super) gap: bool,
}

/// What follows, beyond the transaction itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    /// Batches are to be numbered from 0 under this identity.
    Adopt(Identity),
    /// The transaction cannot commit: its batches are to be given up.
    Abandon(Arc<str>),
    /// A transaction ended otherwise than its owner asked for. What was begun after it, before its
    /// owner knew, must not be carried out.
    Failed(TransactionError),
}

#[derive(Debug)]
enum Phase {
    Uninitialised,
    Initialising(Initialising),
    Ready,
    Open,
    Ending(Ending),
    Broken(TransactionError),
}

#[derive(Debug)]
struct Initialising {
    /// Only the producer with this identity may be succeeded; `None` for whoever has the id.
    known: Option<Identity>,
    /// The coordinator may be fencing our own last transaction: being refused proves nothing.
    disturbed: bool,
    /// Taking the id from another producer is what was asked for.
    takes_over: bool,
    then: Then,
}

/// Who waits for an initialisation.
#[derive(Debug)]
enum Then {
    Tell(StepPromise),
    /// It ends a transaction.
    End {
        promise: EndPromise,
        failure: Option<TransactionError>,
    },
}

#[derive(Debug)]
struct Ending {
    asked: End,
    /// What it has become: a commit that cannot be is an abort.
    end: End,
    promise: EndPromise,
    /// Why a commit became an abort.
    failure: Option<TransactionError>,
    /// An attempt of EndTxn(commit) was made whose outcome is not known.
    tainted: bool,
    /// Sequence numbers were lost that the epoch cannot go on from.
    gap: bool,
}

/// A call under way or about to be repeated.
#[derive(Debug)]
struct Slot {
    call: Call,
    id: Option<u64>,
    not_before: Option<Instant>,
    give_up: Instant,
    attempts: u32,
    last: Arc<str>,
    /// An attempt was made whose outcome is not known.
    tainted: bool,
}

#[derive(Debug)]
pub(super) struct Transactions {
    transactional_id: Arc<str>,
    /// How long a step is repeated.
    patience: Duration,
    identity: Option<Identity>,
    phase: Phase,
    protocol: Protocol,
    /// Something may have reached a coordinator or a partition leader since the transaction began.
    started: bool,
    /// A step of the transaction has an outcome that is not known (protocol One).
    indefinite: bool,
    failure: Option<TransactionError>,
    added: BTreeSet<TopicPartition>,
    to_add: BTreeSet<TopicPartition>,
    groups_added: BTreeSet<Arc<str>>,
    offsets: VecDeque<Offsets>,
    /// Offsets that were refused, by group; mended by offsets of the same group that are not.
    offsets_refused: Option<(Arc<str>, TransactionError)>,
    /// To the transaction coordinator.
    main: Option<Slot>,
    /// To the group coordinator.
    group: Option<Slot>,
    next_call: u64,
    events: VecDeque<Event>,
}

impl Transactions {
    pub(super) fn new(transactional_id: Arc<str>, patience: Duration) -> Self {
        Transactions {
            transactional_id,
            patience,
            identity: None,
            phase: Phase::Uninitialised,
            protocol: Protocol::One,
            started: false,
            indefinite: false,
            failure: None,
            added: BTreeSet::new(),
            to_add: BTreeSet::new(),
            groups_added: BTreeSet::new(),
            offsets: VecDeque::new(),
            offsets_refused: None,
            main: None,
            group: None,
            next_call: 0,
            events: VecDeque::new(),
        }
    }

    /// The identity batches are numbered under, once there is one.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.identity
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Why the open transaction, or the producer, cannot go on.
    pub(super) fn failure(&self) -> Option<&TransactionError> {
        match &self.phase {
            Phase::Uninitialised => None,
            Phase::Broken(error) => Some(error),
            _ => self.failure.as_ref(),
        }
    }

    /// Whether commands of the next transaction have to wait.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Ending(_) | Phase::Initialising(_))
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Begins a transaction, unless one is open. `Err` when none can be.
    pub(super) fn open(&mut self, protocol: Protocol) -> Result<(), TransactionError> {
        match &self.phase {
            Phase::Ready => {
                self.protocol = protocol;
                self.phase = Phase::Open;
                Ok(())
            }
            Phase::Open => match &self.failure {
                None => Ok(()),
                Some(failure) => Err(failure.clone()),
            },
            Phase::Broken(error) => Err(error.clone()),
            Phase::Uninitialised | Phase::Initialising(_) | Phase::Ending(_) => {
                Err(TransactionError::NotInitialised)
            }
        }
    }

    /// Whether batches may be sent to the partition now; if not, it is seen to that they soon may.
    pub(super) fn may_send(&mut self, topic_partition: &TopicPartition) -> bool {
        let sending = matches!(self.phase, Phase::Open)
            || matches!(&self.phase, Phase::Ending(ending) if ending.end == End::Commit);
        if !sending || self.failure.is_some() || self.identity.is_none() {
            return false;
        }
        if self.protocol == Protocol::Two || self.added.contains(topic_partition) {
            return true;
        }
        if !self.to_add.contains(topic_partition) {
            self.to_add.insert(topic_partition.clone());
        }
        false
    }

    /// Notes that a batch was handed to a connection.
    pub(super) fn handle_sent(&mut self) {
        self.started = true;
    }

    /// Notes that a batch failed: the transaction cannot commit.
    pub(super) fn handle_failed_batch(&mut self, error: ProduceError) {
        let error = match (error.disposition(), &error) {
            (Disposition::Reinitialise, ProduceError::Refused { code, .. }) => {
                self.fenced("Produce", *code)
            }
            _ => TransactionError::Produce(error),
        };
        self.fail(error);
    }

    /// Sends offsets with the open transaction.
    pub(super) fn handle_offsets(&mut self, offsets: Offsets) {
        if let Some(failure) = self.failure() {
            offsets.promise.settle(Err(failure.clone()));
            return;
        }
        self.offsets.push_back(offsets);
    }

    /// Ends the open transaction.
    pub(super) fn handle_end(&mut self, end: End, promise: EndPromise) {
        match &self.phase {
            // Nothing was begun.
            Phase::Ready => promise.settle(Ok(())),
            Phase::Open => {
                let asked = end;
                let ending = Ending {
                    asked,
                    end,
                    promise,
                    failure: None,
                    tainted: false,
                    gap: false,
                };
                self.phase = Phase::Ending(ending);
                let refused = self.offsets_refused.take().map(|(_, error)| error);
                match (end, self.failure.clone().or(refused)) {
                    (End::Commit, Some(failure)) => self.turn_to_abort(failure),
                    (End::Commit, None) => {}
                    (End::Abort, _) => {
                        self.give_up_steps(&TransactionError::Aborted);
                        self.events
                            .push_back(Event::Abandon("its owner aborted it".into()));
                    }
                }
            }
            Phase::Broken(error) => {
                let cause = error.clone();
                self.tell(promise, TransactionOutcome::Aborted, Some(cause));
            }
            Phase::Uninitialised | Phase::Initialising(_) | Phase::Ending(_) => {
                let cause = TransactionError::NotInitialised;
                self.tell(promise, TransactionOutcome::Aborted, Some(cause));
            }
        }
    }

    /// Gets the producer an identity, new or anew, and aborts what is open under the old one.
    pub(super) fn handle_init(&mut self, promise: StepPromise) {
        self.give_up_steps(&TransactionError::Aborted);
        self.events
            .push_back(Event::Abandon("the producer was initialised anew".into()));
        // The main slot may hold a call whose answer must not count any more.
        self.main = None;
        self.phase = Phase::Initialising(Initialising {
            known: self.identity,
            disturbed: false,
            takes_over: true,
            then: Then::Tell(promise),
        });
    }

    /// The next request to a coordinator, with a number to be given back with its answer.
    pub(super) fn poll_call(&mut self, now: Instant, lanes: LanesState) -> Option<(u64, Call)> {
        self.prepare_main(now, lanes);
        self.prepare_group(now);
        let next_call = &mut self.next_call;
        [&mut self.main, &mut self.group]
            .into_iter()
            .flatten()
            .find_map(|slot| {
                let due = slot.id.is_none() && slot.not_before.is_none_or(|at| at <= now);
                due.then(|| {
                    *next_call += 1;
                    slot.id = Some(*next_call);
                    slot.not_before = None;
                    (*next_call, slot.call.clone())
                })
            })
    }

    /// When a call is to be repeated.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        [&self.main, &self.group]
            .into_iter()
            .flatten()
            .filter_map(|slot| slot.not_before)
            .min()
    }

    /// Takes what came of a call. The answer to a call that no longer matters is ignored.
    pub(super) fn handle_answer(
        &mut self,
        now: Instant,
        id: u64,
        answer: CallAnswer,
        backoff: impl FnOnce(u32) -> Duration,
    ) {
        let is = |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| slot.id == Some(id));
        let slot = if is(&self.main) {
            self.main.take()
        } else if is(&self.group) {
            self.group.take()
        } else {
            None
        };
        let Some(mut slot) = slot else { return };
        slot.id = None;
        let operation = slot.call.operation();
        let (verdict, code, identity) = match answer {
            CallAnswer::Code(code, identity) => {
                slot.last = code.to_string().into();
                (coordinator_verdict(operation, code), code, identity)
            }
            CallAnswer::Partitions(results) => {
                let (verdict, code) = self.partitions_verdict(&slot.call, results);
                slot.last = code.to_string().into();
                (verdict, code, None)
            }
            CallAnswer::Lost { sent, reason } => {
                slot.last = reason;
                slot.tainted |= sent;
                let pause = backoff(slot.attempts);
                return self.repeat(now, slot, pause);
            }
            CallAnswer::Unsupported { reason } => {
                let operation = operation.name();
                return self.give_up(slot, TransactionError::Unsupported { operation, reason });
            }
        };
        match verdict {
            CoordinatorVerdict::Done => self.done(slot, identity),
            CoordinatorVerdict::Retry => {
                let pause = backoff(slot.attempts);
                self.repeat(now, slot, pause);
            }
            CoordinatorVerdict::RetryElsewhere => {
                slot.tainted = true;
                let pause = backoff(slot.attempts);
                self.repeat(now, slot, pause);
            }
            CoordinatorVerdict::RetrySoon => {
                if let Phase::Initialising(initialising) = &mut self.phase {
                    initialising.disturbed = true;
                }
                let patient = CONCURRENT_TRANSACTIONS_BACKOFF * slot.attempts.clamp(1, 10);
                self.repeat(now, slot, patient);
            }
            CoordinatorVerdict::Fenced => self.refused_as_fenced(slot, code),
            CoordinatorVerdict::Rejoin => {
                let Call::OffsetCommit { group, .. } = &slot.call else {
                    return;
                };
                let group = Arc::clone(&group.group_id);
                let error = TransactionError::OffsetsRefused {
                    group: Arc::clone(&group),
                    code,
                };
                self.offsets_refused = Some((group, error.clone()));
                if let Some(offsets) = self.offsets.pop_front() {
                    offsets.promise.settle(Err(error.clone()));
                }
                if matches!(self.phase, Phase::Ending(_)) {
                    self.offsets_refused = None;
                    self.turn_to_abort(error);
                }
            }
            CoordinatorVerdict::Failed(disposition) => {
                let error = TransactionError::Refused {
                    transactional_id: Arc::clone(&self.transactional_id),
                    operation: operation.name(),
                    code,
                    disposition,
                };
                self.give_up(slot, error);
            }
        }
    }

    /// Ends everything: the producer is closed. Who waits is told so.
    pub(super) fn close(&mut self) {
        self.give_up_steps(&TransactionError::Closed);
        self.main = None;
        match std::mem::replace(&mut self.phase, Phase::Broken(TransactionError::Closed)) {
            Phase::Initialising(Initialising {
                then: Then::Tell(promise),
                ..
            }) => {
                promise.settle(Err(TransactionError::Closed));
            }
            Phase::Initialising(Initialising {
                then: Then::End { promise, .. },
                ..
            }) => {
                let outcome = TransactionOutcome::Aborted;
                promise.settle(Err(CommitError {
                    outcome,
                    cause: TransactionError::Closed,
                }));
            }
            Phase::Ending(ending) => {
                // An EndTxn may be under way.
                let outcome = match ending.end {
                    End::Commit => TransactionOutcome::Unknown,
                    End::Abort => TransactionOutcome::Aborted,
                };
                let cause = TransactionError::Closed;
                ending.promise.settle(Err(CommitError { outcome, cause }));
            }
            Phase::Uninitialised | Phase::Ready | Phase::Open | Phase::Broken(_) => {}
        }
    }

    // What to ask next.

    fn prepare_main(&mut self, now: Instant, lanes: LanesState) {
        if self.main.is_some() {
            return;
        }
        let call = match &self.phase {
            Phase::Initialising(initialising) => Some(Call::InitProducerId {
                known: initialising.known,
            }),
            Phase::Open => self.next_addition(),
            Phase::Ending(ending) if ending.end == End::Commit => {
                let addition = self.next_addition();
                let settled = lanes.idle
                    && self.to_add.is_empty()
                    && self.offsets.is_empty()
                    && self.group.is_none();
                match addition {
                    None if settled => return self.end_commit(now),
                    addition => addition,
                }
            }
            Phase::Ending(_) => return self.end_abort(now, lanes),
            Phase::Uninitialised | Phase::Ready | Phase::Broken(_) => None,
        };
        if let Some(call) = call {
            self.main = Some(self.slot(now, call));
        }
    }

    /// Protocol One: what must be added to the transaction before it is written to.
    fn next_addition(&self) -> Option<Call> {
        let identity = self.identity?;
        if self.protocol == Protocol::Two || self.failure.is_some() {
            return None;
        }
        if !self.to_add.is_empty() {
            let partitions = self.to_add.iter().cloned().collect();
            return Some(Call::AddPartitions {
                identity,
                partitions,
            });
        }
        let group = &self.offsets.front()?.group.group_id;
        let group = (!self.groups_added.contains(group)).then(|| Arc::clone(group))?;
        Some(Call::AddOffsets { identity, group })
    }

    fn prepare_group(&mut self, now: Instant) {
        if self.group.is_some() || self.failure.is_some() {
            return;
        }
        let (Some(identity), Some(next)) = (self.identity, self.offsets.front()) else {
            return;
        };
        let group_is_added = self.groups_added.contains(&next.group.group_id);
        if self.protocol == Protocol::One && !group_is_added {
            return;
        }
        let call = Call::OffsetCommit {
            identity,
            protocol: self.protocol,
            group: next.group.clone(),
            offsets: Arc::clone(&next.offsets),
        };
        self.started = true;
        self.group = Some(self.slot(now, call));
    }

    fn end_commit(&mut self, now: Instant) {
        if !self.started {
            return self.finish();
        }
        if let Some(call) = self.end_call(End::Commit) {
            self.main = Some(self.slot(now, call));
        }
    }

    fn end_abort(&mut self, now: Instant, lanes: LanesState) {
        let unsettled = self.indefinite || self.group.is_some() || lanes.indefinite;
        match self.protocol {
            _ if !self.started && !unsettled && !lanes.gap => self.finish(),
            // What is still under way is fenced by the epoch that the abort brings.
            Protocol::Two => {
                self.group = None;
                if let Some(call) = self.end_call(End::Abort) {
                    self.main = Some(self.slot(now, call));
                }
            }
            Protocol::One if unsettled || !self.started => {
                self.group = None;
                self.initialise_to_end();
            }
            Protocol::One => {
                if let Phase::Ending(ending) = &mut self.phase {
                    ending.gap = lanes.gap;
                }
                if let Some(call) = self.end_call(End::Abort) {
                    self.main = Some(self.slot(now, call));
                }
            }
        }
    }

    fn end_call(&self, end: End) -> Option<Call> {
        let (identity, protocol) = (self.identity?, self.protocol);
        Some(Call::EndTransaction {
            identity,
            protocol,
            end,
        })
    }

    /// Ends the transaction by raising the epoch.
    fn initialise_to_end(&mut self) {
        let Phase::Ending(ending) = std::mem::replace(&mut self.phase, Phase::Ready) else {
            return;
        };
        let failure = ending.failure.filter(|_| ending.asked == End::Commit);
        self.phase = Phase::Initialising(Initialising {
            known: self.identity,
            disturbed: false,
            takes_over: false,
            then: Then::End {
                promise: ending.promise,
                failure,
            },
        });
    }

    fn slot(&self, now: Instant, call: Call) -> Slot {
        Slot {
            call,
            id: None,
            not_before: None,
            give_up: now + self.patience,
            attempts: 0,
            last: "not sent yet".into(),
            tainted: false,
        }
    }

    // What an answer means.

    fn done(&mut self, slot: Slot, answered: Option<Identity>) {
        match slot.call {
            Call::InitProducerId { .. } => self.initialised(answered),
            Call::AddPartitions { partitions, .. } => {
                self.started = true;
                for partition in partitions {
                    self.to_add.remove(&partition);
                    self.added.insert(partition);
                }
            }
            Call::AddOffsets { group, .. } => {
                self.started = true;
                self.groups_added.insert(group);
            }
            Call::OffsetCommit { group, .. } => {
                if self
                    .offsets_refused
                    .as_ref()
                    .is_some_and(|(of, _)| *of == group.group_id)
                {
                    self.offsets_refused = None;
                }
                if let Some(offsets) = self.offsets.pop_front() {
                    offsets.promise.settle(Ok(()));
                }
            }
            Call::EndTransaction { end, .. } => {
                if let Some(identity) = answered {
                    self.adopt(identity);
                }
                self.ended(end);
            }
        }
    }

    fn initialised(&mut self, answered: Option<Identity>) {
        let Phase::Initialising(initialising) = std::mem::replace(&mut self.phase, Phase::Ready)
        else {
            return;
        };
        if let Some(identity) = answered {
            self.adopt(identity);
        }
        match initialising.then {
            Then::Tell(promise) => {
                self.clear();
                promise.settle(Ok(()));
            }
            Then::End { promise, failure } => {
                self.clear();
                self.tell(promise, TransactionOutcome::Aborted, failure);
            }
        }
    }

    fn ended(&mut self, end: End) {
        // Protocol One goes on with the same epoch. Where sequence numbers were lost in it, the next
        // epoch starts them anew.
        let gap = matches!(&self.phase, Phase::Ending(ending) if ending.gap);
        if end == End::Abort && self.protocol == Protocol::One && gap {
            self.initialise_to_end();
        } else {
            self.finish();
        }
    }

    fn adopt(&mut self, identity: Identity) {
        if self.identity != Some(identity) {
            self.identity = Some(identity);
            self.events.push_back(Event::Adopt(identity));
        }
    }

    /// The decisive code of an answer with one code per partition.
    fn partitions_verdict(
        &mut self,
        call: &Call,
        results: Vec<(TopicPartition, ErrorCode)>,
    ) -> (CoordinatorVerdict, ErrorCode) {
        let operation = call.operation();
        let mut decisive = (CoordinatorVerdict::Done, ErrorCode::NONE);
        let adding = operation == CoordinatorOperation::AddPartitions;
        for (topic_partition, code) in results {
            let verdict = coordinator_verdict(operation, code);
            if adding && verdict == CoordinatorVerdict::Done {
                self.started = true;
                self.to_add.remove(&topic_partition);
                self.added.insert(topic_partition);
            }
            if rank(verdict) > rank(decisive.0) {
                decisive = (verdict, code);
            }
        }
        decisive
    }

    fn repeat(&mut self, now: Instant, mut slot: Slot, pause: Duration) {
        if now >= slot.give_up {
            let error = TransactionError::NoAnswer {
                transactional_id: Arc::clone(&self.transactional_id),
                operation: slot.call.operation().name(),
                last: Arc::clone(&slot.last),
                disposition: match slot.call {
                    Call::InitProducerId { .. } | Call::EndTransaction { .. } => {
                        Disposition::Reinitialise
                    }
                    _ => Disposition::AbortTransaction,
                },
            };
            return self.give_up(slot, error);
        }
        // The transaction has failed meanwhile: its steps are not repeated.
        let aborting = matches!(&self.phase, Phase::Ending(ending) if ending.end == End::Abort);
        let step = matches!(
            slot.call,
            Call::AddPartitions { .. } | Call::AddOffsets { .. } | Call::OffsetCommit { .. }
        );
        if step && (aborting || self.failure.is_some()) {
            self.indefinite |= slot.tainted;
            return;
        }
        slot.attempts = slot.attempts.saturating_add(1);
        slot.not_before = Some(now + pause);
        // What was to be added may have grown meanwhile.
        if let Call::AddPartitions { partitions, .. } = &mut slot.call {
            *partitions = self.to_add.iter().cloned().collect();
        }
        match slot.call {
            Call::OffsetCommit { .. } => self.group = Some(slot),
            _ => self.main = Some(slot),
        }
    }

    fn refused_as_fenced(&mut self, slot: Slot, code: ErrorCode) {
        if let (Phase::Initialising(initialising), Call::InitProducerId { known }) =
            (&mut self.phase, &slot.call)
        {
            // The identity was refused. Where our own request may have been what ended it, or
            // taking over is what was asked for, any identity will do.
            let may_take_over = initialising.takes_over || initialising.disturbed || slot.tainted;
            if known.is_some() && may_take_over {
                initialising.known = None;
                return;
            }
        }
        let error = self.fenced(slot.call.operation().name(), code);
        self.give_up(slot, error);
    }

    /// A call will not succeed.
    fn give_up(&mut self, slot: Slot, error: TransactionError) {
        match slot.call {
            Call::InitProducerId { .. } => {
                let broken = Phase::Broken(error.clone());
                let Phase::Initialising(initialising) = std::mem::replace(&mut self.phase, broken)
                else {
                    return;
                };
                self.clear();
                match initialising.then {
                    Then::Tell(promise) => promise.settle(Err(error)),
                    // No EndTxn(commit) was ever sent: what is open can only be aborted.
                    Then::End { promise, failure } => {
                        let cause = worse(failure, error);
                        self.tell(promise, TransactionOutcome::Aborted, Some(cause));
                    }
                }
            }
            Call::EndTransaction { end, .. } => self.end_refused(end, slot.tainted, error),
            Call::AddPartitions { .. } | Call::AddOffsets { .. } | Call::OffsetCommit { .. } => {
                self.indefinite |= slot.tainted;
                if let Call::OffsetCommit { .. } = slot.call
                    && let Some(offsets) = self.offsets.pop_front()
                {
                    offsets.promise.settle(Err(error.clone()));
                }
                self.fail(error);
            }
        }
    }

    fn end_refused(&mut self, end: End, tainted: bool, error: TransactionError) {
        let Phase::Ending(ending) = &mut self.phase else {
            return;
        };
        ending.tainted |= tainted;
        let definite = !ending.tainted;
        if end == End::Commit && definite && error.disposition() == Disposition::AbortTransaction {
            return self.turn_to_abort(error);
        }
        let outcome = match end {
            End::Commit if !definite => TransactionOutcome::Unknown,
            _ => TransactionOutcome::Aborted,
        };
        let broken = Phase::Broken(error.clone());
        let Phase::Ending(ending) = std::mem::replace(&mut self.phase, broken) else {
            return;
        };
        self.clear();
        let cause = worse(ending.failure, error);
        self.tell(ending.promise, outcome, Some(cause));
    }

    /// The transaction cannot commit.
    fn fail(&mut self, error: TransactionError) {
        match &self.phase {
            Phase::Open if self.failure.is_none() => {
                self.give_up_steps(&error);
                self.events
                    .push_back(Event::Abandon(error.to_string().into()));
                self.failure = Some(error);
            }
            Phase::Ending(ending) if ending.end == End::Commit => self.turn_to_abort(error),
            _ => {}
        }
    }

    /// A commit that cannot be becomes an abort.
    fn turn_to_abort(&mut self, error: TransactionError) {
        self.give_up_steps(&error);
        let Phase::Ending(ending) = &mut self.phase else {
            return;
        };
        ending.end = End::Abort;
        ending.failure.get_or_insert(error.clone());
        self.events
            .push_back(Event::Abandon(error.to_string().into()));
    }

    fn give_up_steps(&mut self, error: &TransactionError) {
        for offsets in self.offsets.drain(..) {
            offsets.promise.settle(Err(error.clone()));
        }
        self.to_add.clear();
        if let Some(slot) = self.group.take() {
            self.indefinite |= slot.tainted || slot.id.is_some();
        }
        // An addition under way is waited for; one that only pauses is not repeated.
        let additions = |slot: &mut Slot| {
            matches!(
                slot.call,
                Call::AddPartitions { .. } | Call::AddOffsets { .. }
            ) && slot.id.is_none()
        };
        if let Some(slot) = self.main.take_if(additions) {
            self.indefinite |= slot.tainted;
        }
    }

    fn finish(&mut self) {
        let Phase::Ending(ending) = std::mem::replace(&mut self.phase, Phase::Ready) else {
            return;
        };
        self.clear();
        let cause = ending.failure.filter(|_| ending.asked == End::Commit);
        self.tell(ending.promise, TransactionOutcome::Aborted, cause);
    }

    /// Tells the owner of a transaction how it ended.
    fn tell(
        &mut self,
        promise: EndPromise,
        outcome: TransactionOutcome,
        cause: Option<TransactionError>,
    ) {
        match cause {
            None => promise.settle(Ok(())),
            Some(cause) => {
                self.events.push_back(Event::Failed(cause.clone()));
                promise.settle(Err(CommitError { outcome, cause }));
            }
        }
    }

    fn clear(&mut self) {
        self.started = false;
        self.indefinite = false;
        self.failure = None;
        self.added.clear();
        self.to_add.clear();
        self.groups_added.clear();
        self.offsets_refused = None;
        self.give_up_steps(&TransactionError::Aborted);
        self.indefinite = false;
        self.main = None;
    }

    fn fenced(&self, operation: &'static str, code: ErrorCode) -> TransactionError {
        let transactional_id = Arc::clone(&self.transactional_id);
        TransactionError::Fenced {
            transactional_id,
            operation,
            code,
        }
    }
}

/// Which of several answers decides: the one that asks for most.
fn rank(verdict: CoordinatorVerdict) -> u8 {
    match verdict {
        CoordinatorVerdict::Done => 0,
        CoordinatorVerdict::RetrySoon => 1,
        CoordinatorVerdict::Retry => 2,
        CoordinatorVerdict::RetryElsewhere => 3,
        CoordinatorVerdict::Rejoin => 4,
        CoordinatorVerdict::Failed(_) => 5,
        CoordinatorVerdict::Fenced => 6,
    }
}

/// The error that asks for more, so that a failed abort is not hidden by what it was meant to mend.
fn worse(first: Option<TransactionError>, second: TransactionError) -> TransactionError {
    fn severity(disposition: Disposition) -> u8 {
        match disposition {
            Disposition::Retry => 0,
            Disposition::AbortTransaction => 1,
            Disposition::Rejoin => 2,
            Disposition::Reinitialise => 3,
            Disposition::Fatal => 4,
        }
    }
    match first {
        Some(first) if severity(first.disposition()) > severity(second.disposition()) => first,
        _ => second,
    }
}
