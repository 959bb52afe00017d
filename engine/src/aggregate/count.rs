//! How many elements.

use crate::element::Element;

use super::{Agg, Aggregate};

/// See [`Agg::count`].
#[derive(Debug, Clone, Copy)]
pub struct Count;

impl<E: Element> Agg<E> {
    /// The number of elements.
    pub fn count(self) -> Count {
        Count
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "the engine asks for rows there are"
)]
impl<E: Element> Aggregate<E> for Count {
    type Columns = Vec<u64>;
    type Output = u64;

    fn describe(&self, out: &mut String) {
        out.push_str("count");
    }

    #[inline]
    fn insert(&self, counts: &mut Vec<u64>, _view: &E::View<'_>, _event_time: i64) {
        counts.push(1);
    }

    #[inline]
    fn update(&self, counts: &mut Vec<u64>, row: usize, _view: &E::View<'_>, _event_time: i64) {
        counts[row] += 1;
    }

    fn merge(&self, into: &mut Vec<u64>, row: usize, from: &Vec<u64>, other: usize) {
        into[row] += from[other];
    }

    fn finish(&self, counts: &Vec<u64>, row: usize) -> u64 {
        counts[row]
    }
}
