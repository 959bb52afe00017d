//! Waiting for another process, in real time: the one place of this crate that reads a clock.

use std::time::{Duration, Instant};

/// A point in real time at which waiting ends.
///
/// A broker lives in its own process and in real time: a paused tokio clock must not reach it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    started: Instant,
    patience: Duration,
}

#[expect(
    clippy::disallowed_methods,
    reason = "waits for another process, which no clock drives"
)]
impl Deadline {
    pub(crate) fn after(patience: Duration) -> Self {
        Self {
            started: Instant::now(),
            patience,
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Instant::now().duration_since(self.started)
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Sleeps for a moment; false once the deadline has passed.
    pub(crate) fn pause(&self) -> bool {
        std::thread::sleep(Duration::from_millis(5));
        self.elapsed() < self.patience
    }
}
