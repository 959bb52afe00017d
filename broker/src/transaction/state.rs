//! What a coordinator knows of one transactional id, and how it changes (KIP-98, KIP-360, KIP-890).
//!
//! ```text
//!            InitProducerId                    add partitions, offsets
//!          ┌──────────────────────► Empty ──────────────┐
//!          │                          ▲                 ▼
//!   CompleteCommit ◄── markers ── PrepareCommit ◄──── Ongoing ─┐ add
//!   CompleteAbort  ◄── markers ── PrepareAbort  ◄───────┘ ▲────┘
//! ```
//! From both Complete states a new transaction begins as from Empty.

use std::collections::BTreeSet;

use thalweg_protocol::{ErrorCode, PartitionId, ProducerId, StrBytes};

/// Where a transaction stands. The names are Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Empty,
    Ongoing,
    PrepareCommit,
    PrepareAbort,
    CompleteCommit,
    CompleteAbort,
}

impl State {
    /// Kafka's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::Ongoing => "Ongoing",
            State::PrepareCommit => "PrepareCommit",
            State::PrepareAbort => "PrepareAbort",
            State::CompleteCommit => "CompleteCommit",
            State::CompleteAbort => "CompleteAbort",
        }
    }

    /// The state of a name.
    pub(crate) fn of_name(name: &str) -> Option<State> {
        let all = [
            State::Empty,
            State::Ongoing,
            State::PrepareCommit,
            State::PrepareAbort,
            State::CompleteCommit,
            State::CompleteAbort,
        ];
        all.into_iter().find(|state| state.name() == name)
    }

    /// Every name a filter may have; the last two are states Kafka has and this coordinator never
    /// stays in.
    pub(crate) const NAMES: &[&str] = &[
        "Empty",
        "Ongoing",
        "PrepareCommit",
        "PrepareAbort",
        "CompleteCommit",
        "CompleteAbort",
        "Dead",
        "PrepareEpochFence",
    ];
}

/// Which protocol of transactions a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    /// Partitions are added before they are written to; the epoch stays.
    One,
    /// KIP-890: writing adds, and every end bumps the epoch.
    Two,
}

/// The end of an id's epochs: what comes after needs another id.
const EPOCH_MAX: i16 = i16::MAX - 1;

/// A transactional id.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    pub(crate) producer_id: ProducerId,
    /// The id before the last rotation, -1 for none.
    pub(crate) previous_producer_id: ProducerId,
    /// The id after this transaction, -1 where it stays.
    pub(crate) next_producer_id: ProducerId,
    /// -1 before the first InitProducerId was answered.
    pub(crate) producer_epoch: i16,
    pub(crate) last_producer_epoch: i16,
    pub(crate) timeout_ms: i32,
    pub(crate) state: State,
    /// What was written to; while it is ended, what has no marker yet.
    pub(crate) partitions: BTreeSet<(StrBytes, PartitionId)>,
    /// When the transaction began, -1 where there was none yet.
    pub(crate) start_ms: i64,
    pub(crate) updated_ms: i64,
    /// The protocol of whoever ended it last.
    pub(crate) protocol: Protocol,
}

impl Transaction {
    /// An id that was never used.
    pub(super) fn new(producer_id: ProducerId, timeout_ms: i32, now_ms: i64) -> Self {
        Transaction {
            producer_id,
            previous_producer_id: ProducerId(-1),
            next_producer_id: ProducerId(-1),
            producer_epoch: -1,
            last_producer_epoch: -1,
            timeout_ms,
            state: State::Empty,
            partitions: BTreeSet::new(),
            start_ms: -1,
            updated_ms: now_ms,
            protocol: Protocol::One,
        }
    }

    fn is_exhausted(&self) -> bool {
        self.producer_epoch >= EPOCH_MAX
    }

    /// Whether a producer that says who it was may have been.
    pub(super) fn knows(&self, producer_id: ProducerId, producer_epoch: i16) -> bool {
        self.producer_epoch == -1
            || producer_id == self.producer_id
            || producer_id == self.previous_producer_id && producer_epoch >= EPOCH_MAX
    }

    /// Gives the id to a producer: with `expected` to the one that has it with that epoch, else to a
    /// new one, which fences all others. `fresh` makes a producer id.
    pub(super) fn initialise(
        &mut self,
        timeout_ms: i32,
        expected: Option<i16>,
        now_ms: i64,
        fresh: impl FnOnce() -> ProducerId,
    ) -> Result<(), ErrorCode> {
        if self.is_exhausted() && expected.is_none_or(|epoch| epoch == self.producer_epoch) {
            self.last_producer_epoch = expected.map_or(-1, |_| self.producer_epoch);
            self.previous_producer_id = self.producer_id;
            self.producer_id = fresh();
            self.producer_epoch = 0;
        } else {
            match expected {
                None => {
                    self.producer_epoch += 1;
                    self.last_producer_epoch = -1;
                }
                Some(epoch) if self.producer_epoch == -1 || epoch == self.producer_epoch => {
                    self.last_producer_epoch = self.producer_epoch;
                    self.producer_epoch += 1;
                }
                // The answer to the bump was lost, and this is the retry.
                Some(epoch) if epoch == self.last_producer_epoch => {}
                Some(_) => return Err(ErrorCode::PRODUCER_FENCED),
            }
            self.previous_producer_id = self.producer_id;
        }
        self.state = State::Empty;
        self.partitions.clear();
        self.start_ms = -1;
        self.timeout_ms = timeout_ms;
        self.updated_ms = now_ms;
        Ok(())
    }

    /// Adds partitions, which begins a transaction where none is.
    pub(super) fn add(
        &mut self,
        partitions: impl IntoIterator<Item = (StrBytes, PartitionId)>,
        now_ms: i64,
    ) {
        if self.state != State::Ongoing {
            self.start_ms = now_ms;
            self.state = State::Ongoing;
        }
        self.partitions.extend(partitions);
        self.updated_ms = now_ms;
    }

    /// Fences the producer before its transaction is aborted from without.
    pub(super) fn fence(&mut self) {
        self.producer_epoch = self.producer_epoch.saturating_add(1);
        self.last_producer_epoch = -1;
    }

    /// What an EndTxn amounts to.
    pub(super) fn judge_end(
        &self,
        producer_id: ProducerId,
        producer_epoch: i16,
        commit: bool,
        protocol: Protocol,
    ) -> Result<End, ErrorCode> {
        let ended_by_two = self.protocol == Protocol::Two;
        let overflowed = ended_by_two
            && self.previous_producer_id == producer_id
            && producer_epoch == EPOCH_MAX
            && self.producer_epoch == 0;
        let bumped = ended_by_two && self.producer_epoch == producer_epoch.saturating_add(1);
        let retried = bumped || overflowed;
        if self.producer_id != producer_id && !overflowed {
            return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        }
        let in_force = producer_epoch == self.producer_epoch;
        let valid = match self.state {
            State::Empty | State::Ongoing => in_force,
            State::PrepareCommit | State::PrepareAbort if ended_by_two => bumped,
            State::CompleteCommit | State::CompleteAbort if ended_by_two => retried || in_force,
            _ => in_force,
        };
        if !valid {
            return Err(ErrorCode::PRODUCER_FENCED);
        }
        let same = |state_commits: bool| state_commits == commit;
        match self.state {
            State::Ongoing => Ok(End::Begin),
            State::PrepareCommit | State::PrepareAbort => {
                if same(self.state == State::PrepareCommit) {
                    Err(ErrorCode::CONCURRENT_TRANSACTIONS)
                } else {
                    Err(ErrorCode::INVALID_TXN_STATE)
                }
            }
            State::CompleteCommit | State::CompleteAbort if !ended_by_two => {
                if same(self.state == State::CompleteCommit) {
                    Ok(End::Already)
                } else {
                    Err(ErrorCode::INVALID_TXN_STATE)
                }
            }
            State::CompleteCommit | State::CompleteAbort if retried => {
                if same(self.state == State::CompleteCommit) {
                    Ok(End::Already)
                } else {
                    Err(ErrorCode::INVALID_TXN_STATE)
                }
            }
            // Nothing was written. An abort bumps the epoch all the same, for what may be under way.
            State::Empty | State::CompleteCommit | State::CompleteAbort => {
                if !commit && protocol == Protocol::Two {
                    Ok(End::Begin)
                } else {
                    Err(ErrorCode::INVALID_TXN_STATE)
                }
            }
        }
    }

    /// The outcome is decided: from here on it only has to be written to every partition. `fresh`
    /// makes a producer id.
    pub(super) fn prepare(
        &mut self,
        commit: bool,
        protocol: Protocol,
        now_ms: i64,
        fresh: impl FnOnce() -> ProducerId,
    ) {
        self.next_producer_id = ProducerId(-1);
        if protocol == Protocol::Two {
            if self.is_exhausted() {
                self.next_producer_id = fresh();
            }
            self.last_producer_epoch = self.producer_epoch;
            self.producer_epoch = self.producer_epoch.saturating_add(1);
        }
        if self.state != State::Ongoing {
            self.start_ms = now_ms;
        }
        self.protocol = protocol;
        self.updated_ms = now_ms;
        self.state = if commit {
            State::PrepareCommit
        } else {
            State::PrepareAbort
        };
    }

    /// The producer id and epoch to go on with once it has ended.
    pub(super) fn after_end(&self) -> (ProducerId, i16) {
        if self.protocol == Protocol::Two && self.next_producer_id.0 >= 0 {
            (self.next_producer_id, 0)
        } else {
            (self.producer_id, self.producer_epoch)
        }
    }

    /// Every partition has its marker.
    pub(super) fn complete(&mut self, now_ms: i64) {
        let (producer_id, producer_epoch) = self.after_end();
        if producer_id != self.producer_id {
            self.last_producer_epoch = self.producer_epoch;
            self.previous_producer_id = self.producer_id;
        }
        self.producer_id = producer_id;
        self.producer_epoch = producer_epoch;
        self.next_producer_id = ProducerId(-1);
        self.partitions.clear();
        self.updated_ms = now_ms;
        self.state = if self.state == State::PrepareCommit {
            State::CompleteCommit
        } else {
            State::CompleteAbort
        };
    }
}

/// What is to be done about an EndTxn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It ends the transaction.
    Begin,
    /// It was done before; the answer was lost.
    Already,
}
