//! T3: when an input partition is idle.

use std::time::Duration;

use thalweg_protocol::Offset;
use tokio::time::Instant;

/// Where a partition stands, as the last fetch told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stand {
    /// The next offset this task has to process.
    pub(crate) position: Offset,
    pub(crate) high_watermark: Option<Offset>,
    pub(crate) last_stable_offset: Option<Offset>,
}

impl Stand {
    /// Records between the position and the end, where that is known.
    pub(crate) fn lag(self) -> u64 {
        let end = self.high_watermark.unwrap_or(self.position);
        u64::try_from(end.0 - self.position.0).unwrap_or(0)
    }

    /// Where the open transaction begins that is all that is left to read.
    pub(crate) fn hidden_from(self) -> Option<Offset> {
        let stable = self.last_stable_offset?;
        let hides = stable <= self.position && self.high_watermark? > stable;
        hides.then_some(stable)
    }

    /// Nothing is left to read, and nothing is pending: an open transaction holds the last stable
    /// offset below the high watermark, and its records may still come.
    fn is_quiet(self) -> bool {
        self.high_watermark == Some(self.position)
            && self
                .last_stable_offset
                .is_none_or(|stable| stable == self.position)
    }
}

/// Watches one input partition.
#[derive(Debug, Clone)]
pub(crate) struct IdleWatch {
    after: Option<Duration>,
    quiet: Option<(Offset, Instant)>,
    idle: bool,
}

impl IdleWatch {
    /// Idle once quiet for `after`; never with `None`.
    pub(crate) fn new(after: Option<Duration>) -> Self {
        Self {
            after,
            quiet: None,
            idle: false,
        }
    }

    /// Takes note of where the partition stands. `Some` when it became idle, or ceased to be.
    pub(crate) fn observe(&mut self, now: Instant, stand: Stand) -> Option<bool> {
        let after = self.after?;
        self.quiet = match self.quiet {
            _ if !stand.is_quiet() => None,
            Some((position, since)) if position == stand.position => Some((position, since)),
            _ => Some((stand.position, now)),
        };
        let idle = self
            .quiet
            .is_some_and(|(_, since)| now.saturating_duration_since(since) >= after);
        let changed = idle != self.idle;
        self.idle = idle;
        changed.then_some(idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(5);

    fn stand(position: i64, high_watermark: i64, last_stable_offset: i64) -> Stand {
        Stand {
            position: Offset(position),
            high_watermark: Some(Offset(high_watermark)),
            last_stable_offset: Some(Offset(last_stable_offset)),
        }
    }

    #[test]
    fn t3_idle_only_when_all_three_are_equal_for_the_time_out() {
        let mut watch = IdleWatch::new(Some(AFTER));
        let start = Instant::now();
        assert_eq!(watch.observe(start, stand(7, 7, 7)), None);
        assert_eq!(watch.observe(start + AFTER / 2, stand(7, 7, 7)), None);
        assert_eq!(watch.observe(start + AFTER, stand(7, 7, 7)), Some(true));
        assert_eq!(watch.observe(start + AFTER * 2, stand(7, 7, 7)), None);
        assert_eq!(
            watch.observe(start + AFTER * 2, stand(7, 8, 7)),
            Some(false)
        );
    }

    #[test]
    fn t3_an_open_transaction_is_pending_data() {
        let mut watch = IdleWatch::new(Some(AFTER));
        let start = Instant::now();
        for seconds in 0..60 {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(watch.observe(now, stand(7, 9, 7)), None);
        }
    }

    #[test]
    fn t3_a_position_that_moves_starts_the_time_anew() {
        let mut watch = IdleWatch::new(Some(AFTER));
        let start = Instant::now();
        assert_eq!(watch.observe(start, stand(7, 7, 7)), None);
        assert_eq!(watch.observe(start + AFTER, stand(8, 8, 8)), None);
        assert_eq!(watch.observe(start + AFTER * 2, stand(8, 8, 8)), Some(true));
    }

    #[test]
    fn t3_unknown_ends_are_not_idle_and_a_source_may_never_be() {
        let mut watch = IdleWatch::new(Some(AFTER));
        let start = Instant::now();
        let unknown = Stand {
            high_watermark: None,
            ..stand(7, 7, 7)
        };
        assert_eq!(watch.observe(start, unknown), None);
        assert_eq!(watch.observe(start + AFTER, unknown), None);
        let mut never = IdleWatch::new(None);
        assert_eq!(never.observe(start, stand(7, 7, 7)), None);
        assert_eq!(never.observe(start + AFTER * 9, stand(7, 7, 7)), None);
    }
}
