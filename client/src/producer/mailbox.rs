//! What lies between the owner of a producer and its sender: commands, in order, and wake-ups.
//!
//! One lock per batch or call, none per record. The queue needs no bound of its own: batches are
//! bounded by the producer's budget, and everything else is awaited by the one owner.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::time::{Duration, Instant};

use super::core::Tagged;
use super::error::TransactionError;

#[derive(Debug)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    /// What `due` counts from.
    base: Instant,
    /// When the oldest open batch has lingered long enough, in nanoseconds after `base`; `NEVER`
    /// while none is open.
    due: AtomicU64,
    /// The sender found batches due and the accumulator in use: its user is to hand them over.
    overdue: AtomicBool,
    /// The latest transaction known to have failed, and why.
    failed_transaction: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    commands: VecDeque<Tagged>,
    sender: Option<Waker>,
    closed: bool,
    failure: Option<TransactionError>,
}

const NEVER: u64 = u64::MAX;

impl Mailbox {
    pub(super) fn new(base: Instant) -> Self {
        Mailbox {
            state: Mutex::default(),
            base,
            due: AtomicU64::new(NEVER),
            overdue: AtomicBool::new(false),
            failed_transaction: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // For the owner.

    /// Hands a command over. When the sender is gone, the command is dropped, which tells whoever
    /// waits for it.
    pub(super) fn push(&self, command: Tagged) {
        let waker = {
            let mut state = self.lock();
            state.commands.push_back(command);
            state.sender.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn wake_sender(&self) {
        let waker = self.lock().sender.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// No command will follow.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake_sender();
    }

    /// Notes that a batch is open that is due then, unless an older one is.
    pub(super) fn note_open(&self, due: Instant) {
        let nanos = due.saturating_duration_since(self.base).as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(NEVER - 1);
        if nanos < self.due.load(Ordering::Acquire) {
            self.due.store(nanos, Ordering::Release);
            self.wake_sender();
        }
    }

    /// Whether the sender asked for the batches that are due. Asked once.
    pub(super) fn take_overdue(&self) -> bool {
        self.overdue.load(Ordering::Relaxed) && self.overdue.swap(false, Ordering::AcqRel)
    }

    /// Why the transaction has failed, if it is known to have.
    pub(super) fn failure_of(&self, transaction: u64) -> Option<TransactionError> {
        if self.failed_transaction.load(Ordering::Acquire) != transaction {
            return None;
        }
        self.lock().failure.clone()
    }

    // For the sender.

    /// The next command; pending when there is none, or, with `take` false, in any case.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>, take: bool) -> Poll<Option<Tagged>> {
        let mut state = self.lock();
        if take {
            if let Some(command) = state.commands.pop_front() {
                return Poll::Ready(Some(command));
            }
            if state.closed {
                return Poll::Ready(None);
            }
        }
        state.sender = Some(cx.waker().clone());
        Poll::Pending
    }

    /// When the oldest open batch is due.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.due.load(Ordering::Acquire) {
            NEVER => None,
            nanos => Some(self.base + Duration::from_nanos(nanos)),
        }
    }

    /// Sets when the oldest open batch is due. Callers hold the accumulator.
    pub(super) fn set_due(&self, due: Option<Instant>) {
        let nanos = due.map_or(NEVER, |due| {
            let nanos = due.saturating_duration_since(self.base).as_nanos();
            u64::try_from(nanos).unwrap_or(NEVER - 1)
        });
        self.due.store(nanos, Ordering::Release);
    }

    pub(super) fn ask_for_overdue(&self) {
        self.overdue.store(true, Ordering::Release);
    }

    pub(super) fn publish_failure(&self, transaction: u64, error: &TransactionError) {
        self.lock().failure = Some(error.clone());
        self.failed_transaction
            .store(transaction, Ordering::Release);
    }

    /// Nothing is taken out any more. What is in it is dropped, which tells whoever waits for it.
    pub(super) fn drain(&self) {
        let commands = std::mem::take(&mut self.lock().commands);
        drop(commands);
    }
}
