//! The bound on what a producer holds in memory (`buffer_bytes`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts the bytes of all batches from the first record put into them to the end of their delivery.
///
/// The bound is soft by one reservation: when nothing is held, anything may be, so that one batch
/// larger than the whole budget can still be sent.
#[derive(Debug)]
pub(super) struct Budget {
    bytes_max: usize,
    used: AtomicUsize,
    freed: Notify,
}

impl Budget {
    pub(super) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Budget {
            bytes_max,
            used: AtomicUsize::new(0),
            freed: Notify::new(),
        })
    }

    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    pub(super) fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    /// Whether `bytes` more can be reserved now.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.fits(self.used_bytes(), bytes)
    }

    pub(super) fn try_reserve(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        self.add(bytes).then(|| Reservation {
            budget: Arc::clone(self),
            bytes,
        })
    }

    /// Waits until something is given back. A release between two calls is not missed.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    fn fits(&self, used: usize, more: usize) -> bool {
        used == 0 || used.saturating_add(more) <= self.bytes_max
    }

    fn add(&self, bytes: usize) -> bool {
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                self.fits(used, bytes).then(|| used.saturating_add(bytes))
            })
            .is_ok()
    }
}

/// Bytes taken out of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Reservation {
    /// Takes more. False, and nothing taken, when the budget has no room for it.
    pub(super) fn try_grow(&mut self, more: usize) -> bool {
        let grown = self.budget.add(more);
        if grown {
            self.bytes += more;
        }
        grown
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives back what is above `bytes`.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        if bytes < self.bytes {
            self.budget
                .used
                .fetch_sub(self.bytes - bytes, Ordering::AcqRel);
            self.bytes = bytes;
            self.budget.freed.notify_one();
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_comes_back() {
        let budget = Budget::new(100);
        let first = budget.try_reserve(60).expect("there is room");
        assert!(budget.try_reserve(41).is_none());
        let mut second = budget.try_reserve(40).expect("there is room");
        assert!(!second.try_grow(1));
        drop(first);
        assert!(second.try_grow(60));
        assert_eq!(second.bytes(), 100);
        second.shrink_to(5);
        assert_eq!(budget.used_bytes(), 5);
        drop(second);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn one_giant_fits_an_empty_budget() {
        let budget = Budget::new(100);
        let giant = budget.try_reserve(1_000).expect("nothing else is held");
        assert!(!budget.has_room(1));
        drop(giant);
        assert!(budget.has_room(1_000));
    }

    #[tokio::test]
    async fn a_release_before_the_wait_is_not_missed() {
        let budget = Budget::new(100);
        drop(budget.try_reserve(60));
        budget.freed().await;
    }
}
