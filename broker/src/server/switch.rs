//! Whether a broker runs, and those who watch it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Whether a broker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunState {
    Running,
    /// Accepts connections and bytes, and does nothing with them.
    Paused,
    /// Not there: connections are closed, new ones refused.
    Stopped,
}

/// The state of one broker. Each watcher has a channel of its own, and they are told in the order in
/// which they came: a channel with many of them wakes them in an order that no seed decides.
pub(super) struct Switch {
    inner: Mutex<Inner>,
}

struct Inner {
    state: RunState,
    watchers: Vec<watch::Sender<RunState>>,
}

impl Switch {
    pub(super) fn new(state: RunState) -> Self {
        let watchers = Vec::new();
        Switch {
            inner: Mutex::new(Inner { state, watchers }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whole before and after each statement.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, and its changes.
    pub(super) fn watch(&self) -> watch::Receiver<RunState> {
        let mut inner = self.lock();
        inner.watchers.retain(|watcher| !watcher.is_closed());
        let (sender, receiver) = watch::channel(inner.state);
        inner.watchers.push(sender);
        receiver
    }

    pub(super) fn set(&self, state: RunState) {
        let mut inner = self.lock();
        inner.state = state;
        inner.watchers.retain(|watcher| watcher.send(state).is_ok());
    }
}
