//! A value that is not there yet: set once, awaited by any number.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

/// Set once by the sender; whoever waits may stop waiting, and others may start later.
pub(super) struct Promise<T> {
    value: OnceLock<T>,
    settled: Notify,
}

impl<T> Promise<T> {
    pub(super) fn new() -> Self {
        Promise {
            value: OnceLock::new(),
            settled: Notify::new(),
        }
    }

    pub(super) fn shared() -> Arc<Self> {
        Arc::new(Promise::new())
    }

    /// The value, if it is there.
    pub(super) fn value(&self) -> Option<&T> {
        self.value.get()
    }

    /// Sets the value. A second one is ignored: the first is what was told.
    pub(super) fn settle(&self, value: T) {
        if self.value.set(value).is_ok() {
            self.settled.notify_waiters();
        }
    }

    /// Waits for the value. Cancel-safe: dropping loses only the notification.
    pub(super) async fn wait(&self) -> &T {
        loop {
            // Registered before the value is looked at, so that setting it in between wakes.
            let mut settled = std::pin::pin!(self.settled.notified());
            settled.as_mut().enable();
            if let Some(value) = self.value.get() {
                return value;
            }
            settled.await;
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Promise").field(&self.value.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_who_waits_is_told_also_late() {
        let promise = Promise::shared();
        let waiting = {
            let promise = Arc::clone(&promise);
            tokio::spawn(async move { *promise.wait().await })
        };
        tokio::task::yield_now().await;
        promise.settle(7);
        promise.settle(8);
        assert_eq!(waiting.await.expect("no panic"), 7);
        assert_eq!(*promise.wait().await, 7);
    }
}
