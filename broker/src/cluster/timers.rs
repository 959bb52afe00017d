//! What is to happen later, by time.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// Names a timer that was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerId {
    at: Instant,
    number: u64,
}

/// Timers in the order in which they are due; those due at the same moment in the order in which
/// they were set.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    by_time: BTreeMap<TimerId, T>,
    next_number: u64,
}

impl<T> Timers<T> {
    pub(crate) fn new() -> Self {
        Timers {
            by_time: BTreeMap::new(),
            next_number: 0,
        }
    }

    /// Sets a timer. It stays until it is due or cancelled.
    pub(crate) fn set(&mut self, at: Instant, what: T) -> TimerId {
        let id = TimerId {
            at,
            number: self.next_number,
        };
        self.next_number += 1;
        self.by_time.insert(id, what);
        id
    }

    /// Removes a timer; nothing happens where it was due already.
    pub(crate) fn cancel(&mut self, id: TimerId) {
        self.by_time.remove(&id);
    }

    /// When the next one is due.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.by_time.keys().next().map(|id| id.at)
    }

    /// Takes the next one if it is due at `now`.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<T> {
        let (id, _) = self.by_time.first_key_value()?;
        if id.at > now {
            return None;
        }
        self.by_time.pop_first().map(|(_, what)| what)
    }
}

#[cfg(test)]
mod tests {
    //! Goal: timers come in the order of their time, then of their setting, and not when cancelled.

    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn timers_are_due_by_time_then_by_age_and_never_when_cancelled() {
        let start = Instant::now();
        let mut timers = Timers::new();
        timers.set(start + Duration::from_secs(2), "late");
        let gone = timers.set(start, "cancelled");
        timers.set(start + Duration::from_secs(1), "first");
        timers.set(start + Duration::from_secs(1), "second");
        timers.cancel(gone);
        assert_eq!(timers.poll(start), None);
        assert_eq!(timers.next_at(), Some(start + Duration::from_secs(1)));
        let end = start + Duration::from_secs(9);
        let order: Vec<_> = std::iter::from_fn(|| timers.poll(end)).collect();
        assert_eq!(order, ["first", "second", "late"]);
    }
}
