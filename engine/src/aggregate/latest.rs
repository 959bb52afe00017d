//! The highest event time.

use crate::element::Element;

use super::{Agg, Aggregate};

/// See [`Agg::latest_event_time`].
#[derive(Debug, Clone, Copy)]
pub struct LatestEventTime;

impl<E: Element> Agg<E> {
    /// The highest event time of the elements, ms since 1970: the timestamp Kafka Streams gives an
    /// aggregate.
    pub fn latest_event_time(self) -> LatestEventTime {
        LatestEventTime
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "the engine asks for rows there are"
)]
impl<E: Element> Aggregate<E> for LatestEventTime {
    type Columns = Vec<i64>;
    type Output = i64;

    fn describe(&self, out: &mut String) {
        out.push_str("latest event time");
    }

    #[inline]
    fn insert(&self, latest: &mut Vec<i64>, _view: &E::View<'_>, event_time: i64) {
        latest.push(event_time);
    }

    #[inline]
    fn update(&self, latest: &mut Vec<i64>, row: usize, _view: &E::View<'_>, event_time: i64) {
        latest[row] = latest[row].max(event_time);
    }

    fn merge(&self, into: &mut Vec<i64>, row: usize, from: &Vec<i64>, other: usize) {
        into[row] = into[row].max(from[other]);
    }

    fn finish(&self, latest: &Vec<i64>, row: usize) -> i64 {
        latest[row]
    }
}
