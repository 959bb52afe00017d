//! What a consumer and the background task of its membership have in common.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::metadata::GroupMetadata;

/// After how long an application that was away is welcomed back.
const ABSENCE: Duration = Duration::from_secs(1);

/// The consumer's end of a membership: wishes go in, who the member is comes out.
#[derive(Debug)]
pub(crate) struct GroupHandle {
    state: Mutex<HandleState>,
    /// Tells the task that something was wished.
    wake: Notify,
    ended: AtomicBool,
    /// Tells whoever closes that the task has ended.
    end: Notify,
}

#[derive(Debug)]
struct HandleState {
    wishes: Wishes,
    application: Application,
    metadata: GroupMetadata,
    member_id: Arc<str>,
}

/// What the application wants, since it was last asked.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) subscription: Option<Vec<Arc<str>>>,
    pub(super) released: Vec<u64>,
    /// Whether to leave the group, once the consumer is closed.
    pub(super) close: Option<bool>,
}

/// When the application last asked for records.
#[derive(Debug, Clone, Copy)]
enum Application {
    /// It never did.
    Unseen,
    /// It is waiting for some.
    Waiting,
    /// It is busy with those it got.
    BusySince(Instant),
}

impl GroupHandle {
    pub(crate) fn new(metadata: GroupMetadata, member_id: Arc<str>) -> Self {
        GroupHandle {
            state: Mutex::new(HandleState {
                wishes: Wishes::default(),
                application: Application::Unseen,
                metadata,
                member_id,
            }),
            wake: Notify::new(),
            ended: AtomicBool::new(false),
            end: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HandleState> {
        // Every change under the lock is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes to topics, sorted; to none to leave the group.
    pub(crate) fn subscribe(&self, topics: Vec<Arc<str>>) {
        self.lock().wishes.subscription = Some(topics);
        self.wake.notify_one();
    }

    /// The application lets go of the partitions of a revocation.
    pub(crate) fn release(&self, revocation: u64) {
        self.lock().wishes.released.push(revocation);
        self.wake.notify_one();
    }

    /// Ends the membership, with a word to the coordinator if `leave`.
    pub(crate) fn close(&self, leave: bool) {
        self.lock().wishes.close = Some(leave);
        self.wake.notify_one();
    }

    /// Returns when the task has ended.
    pub(crate) async fn ended(&self) {
        loop {
            let end = self.end.notified();
            if self.ended.load(Ordering::Acquire) {
                return;
            }
            end.await;
        }
    }

    /// The application begins to wait for records. It is awake until the guard is dropped.
    pub(crate) fn application_waits(self: &Arc<Self>) -> ApplicationWaits {
        let mut state = self.lock();
        let was_away = !matches!(state.application, Application::Waiting);
        state.application = Application::Waiting;
        drop(state);
        if was_away {
            self.wake.notify_one();
        }
        ApplicationWaits {
            group: Arc::clone(self),
        }
    }

    /// The application takes records that are there already.
    pub(crate) fn application_passes(&self, now: Instant) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.application, Application::BusySince(now));
        drop(state);
        // After a long absence the member may have left, and joins again for this.
        let returns = match before {
            Application::Unseen => true,
            Application::Waiting => false,
            Application::BusySince(since) => now.duration_since(since) >= ABSENCE,
        };
        if returns {
            self.wake.notify_one();
        }
    }

    /// Who this member is.
    pub(crate) fn metadata(&self) -> GroupMetadata {
        self.lock().metadata.clone()
    }

    /// The id the coordinator knows this member by; empty before it has one.
    pub(crate) fn member_id(&self) -> Arc<str> {
        Arc::clone(&self.lock().member_id)
    }

    // The task's end.

    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(super) fn take_wishes(&self) -> Wishes {
        std::mem::take(&mut self.lock().wishes)
    }

    /// When the application was last seen.
    pub(super) fn polled_at(&self, now: Instant) -> Option<Instant> {
        match self.lock().application {
            Application::Unseen => None,
            Application::Waiting => Some(now),
            Application::BusySince(since) => Some(since),
        }
    }

    pub(super) fn publish(&self, metadata: GroupMetadata, member_id: Arc<str>) {
        let mut state = self.lock();
        state.metadata = metadata;
        state.member_id = member_id;
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.end.notify_waiters();
    }
}

/// Marks the application as waiting while it lives.
pub(crate) struct ApplicationWaits {
    group: Arc<GroupHandle>,
}

impl Drop for ApplicationWaits {
    fn drop(&mut self) {
        self.group.lock().application = Application::BusySince(Instant::now());
    }
}
