//! How a source's watermark follows its event times.

use std::time::Duration;

use super::whole_ms;

/// How the watermark of each partition of a source follows the event times of its records.
///
/// A watermark W says that nothing at or below W is expected any more (T1). A task's is the minimum
/// over its inputs (T3).
///
/// ```
/// use thalweg::{OnIdle, Watermark, secs};
///
/// let patient = Watermark::bounded(secs(4)).idle_after(secs(30)).on_idle(OnIdle::AdvanceWithClock);
/// # let _ = patient;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermark {
    pub(crate) out_of_orderness_ms: i64,
    pub(crate) idle_after: Option<Duration>,
    pub(crate) on_idle: OnIdle,
}

/// What becomes of the watermark of an idle partition: one of which everything has been read, open
/// transactions included, for the time given to [`Watermark::idle_after`]. Default: `Hold`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnIdle {
    /// It stays, and holds nobody back: other inputs of the task advance without it. When all are
    /// idle the task is as far as the fastest of them, and the last windows stay open.
    #[default]
    Hold,
    /// It advances with the wall clock, so that the last windows of a quiet topic close. Records
    /// that come later than real time allows are late then, even if their partition is in order.
    AdvanceWithClock,
}

impl Watermark {
    /// Records may come up to `out_of_orderness` later than a record with a higher event time: the
    /// watermark is the highest event time so far − `out_of_orderness` − 1 ms. Flink's
    /// `forBoundedOutOfOrderness`.
    pub fn bounded(out_of_orderness: Duration) -> Self {
        Self {
            out_of_orderness_ms: whole_ms(out_of_orderness),
            idle_after: None,
            on_idle: OnIdle::Hold,
        }
    }

    /// Event times never go back within a partition. Flink's `forMonotonousTimestamps`.
    pub fn ascending() -> Self {
        Self::bounded(Duration::ZERO)
    }

    /// A partition without data for this long is idle. Default: never; an empty partition then
    /// holds back the windows of its task, and of everything behind a repartition topic.
    pub fn idle_after(mut self, quiet: Duration) -> Self {
        self.idle_after = Some(quiet);
        self
    }

    /// What an idle partition does to its watermark.
    pub fn on_idle(mut self, on_idle: OnIdle) -> Self {
        self.on_idle = on_idle;
        self
    }
}
