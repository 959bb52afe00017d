//! Tumbling windows: the time line cut into pieces of equal length.

use std::time::Duration;

use crate::time::whole_ms;

/// A span of event time: from `start` to before `end`, ms since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first millisecond.
    pub start: i64,
    /// The first millisecond after it.
    pub end: i64,
}

/// Tumbling windows: every element is in exactly one.
///
/// A window starts where `(time − offset)` is a multiple of its size. It is complete when the
/// watermark reaches its last millisecond (T1). With `allowed_lateness` it is kept for longer, and
/// elements that come late change it and bring its result out again, at once (Flink's rules).
///
/// ```
/// use thalweg::{Tumbling, secs};
///
/// let windows = Tumbling::of(secs(10)).allowed_lateness(secs(30));
/// let window = windows.window_at(1_700_000_012_345);
/// assert_eq!((window.start, window.end), (1_700_000_010_000, 1_700_000_020_000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tumbling {
    pub(crate) size_ms: i64,
    pub(crate) offset_ms: i64,
    pub(crate) lateness_ms: i64,
    pub(crate) stream_time: bool,
}

impl Tumbling {
    /// Windows of this size, at least a millisecond.
    pub fn of(size: Duration) -> Self {
        Self {
            size_ms: whole_ms(size),
            offset_ms: 0,
            lateness_ms: 0,
            stream_time: false,
        }
    }

    /// Shifts all windows by this many milliseconds: days of another time zone, for example.
    /// Default: 0, windows start at multiples of their size since 1970 UTC.
    pub fn offset_ms(mut self, offset_ms: i64) -> Self {
        self.offset_ms = offset_ms;
        self
    }

    /// How long a complete window is kept for late elements. Default: not at all.
    pub fn allowed_lateness(mut self, lateness: Duration) -> Self {
        self.lateness_ms = whole_ms(lateness);
        self
    }

    /// Goes by *stream time* instead of the watermark: the highest event time this operator has
    /// seen in this task. A window closes, once and for all, when stream time reaches its end plus
    /// `grace`; until then late elements are taken. These are the rules of Kafka Streams.
    ///
    /// Simple, but blind: a partition that runs ahead makes the others of its task late, and a
    /// quiet one never closes its windows.
    pub fn stream_time(mut self, grace: Duration) -> Self {
        self.lateness_ms = whole_ms(grace);
        self.stream_time = true;
        self
    }

    /// The window a point in time is in, ms since 1970.
    pub fn window_at(&self, event_time: i64) -> Window {
        let since_start = (i128::from(event_time) - i128::from(self.offset_ms))
            .rem_euclid(self.size_ms.max(1).into());
        let start = event_time.saturating_sub(since_start as i64);
        Window {
            start,
            end: self.end_of(start),
        }
    }

    pub(crate) fn end_of(&self, start: i64) -> i64 {
        start.saturating_add(self.size_ms)
    }

    /// When the watermark says that the window is complete.
    pub(crate) fn fires_at(&self, start: i64) -> i64 {
        let last = self.end_of(start).saturating_sub(1);
        if self.stream_time {
            last.saturating_add(self.lateness_ms)
        } else {
            last
        }
    }

    /// When the watermark says that the window takes no elements any more.
    pub(crate) fn expires_at(&self, start: i64) -> i64 {
        self.end_of(start)
            .saturating_sub(1)
            .saturating_add(self.lateness_ms)
    }

    /// What is wrong with it.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.size_ms < 1 {
            return Some("is shorter than a millisecond".to_owned());
        }
        if self.offset_ms.unsigned_abs() >= self.size_ms.unsigned_abs() {
            let (offset, size) = (self.offset_ms, self.size_ms);
            return Some(format!(
                "has an offset of {offset} ms, not less than its {size} ms"
            ));
        }
        None
    }

    /// What state of such windows means. Lateness may change without harm.
    pub(crate) fn describe(&self, out: &mut String) {
        use std::fmt::Write as _;
        let _ = write!(out, "tumbling {} ms", self.size_ms);
        if self.offset_ms != 0 {
            let _ = write!(out, " offset {} ms", self.offset_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::millis;

    fn start(size: u64, offset_ms: i64, event_time: i64) -> i64 {
        Tumbling::of(millis(size))
            .offset_ms(offset_ms)
            .window_at(event_time)
            .start
    }

    #[test]
    fn windows_start_at_multiples_of_their_size_also_before_1970() {
        assert_eq!(start(10, 0, 0), 0);
        assert_eq!(start(10, 0, 9), 0);
        assert_eq!(start(10, 0, 10), 10);
        assert_eq!(start(10, 0, -1), -10);
        assert_eq!(start(10, 0, -10), -10);
    }

    #[test]
    fn an_offset_shifts_them_either_way() {
        assert_eq!(start(10, 3, 2), -7);
        assert_eq!(start(10, 3, 3), 3);
        assert_eq!(start(10, -3, 7), 7);
        assert_eq!(start(10, -3, 6), -3);
    }

    #[test]
    fn the_ends_of_time_have_windows() {
        let windows = Tumbling::of(millis(10)).allowed_lateness(millis(u64::MAX));
        for event_time in [i64::MIN, i64::MAX] {
            let window = windows.window_at(event_time);
            assert!(window.start <= event_time && window.end >= event_time);
            assert_eq!(
                windows.expires_at(window.start).max(0),
                windows.expires_at(window.start).max(0)
            );
        }
        assert_eq!(windows.expires_at(0), i64::MAX);
    }
}
