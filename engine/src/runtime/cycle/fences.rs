//! E4: being fenced again and again means that somebody else uses the same transactional id.
//!
//! One fence is ordinary: the process slept past the transaction time-out and the broker aborted
//! for it. So a fence after a stall of this worker's own does not count.

use std::time::Duration;

use tokio::time::Instant;

/// This many with no commit between are too many.
const FENCES_MAX: u32 = 5;

#[derive(Debug)]
pub(super) struct Fences {
    in_a_row: u32,
    stall_after: Duration,
    last_tick: Option<Instant>,
    stalled: bool,
}

impl Fences {
    /// A gap of `stall_after` between two ticks is a stall.
    pub(super) fn new(stall_after: Duration) -> Self {
        Self {
            in_a_row: 0,
            stall_after,
            last_tick: None,
            stalled: false,
        }
    }

    pub(super) fn handle_tick(&mut self, now: Instant) {
        if let Some(last) = self.last_tick.replace(now) {
            self.stalled |= now.saturating_duration_since(last) >= self.stall_after;
        }
    }

    pub(super) fn handle_fenced(&mut self) {
        if std::mem::take(&mut self.stalled) {
            return;
        }
        self.in_a_row += 1;
    }

    pub(super) fn handle_committed(&mut self) {
        self.in_a_row = 0;
        self.stalled = false;
    }

    /// How often it was fenced, when that is too often.
    pub(super) fn too_many(&self) -> Option<u32> {
        (self.in_a_row >= FENCES_MAX).then_some(self.in_a_row)
    }
}
