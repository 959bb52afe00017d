//! The time of an event, as the cluster sees it.

use tokio::time::Instant;

/// A moment, on both clocks. The wall clock follows tokio's, so that a paused clock stops both.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// For deadlines.
    pub(crate) instant: Instant,
    /// Milliseconds since 1970, for timestamps and everything that is stored.
    pub(crate) wall_ms: i64,
}

/// Where the wall clock began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    began: Now,
}

impl Clock {
    /// A clock that shows `wall_ms` now.
    pub(crate) fn starting_at(wall_ms: i64) -> Self {
        let instant = Instant::now();
        Clock {
            began: Now { instant, wall_ms },
        }
    }

    /// The current moment.
    pub(crate) fn now(&self) -> Now {
        let instant = Instant::now();
        let elapsed = instant.duration_since(self.began.instant).as_millis();
        Now {
            instant,
            wall_ms: self.began.wall_ms + i64::try_from(elapsed).unwrap_or(i64::MAX / 2),
        }
    }
}
