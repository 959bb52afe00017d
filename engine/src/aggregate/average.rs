//! Means.

use std::marker::PhantomData;

use crate::element::Element;
use crate::state::Stored;

use super::{Agg, Aggregate, Summable};

/// See [`Agg::avg`].
pub struct Average<F, N>(F, PhantomData<fn() -> N>);

impl<F: Clone, N> Clone for Average<F, N> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<E: Element> Agg<E> {
    /// The arithmetic mean of a number in each element: its total, divided once at the end.
    pub fn avg<F, N>(self, number: F) -> Average<F, N>
    where
        F: for<'x, 'b> Fn(&'x E::View<'b>) -> N + Clone + Send + 'static,
        N: Summable + 'static,
    {
        Average(number, PhantomData)
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "the engine asks for rows there are"
)]
impl<E, F, N> Aggregate<E> for Average<F, N>
where
    E: Element,
    F: for<'x, 'b> Fn(&'x E::View<'b>) -> N + Clone + Send + 'static,
    N: Summable + 'static,
{
    /// Totals and counts.
    type Columns = (Vec<N::Total>, Vec<u64>);
    type Output = f64;

    fn describe(&self, out: &mut String) {
        out.push_str("avg ");
        N::Total::describe(out);
    }

    #[inline]
    fn insert(&self, (totals, counts): &mut Self::Columns, view: &E::View<'_>, _event_time: i64) {
        totals.push((self.0)(view).total());
        counts.push(1);
    }

    #[inline]
    fn update(
        &self,
        (totals, counts): &mut Self::Columns,
        row: usize,
        view: &E::View<'_>,
        _event_time: i64,
    ) {
        totals[row] = N::add(totals[row].clone(), (self.0)(view).total());
        counts[row] += 1;
    }

    fn merge(&self, into: &mut Self::Columns, row: usize, from: &Self::Columns, other: usize) {
        into.0[row] = N::add(into.0[row].clone(), from.0[other].clone());
        into.1[row] += from.1[other];
    }

    fn finish(&self, (totals, counts): &Self::Columns, row: usize) -> f64 {
        N::ratio(totals[row].clone(), counts[row])
    }
}
