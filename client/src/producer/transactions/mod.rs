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
//!   under way somewhere when the transaction ends could arrive in the next one. Where the outcome of
//!   a request is not known, the transaction is therefore aborted by InitProducerId, which raises the
//!   epoch, and never by EndTxn; where a request was repeated because its first answer was lost, the
//!   epoch is raised after the transaction was ended.
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

mod answers;
mod asking;
mod call;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::TopicPartition;
use crate::error::Disposition;

use super::error::{CommitError, ProduceError, TransactionError, TransactionOutcome};
use super::sequence::Identity;

pub(super) use call::{
    Call, CallAnswer, End, EndPromise, Event, LanesState, Offsets, Protocol, StepPromise,
};

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
    /// A transaction was committed, and its epoch cannot be gone on with.
    Nobody,
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
    /// A step of the transaction has an outcome that is not known.
    indefinite: bool,
    /// An attempt of a step went unanswered and a later one did not: the former may still arrive.
    echoes: bool,
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
            echoes: false,
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
                then: Then::Nobody, ..
            }) => {}
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
}

#[cfg(test)]
mod tests;
