//! Retention: which segments are old enough, or more than a partition may keep.

use super::{Log, Segment};

/// What a topic keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// How old the newest record of a segment may get; `None` for no limit. (`retention.ms`)
    pub(crate) ms: Option<i64>,
    /// How much a partition may take; `None` for no limit. (`retention.bytes`)
    pub(crate) bytes: Option<usize>,
}

impl Log {
    /// Drops the oldest segments that are past `keep`, and lets the log begin after them. As in Kafka
    /// the segment that is being written goes too, when all of it is too old. Nothing goes that is
    /// not replicated. Returns how many bytes went.
    pub(crate) fn retain(&mut self, keep: Retention, now_ms: i64) -> usize {
        let before = self.bytes();
        if let Some(age_ms_max) = keep.ms {
            let too_old =
                |segment: &Segment| now_ms.saturating_sub(segment.newest_ms()) > age_ms_max;
            while self.first_deletable().is_some_and(too_old) {
                self.drop_first();
            }
        }
        if let Some(bytes_max) = keep.bytes {
            // A segment goes only where at least `bytes_max` are left without it.
            let spare = |log: &Self| log.bytes().saturating_sub(bytes_max);
            while self
                .first_deletable()
                .is_some_and(|first| first.bytes() <= spare(self))
            {
                self.drop_first();
            }
        }
        before - self.bytes()
    }

    /// Drops the oldest segment, if it is closed and replicated. Returns its bytes.
    pub(crate) fn drop_oldest(&mut self) -> Option<usize> {
        if self.segments.len() < 2 {
            return None;
        }
        let bytes = self.first_deletable()?.bytes();
        self.drop_first();
        Some(bytes)
    }

    /// When the oldest segment got its newest record, if it may be dropped by
    /// [`drop_oldest`](Self::drop_oldest).
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        if self.segments.len() < 2 {
            return None;
        }
        self.first_deletable().map(Segment::newest_ms)
    }

    /// The oldest segment, unless it is empty or reaches beyond the high watermark.
    fn first_deletable(&self) -> Option<&Segment> {
        let next = self.segments.get(1).map_or(self.end, Segment::base_offset);
        let first = self.segments.front()?;
        (self.high_watermark >= next && first.bytes() > 0).then_some(first)
    }

    fn drop_first(&mut self) {
        let Some(first) = self.segments.pop_front() else {
            return;
        };
        self.bytes -= first.bytes();
        let next = self.segments.front().map_or(self.end, Segment::base_offset);
        self.delete_before(next);
    }
}
