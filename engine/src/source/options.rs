//! What a program says about a source.

use std::ops::Range;

use crate::time::{EVENT_TIME_RANGE, Watermark};
use crate::topology::{OnOutOfRange, StartFrom};

use super::BadRecordPolicy;

/// Everything but the closures.
#[derive(Debug, Clone)]
pub(crate) struct SourceOptions {
    pub(crate) start_from: StartFrom,
    pub(crate) on_out_of_range: OnOutOfRange,
    pub(crate) on_bad_record: BadRecordPolicy,
    pub(crate) event_time_range: Range<i64>,
    pub(crate) watermark: Watermark,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            start_from: StartFrom::default(),
            on_out_of_range: OnOutOfRange::default(),
            on_bad_record: BadRecordPolicy::Fail,
            event_time_range: EVENT_TIME_RANGE,
            watermark: Watermark::ascending(),
        }
    }
}
