//! How many bytes may wait to be consumed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The bytes all partitions of one consumer may hold together: prefetched, with the user, and on
/// their way.
///
/// The limit is kept by those who fetch: they ask what is free before they send. What arrives is
/// charged in any case, so a batch larger than what was asked for overdraws the budget by its excess.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    charged: AtomicUsize,
    /// Told whenever something becomes free.
    freed: Arc<Notify>,
}

impl Budget {
    pub(super) fn new(limit: usize, freed: Arc<Notify>) -> Arc<Self> {
        Arc::new(Budget {
            limit,
            charged: AtomicUsize::new(0),
            freed,
        })
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// What is charged right now, in bytes.
    pub(super) fn charged(&self) -> usize {
        // Nothing else is published by this number; fetchers that read it late are woken again.
        self.charged.load(Ordering::Relaxed)
    }

    pub(super) fn free(&self) -> usize {
        self.limit.saturating_sub(self.charged())
    }

    /// Charges `bytes` until the charge is dropped.
    pub(super) fn charge(self: &Arc<Self>, bytes: usize) -> Charge {
        self.charged.fetch_add(bytes, Ordering::Relaxed);
        Charge {
            budget: Arc::clone(self),
            bytes,
        }
    }
}

/// Bytes taken from the budget. They return when this is dropped, wherever that is.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Charge {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the bytes without telling anybody, where nothing has changed by that.
    pub(super) fn undo(mut self) {
        self.budget.charged.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        self.budget.charged.fetch_sub(self.bytes, Ordering::Relaxed);
        self.budget.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_return_with_the_last_charge() {
        let budget = Budget::new(100, Arc::default());
        let first = budget.charge(60);
        let second = budget.charge(70);
        assert_eq!(
            (budget.free(), budget.charged()),
            (0, 130),
            "overdrawn by what had arrived"
        );
        assert_eq!(second.bytes(), 70);
        drop(first);
        assert_eq!(budget.free(), 30);
        drop(second);
        assert_eq!(budget.free(), 100);
    }

    #[tokio::test]
    async fn whoever_waits_for_bytes_is_woken() {
        let freed = Arc::new(Notify::new());
        let budget = Budget::new(100, Arc::clone(&freed));
        let charge = budget.charge(100);
        let woken = freed.notified();
        drop(charge);
        woken.await;
        assert_eq!(budget.free(), 100);
    }
}
