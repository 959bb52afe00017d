//! When a worker processes, seals, commits, undoes and gives up: DESIGN's "Exactly once" as a
//! state machine without I/O, clock or tasks.
//!
//! The worker tells it what happened (`handle_*`) and asks what to do next on its two lanes:
//! [`CommitCycle::poll_settle`] is the one transaction that may be under way, in the background;
//! [`CommitCycle::poll_work`] is what the worker itself does meanwhile.
//!
//! ```text
//!  work lane                          settle lane (transaction N)
//!
//!  Process ◄──────────────┐           (nothing)
//!     │ due, limits,      │               │ Seal
//!     │ revoked, stopping │               ▼
//!     ▼                   │     ┌──── Transacting ────────────────────────────┐
//!   Seal ─────────────────┘     │  begin, send, offsets, EndTxn(commit)       │
//!                               └─┬───────┬───────────┬──────────────┬────────┘
//!                       committed │       │ stale     │ abortable    │ fenced, or the outcome
//!                                 │       │ generation│              │ of EndTxn is unknown
//!                                 │       ▼           ▼              ▼
//!                                 │    Waiting ───► Aborting ──► Reinitialising
//!                                 │ (E5: newest     │ (lost,       │        │ undecided
//!                                 │  generation:    │  too long)   │        ▼
//!                                 │  Transacting)   │              │     Asking (E2)
//!                                 ▼                 ▼              ▼      │      │
//!                              Committed ◄──────────┼──────────────┼──────┘      │
//!                                                 Undone ◄─────────┴─────────────┘
//! ```
//!
//! Non-obvious:
//! - While N settles, N+1 is processed and encoded but nothing of it is sent: there is one
//!   transaction at a time, begun when it is sealed and never idle while open.
//! - An unknown outcome is never guessed. InitProducerId makes the broker decide; then the
//!   sequence number in the committed metadata says how it decided (E2).
//! - Losing the partitions (the group went on without this member) drops the tasks at once, and
//!   what is sealed and not begun; the transaction under way is still settled, since the producer
//!   cannot begin another before.

mod fences;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::assignor::TaskId;
use crate::task::Refusal;
use fences::Fences;

/// What the cycle is told once.
#[derive(Debug, Clone)]
pub(crate) struct CycleSettings {
    /// Transactions; else at-least-once: outputs flushed, then offsets committed.
    pub(crate) exactly_once: bool,
    /// The longest time between the first thing processed and its commit.
    pub(crate) commit_interval: Duration,
    /// A generation with this many bytes of output is sealed early, and not added to.
    pub(crate) open_bytes_max: u64,
    /// A generation of this many input records is sealed early, and not added to.
    pub(crate) open_records_max: u64,
    /// `transaction.timeout.ms`: how long the broker lets a transaction stay open.
    pub(crate) transaction_timeout: Duration,
    /// For the message of E4.
    pub(crate) transactional_id: String,
}

/// What the background lane is to do. Its result comes back by the `handle_*` named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettleStep {
    /// Begin, send everything sealed, send the offsets, end with commit.
    /// [`CommitCycle::handle_transacted`].
    Transact,
    /// Everything is sent; the offsets again with the newest group generation (E5), then end with
    /// commit. [`CommitCycle::handle_transacted`].
    ResendOffsets,
    /// End with abort. [`CommitCycle::handle_aborted`].
    Abort,
    /// InitProducerId. [`CommitCycle::handle_reinitialised`].
    Reinitialise,
    /// Read the committed metadata of the sealed tasks, stable offsets only.
    /// [`CommitCycle::handle_verdict`].
    AskSequences,
}

/// What the worker is to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WorkStep {
    /// The sealed generation is definitely committed: free its undo, remember its positions.
    Settled,
    /// Undo the open generation, then the sealed one, and go back to the committed positions. With
    /// `retake`, those are not known any more: drop every task and take it over anew (E3).
    Undo { retake: bool },
    /// Close the open generation and hand it over ([`CommitCycle::handle_sealed`]).
    Seal,
    /// Drop these tasks and acknowledge their revocation ([`CommitCycle::handle_given_up`]).
    GiveUp(BTreeSet<TaskId>),
    /// Everything is settled and this worker was asked to stop: leave the group.
    Leave,
    /// Read and process more.
    Process,
    /// Nothing to do before the time given or the next event.
    Wait(Option<Instant>),
    /// The worker cannot go on; the reason was told by a `handle_*` or found here.
    Fail(CycleFailure),
}

/// Why a transaction could not be committed as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TransactFault {
    /// It can only be aborted; the producer itself is sound.
    Abort(String),
    /// The producer's id or epoch is not the coordinator's any more: fenced, expired, or aborted
    /// by the transaction time-out.
    Fenced(String),
    /// Nobody knows whether EndTxn was applied. (Where it says fenced, an earlier attempt may have
    /// been.)
    EndUnknown(String),
    /// What was produced may or may not be in the log, and may still arrive (TV1): an abort could
    /// come before it, so only InitProducerId is safe. Nothing was ended.
    ProduceUnknown(String),
    /// The broker refused records for what is in them. It can only be aborted; processed again as
    /// it is, it would be refused again.
    Refused(Box<Refusal>),
    /// The group has another generation than the offsets were sent with.
    StaleGeneration { used: i32 },
    /// The group does not know this member any more.
    NotMember(String),
    /// No use going on.
    Fatal(String),
}

/// E2's answer, from the committed metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every task has the sequence number of the sealed generation.
    Committed,
    /// Every task has the one before.
    Aborted,
    /// Something else: somebody committed for these tasks in the meantime, so they are not this
    /// worker's any more, whatever its membership says so far.
    Overtaken(String),
    /// It could not be read; it is worth another try.
    Unreadable(String),
    /// No use going on (the text says why).
    Fatal(String),
}

/// Why the cycle stopped for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CycleFailure {
    /// E4.
    #[error(
        "the transactional id {transactional_id} is in use twice: it was fenced {fences} times \
         with no commit between. Another instance uses a copy of this state folder; give each \
         instance a folder of its own"
    )]
    UsedTwice {
        transactional_id: String,
        fences: u32,
    },
    /// Said by the client or the cluster.
    #[error("{0}")]
    Fatal(String),
}

#[derive(Debug, Default)]
struct Open {
    tasks: BTreeSet<TaskId>,
    records: u64,
    bytes: u64,
    since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Transacting {
        resend: bool,
    },
    /// E5: for a generation other than the one used.
    Waiting {
        used: i32,
        since: Instant,
    },
    Aborting,
    Reinitialising {
        undecided: bool,
    },
    Asking,
    Committed,
    Undone {
        retake: bool,
    },
}

#[derive(Debug)]
struct Settling {
    stage: Stage,
    /// The step of this stage was handed out and has not come back.
    under_way: bool,
    /// No earlier than this, after a failed attempt at a step.
    not_before: Option<Instant>,
    /// What is sealed for tasks that are still here. Emptied when they are lost.
    tasks: BTreeSet<TaskId>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct CommitCycle {
    settings: CycleSettings,
    open: Open,
    settling: Option<Settling>,
    fences: Fences,
    revoked: BTreeSet<TaskId>,
    acknowledge: bool,
    stopping: bool,
    failure: Option<CycleFailure>,
}

/// Between two attempts at a step that failed without a verdict.
const RETRY_AFTER: Duration = Duration::from_millis(200);

impl CommitCycle {
    pub(crate) fn new(settings: CycleSettings) -> Self {
        let fences = Fences::new(settings.transaction_timeout / 2);
        Self {
            settings,
            open: Open::default(),
            settling: None,
            fences,
            revoked: BTreeSet::new(),
            acknowledge: false,
            stopping: false,
            failure: None,
        }
    }

    /// The tasks whose offsets the transaction under way carries (E1).
    pub(crate) fn is_settling(&self) -> bool {
        self.settling.is_some()
    }

    /// Whether the task is in the open generation.
    pub(crate) fn is_open(&self, task: TaskId) -> bool {
        self.open.tasks.contains(&task)
    }

    /// Whether anything is processed that is not committed yet.
    pub(crate) fn is_clean(&self) -> bool {
        self.settling.is_none() && self.open.since.is_none()
    }

    // ---- what the worker did --------------------------------------------------------------

    /// Called in every turn of the worker: a long gap is a stall of its own (E4).
    pub(crate) fn handle_tick(&mut self, now: Instant) {
        self.fences.handle_tick(now);
    }

    /// A task processed input or advanced its time, and now has something to commit.
    pub(crate) fn handle_processed(
        &mut self,
        now: Instant,
        task: TaskId,
        records: u64,
        output_bytes: u64,
    ) {
        self.open.since.get_or_insert(now);
        self.open.tasks.insert(task);
        self.open.records += records;
        self.open.bytes += output_bytes;
    }

    /// The open generation was sealed with these tasks; it begins to settle.
    pub(crate) fn handle_sealed(&mut self, tasks: BTreeSet<TaskId>) {
        debug_assert!(self.settling.is_none(), "one transaction at a time");
        debug_assert!(
            self.open.tasks.is_subset(&tasks),
            "E1: whoever wrote anything is in the transaction"
        );
        self.open = Open::default();
        self.settling = Some(Settling {
            stage: Stage::Transacting { resend: false },
            under_way: false,
            not_before: None,
            tasks,
        });
    }

    /// The worker has undone what [`WorkStep::Undo`] asked for.
    pub(crate) fn handle_undone(&mut self) {
        self.open = Open::default();
        if let Some(Stage::Undone { .. }) = self.stage() {
            self.settling = None;
        }
    }

    /// The worker has freed what [`WorkStep::Settled`] asked for.
    pub(crate) fn handle_settled(&mut self) {
        if self.stage() == Some(Stage::Committed) {
            self.settling = None;
        }
    }

    /// The worker has dropped the tasks and acknowledged.
    pub(crate) fn handle_given_up(&mut self) {
        self.revoked.clear();
        self.acknowledge = false;
    }

    /// Commit what is processed, then leave.
    pub(crate) fn handle_stop(&mut self) {
        self.stopping = true;
    }

    // ---- what the group did ---------------------------------------------------------------

    /// These tasks are to be given up, after everything of theirs is settled.
    pub(crate) fn handle_revoked(&mut self, tasks: BTreeSet<TaskId>) {
        self.revoked.extend(tasks);
        self.acknowledge = true;
    }

    /// The group went on without this member: all tasks are somebody else's already. The worker
    /// has dropped them when it calls this.
    pub(crate) fn handle_lost(&mut self) {
        self.open = Open::default();
        self.revoked.clear();
        self.acknowledge = false;
        if let Some(settling) = &mut self.settling {
            settling.tasks.clear();
            match settling.stage {
                // Not begun: the member may be another by then, who does not own what is sealed.
                Stage::Transacting { resend: false } if !settling.under_way => {
                    settling.enter(Stage::Undone { retake: false });
                }
                Stage::Transacting { resend: true } if !settling.under_way => {
                    settling.enter(Stage::Aborting);
                }
                Stage::Waiting { .. } => settling.enter(Stage::Aborting),
                _ => {}
            }
        }
    }

    // ---- what became of the transaction -----------------------------------------------------

    /// The result of [`SettleStep::Transact`] or [`SettleStep::ResendOffsets`].
    pub(crate) fn handle_transacted(&mut self, now: Instant, result: Result<(), TransactFault>) {
        let exactly_once = self.settings.exactly_once;
        let Some(settling) = &mut self.settling else {
            return;
        };
        settling.under_way = false;
        let stage = match result {
            Ok(()) => Stage::Committed,
            Err(TransactFault::Fatal(reason)) => {
                self.failure.get_or_insert(CycleFailure::Fatal(reason));
                return;
            }
            // Without transactions there is nothing to abort and nothing to ask: reading again
            // from the committed positions repeats what is in doubt.
            Err(TransactFault::StaleGeneration { used }) if !settling.tasks.is_empty() => {
                Stage::Waiting { used, since: now }
            }
            Err(_) if !exactly_once => Stage::Undone { retake: false },
            Err(TransactFault::Fenced(_)) => {
                self.fences.handle_fenced();
                Stage::Reinitialising { undecided: false }
            }
            Err(TransactFault::EndUnknown(_)) => Stage::Reinitialising { undecided: true },
            Err(TransactFault::ProduceUnknown(_)) => Stage::Reinitialising { undecided: false },
            Err(
                TransactFault::Abort(_)
                | TransactFault::Refused(_)
                | TransactFault::NotMember(_)
                | TransactFault::StaleGeneration { .. },
            ) => Stage::Aborting,
        };
        settling.enter(stage);
        self.after_verdict();
    }

    /// The result of [`SettleStep::Abort`]: `Err` when it could not be done for good, for whatever
    /// reason short of a fatal one; InitProducerId then aborts it.
    pub(crate) fn handle_aborted(&mut self, result: Result<(), TransactFault>) {
        let Some(settling) = &mut self.settling else {
            return;
        };
        let stage = match result {
            Ok(()) => Stage::Undone { retake: false },
            Err(TransactFault::Fatal(reason)) => {
                self.failure.get_or_insert(CycleFailure::Fatal(reason));
                return;
            }
            Err(TransactFault::Fenced(_)) => {
                self.fences.handle_fenced();
                Stage::Reinitialising { undecided: false }
            }
            Err(_) => Stage::Reinitialising { undecided: false },
        };
        settling.enter(stage);
        self.after_verdict();
    }

    /// The result of [`SettleStep::Reinitialise`]. `Err(Fatal)` stops; any other is tried again.
    pub(crate) fn handle_reinitialised(&mut self, now: Instant, result: Result<(), TransactFault>) {
        let Some(settling) = &mut self.settling else {
            return;
        };
        settling.under_way = false;
        match (result, settling.stage) {
            (Ok(()), Stage::Reinitialising { undecided: true }) if !settling.tasks.is_empty() => {
                settling.enter(Stage::Asking);
            }
            (Ok(()), _) => settling.enter(Stage::Undone { retake: false }),
            (Err(TransactFault::Fatal(reason)), _) => {
                self.failure.get_or_insert(CycleFailure::Fatal(reason));
            }
            (Err(fault), _) => {
                if let TransactFault::Fenced(_) = fault {
                    self.fences.handle_fenced();
                }
                settling.not_before = Some(now + RETRY_AFTER);
            }
        }
        self.after_verdict();
    }

    /// The result of [`SettleStep::AskSequences`].
    pub(crate) fn handle_verdict(&mut self, now: Instant, verdict: Verdict) {
        let Some(settling) = &mut self.settling else {
            return;
        };
        settling.under_way = false;
        match verdict {
            // Lost since it was asked: what is committed may be the new owners' work.
            _ if settling.tasks.is_empty() => settling.enter(Stage::Undone { retake: false }),
            Verdict::Committed => settling.enter(Stage::Committed),
            Verdict::Aborted => settling.enter(Stage::Undone { retake: false }),
            Verdict::Overtaken(_) => settling.enter(Stage::Undone { retake: true }),
            Verdict::Unreadable(_) => settling.not_before = Some(now + RETRY_AFTER),
            Verdict::Fatal(reason) => {
                self.failure.get_or_insert(CycleFailure::Fatal(reason));
            }
        }
        self.after_verdict();
    }

    fn after_verdict(&mut self) {
        if self.stage() == Some(Stage::Committed) {
            self.fences.handle_committed();
        }
        if let Some(fences) = self.fences.too_many() {
            self.failure.get_or_insert(CycleFailure::UsedTwice {
                transactional_id: self.settings.transactional_id.clone(),
                fences,
            });
        }
    }

    // ---- what to do next ------------------------------------------------------------------

    /// The next step of the transaction under way, if it has one to take now. `generation_id` is
    /// the newest the member knows.
    pub(crate) fn poll_settle(&mut self, now: Instant, generation_id: i32) -> Option<SettleStep> {
        if self.failure.is_some() {
            return None;
        }
        let patience = self.settings.transaction_timeout / 2;
        let exactly_once = self.settings.exactly_once;
        let settling = self.settling.as_mut()?;
        if settling.under_way || settling.not_before.is_some_and(|time| now < time) {
            return None;
        }
        if let Stage::Waiting { used, since } = settling.stage {
            if generation_id != used {
                settling.enter(Stage::Transacting { resend: true });
            } else if now.saturating_duration_since(since) >= patience {
                settling.enter(if exactly_once {
                    Stage::Aborting
                } else {
                    Stage::Undone { retake: false }
                });
            }
        }
        let step = match settling.stage {
            Stage::Transacting { resend: false } => SettleStep::Transact,
            Stage::Transacting { resend: true } => SettleStep::ResendOffsets,
            Stage::Aborting => SettleStep::Abort,
            Stage::Reinitialising { .. } => SettleStep::Reinitialise,
            Stage::Asking => SettleStep::AskSequences,
            Stage::Waiting { .. } | Stage::Committed | Stage::Undone { .. } => return None,
        };
        settling.under_way = true;
        Some(step)
    }

    /// What the worker is to do now.
    pub(crate) fn poll_work(&self, now: Instant) -> WorkStep {
        if let Some(failure) = &self.failure {
            return WorkStep::Fail(failure.clone());
        }
        match self.stage() {
            Some(Stage::Committed) => return WorkStep::Settled,
            Some(Stage::Undone { retake }) => return WorkStep::Undo { retake },
            Some(_) if self.acknowledge || self.stopping => {
                return WorkStep::Wait(self.wake(now));
            }
            Some(_) if self.is_full() => return WorkStep::Wait(self.wake(now)),
            Some(_) => return WorkStep::Process,
            None => {}
        }
        let must_settle = self.acknowledge || self.stopping || self.is_full();
        match self.due() {
            Some(due) if must_settle || now >= due => WorkStep::Seal,
            Some(_) => WorkStep::Process,
            None if self.acknowledge => WorkStep::GiveUp(self.revoked.clone()),
            None if self.stopping => WorkStep::Leave,
            None => WorkStep::Process,
        }
    }

    /// When [`poll_work`](Self::poll_work) or [`poll_settle`](Self::poll_settle) will have
    /// something new to say without any event.
    pub(crate) fn wake(&self, now: Instant) -> Option<Instant> {
        match &self.settling {
            None => self.due(),
            Some(settling) => match settling.stage {
                Stage::Waiting { since, .. } => Some(since + self.settings.transaction_timeout / 2),
                _ => settling.not_before.filter(|time| now < *time),
            },
        }
    }

    fn due(&self) -> Option<Instant> {
        self.open
            .since
            .map(|since| since + self.settings.commit_interval)
    }

    fn is_full(&self) -> bool {
        self.open.bytes >= self.settings.open_bytes_max
            || self.open.records >= self.settings.open_records_max
    }

    fn stage(&self) -> Option<Stage> {
        self.settling.as_ref().map(|settling| settling.stage)
    }
}

impl Settling {
    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.under_way = false;
        self.not_before = None;
    }
}

#[cfg(test)]
mod tests;
