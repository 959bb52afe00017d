//! Time as the engine sees it: the wall clock for timestamps that leave the process, and monotonic
//! time for everything that is measured.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// Where the engine takes the time from.
///
/// Two kinds of time are kept apart on purpose. Wall-clock time can jump, and is written into
/// records only (changelog timestamps, processing-time windows). Monotonic time never goes back,
/// and is what intervals and time-outs are measured with; by default it is tokio's, so that a
/// paused runtime pauses the engine with it.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Milliseconds since 1970-01-01 UTC.
    fn wall_ms(&self) -> i64;

    /// A point in monotonic time.
    fn monotonic(&self) -> Instant {
        Instant::now()
    }
}

/// The machine's clock: what an app uses unless it is told otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one production wall clock"
    )]
    fn wall_ms(&self) -> i64 {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since_1970) => i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX),
            // A machine whose clock stands before 1970.
            Err(before_1970) => {
                i64::try_from(before_1970.duration().as_millis()).map_or(i64::MIN, |ms| -ms)
            }
        }
    }
}

/// A wall clock that follows tokio's, so that a simulation with paused time moves both together.
#[derive(Debug, Clone, Copy)]
pub struct VirtualClock {
    started: Instant,
    started_wall_ms: i64,
}

impl VirtualClock {
    /// A clock that shows `wall_ms` now. Called inside a tokio runtime.
    pub fn starting_at(wall_ms: i64) -> Self {
        Self {
            started: Instant::now(),
            started_wall_ms: wall_ms,
        }
    }
}

impl Clock for VirtualClock {
    fn wall_ms(&self) -> i64 {
        let elapsed: Duration = self.started.elapsed();
        let elapsed_ms = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        self.started_wall_ms.saturating_add(elapsed_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_shows_a_time_of_this_century() {
        let now = SystemClock.wall_ms();
        assert!(now > 1_577_836_800_000, "before 2020: {now}");
        assert!(now < 4_102_444_800_000, "after 2100: {now}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_virtual_clock_moves_with_paused_time() {
        let clock = VirtualClock::starting_at(1_000);
        let before = clock.monotonic();
        tokio::time::advance(Duration::from_millis(250)).await;
        assert_eq!(clock.wall_ms(), 1_250);
        assert_eq!(clock.monotonic() - before, Duration::from_millis(250));
    }
}
