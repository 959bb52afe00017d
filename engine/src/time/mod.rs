//! Event time: when things happened, and how far a task believes to know.

mod event_time;
mod task_time;
mod watermark;

pub use event_time::EventTime;
pub(crate) use task_time::{InputSettings, TaskTime};
pub use watermark::{OnIdle, Watermark};

use std::ops::Range;
use std::time::Duration;

/// What sources take for an event time unless told otherwise: the years 1970 to 2199.
pub(crate) const EVENT_TIME_RANGE: Range<i64> = 0..7_258_118_400_000;

/// A duration in whole seconds.
///
/// ```
/// assert_eq!(thalweg::secs(4), std::time::Duration::from_secs(4));
/// ```
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A duration in whole milliseconds, the resolution of event time.
///
/// ```
/// assert_eq!(thalweg::millis(250), std::time::Duration::from_millis(250));
/// ```
pub const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Whole milliseconds; what is too long for 64 bits is as good as for ever.
pub(crate) fn whole_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
