//! The rate of something over the last few samples of time, as Kafka's metrics take it.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Window, milliseconds};

/// Sums by sample, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// When each began, and its sum.
    samples: VecDeque<(i64, f64)>,
}

impl Rate {
    /// Counts something.
    pub(super) fn add(&mut self, now_ms: i64, amount: f64, window: Window) {
        self.purge(now_ms, window);
        match self.samples.back_mut() {
            Some((began, sum)) if now_ms - *began < window.sample_ms => *sum += amount,
            _ => self.samples.push_back((now_ms, amount)),
        }
    }

    fn purge(&mut self, now_ms: i64, window: Window) {
        let oldest = now_ms - window.samples * window.sample_ms;
        while self
            .samples
            .front()
            .is_some_and(|(began, _)| *began <= oldest)
        {
            self.samples.pop_front();
        }
    }

    /// Whether nothing was counted for the whole time.
    pub(super) fn is_quiet(&self, now_ms: i64, window: Window) -> bool {
        let oldest = now_ms - window.samples * window.sample_ms;
        self.samples.iter().all(|(began, _)| *began <= oldest)
    }

    /// How long it takes at `quota` per second until the rate is that of the quota again.
    pub(super) fn throttle(&mut self, now_ms: i64, quota: f64, window: Window) -> Duration {
        self.purge(now_ms, window);
        let Some((began, _)) = self.samples.front() else {
            return Duration::ZERO;
        };
        // What has just begun is measured as if it had lasted for all samples but one.
        let least = (window.samples - 1).max(1) * window.sample_ms;
        let elapsed_ms = (now_ms - began).max(least);
        let elapsed_ms = f64::from(u32::try_from(elapsed_ms).unwrap_or(u32::MAX));
        let total: f64 = self.samples.iter().map(|(_, sum)| sum).sum();
        let per_second = total * 1000.0 / elapsed_ms;
        if per_second <= quota {
            return Duration::ZERO;
        }
        milliseconds((per_second - quota) / quota * elapsed_ms)
    }
}
