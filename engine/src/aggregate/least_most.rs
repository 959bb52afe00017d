//! The least and the most of something.

use std::marker::PhantomData;

use crate::element::Element;
use crate::state::Stored;

use super::{Agg, Aggregate};

/// See [`Agg::min`].
pub struct Min<F, V>(F, PhantomData<fn() -> V>);

/// See [`Agg::max`].
pub struct Max<F, V>(F, PhantomData<fn() -> V>);

impl<F: Clone, V> Clone for Min<F, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<F: Clone, V> Clone for Max<F, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<E: Element> Agg<E> {
    /// The least of a value in each element; of equal ones the first. A float that is no number
    /// (NaN) counts only if it is the first.
    pub fn min<F, V>(self, value: F) -> Min<F, V>
    where
        F: for<'x, 'b> Fn(&'x E::View<'b>) -> V + Clone + Send + 'static,
        V: Stored + PartialOrd,
    {
        Min(value, PhantomData)
    }

    /// The most of a value in each element; of equal ones the first. A float that is no number
    /// (NaN) counts only if it is the first.
    pub fn max<F, V>(self, value: F) -> Max<F, V>
    where
        F: for<'x, 'b> Fn(&'x E::View<'b>) -> V + Clone + Send + 'static,
        V: Stored + PartialOrd,
    {
        Max(value, PhantomData)
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "the engine asks for rows there are"
)]
impl<E, F, V> Aggregate<E> for Min<F, V>
where
    E: Element,
    F: for<'x, 'b> Fn(&'x E::View<'b>) -> V + Clone + Send + 'static,
    V: Stored + PartialOrd,
{
    type Columns = Vec<V>;
    type Output = V;

    fn describe(&self, out: &mut String) {
        out.push_str("min ");
        V::describe(out);
    }

    #[inline]
    fn insert(&self, least: &mut Vec<V>, view: &E::View<'_>, _event_time: i64) {
        least.push((self.0)(view));
    }

    #[inline]
    fn update(&self, least: &mut Vec<V>, row: usize, view: &E::View<'_>, _event_time: i64) {
        let value = (self.0)(view);
        if value < least[row] {
            least[row] = value;
        }
    }

    fn merge(&self, into: &mut Vec<V>, row: usize, from: &Vec<V>, other: usize) {
        if from[other] < into[row] {
            into[row] = from[other].clone();
        }
    }

    fn finish(&self, least: &Vec<V>, row: usize) -> V {
        least[row].clone()
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "the engine asks for rows there are"
)]
impl<E, F, V> Aggregate<E> for Max<F, V>
where
    E: Element,
    F: for<'x, 'b> Fn(&'x E::View<'b>) -> V + Clone + Send + 'static,
    V: Stored + PartialOrd,
{
    type Columns = Vec<V>;
    type Output = V;

    fn describe(&self, out: &mut String) {
        out.push_str("max ");
        V::describe(out);
    }

    #[inline]
    fn insert(&self, most: &mut Vec<V>, view: &E::View<'_>, _event_time: i64) {
        most.push((self.0)(view));
    }

    #[inline]
    fn update(&self, most: &mut Vec<V>, row: usize, view: &E::View<'_>, _event_time: i64) {
        let value = (self.0)(view);
        if value > most[row] {
            most[row] = value;
        }
    }

    fn merge(&self, into: &mut Vec<V>, row: usize, from: &Vec<V>, other: usize) {
        if from[other] > into[row] {
            into[row] = from[other].clone();
        }
    }

    fn finish(&self, most: &Vec<V>, row: usize) -> V {
        most[row].clone()
    }
}
