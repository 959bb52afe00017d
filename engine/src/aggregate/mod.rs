//! Aggregates: accumulators as columns, composed as tuples.

mod average;
mod count;
mod fold;
mod json_column;
mod latest;
mod least_most;
mod reduce;
mod sum;
mod tuples;

use std::marker::PhantomData;

use crate::element::Element;
use crate::state::Columns;

pub use average::Average;
pub use count::Count;
pub use fold::Fold;
pub use json_column::JsonColumn;
pub use latest::LatestEventTime;
pub use least_most::{Max, Min};
pub use reduce::Reduce;
pub use sum::{Sum, Summable};

/// What is kept per key, and how elements change it.
///
/// Accumulators live in columns, a row per key. The built-in ones come from [`Agg`]; tuples of
/// aggregates are aggregates. One of your own says what its columns are:
///
/// ```
/// use thalweg::{Aggregate, Element, Json};
///
/// /// The last price but one.
/// #[derive(Clone)]
/// struct Previous;
///
/// impl Aggregate<Json<u64>> for Previous {
///     type Columns = (Vec<u64>, Vec<Option<u64>>);
///     type Output = Option<u64>;
///
///     fn describe(&self, out: &mut String) {
///         out.push_str("previous price, version 1");
///     }
///     fn insert(&self, columns: &mut Self::Columns, price: &u64, _event_time: i64) {
///         columns.0.push(*price);
///         columns.1.push(None);
///     }
///     fn update(&self, columns: &mut Self::Columns, row: usize, price: &u64, _event_time: i64) {
///         columns.1[row] = Some(std::mem::replace(&mut columns.0[row], *price));
///     }
///     fn merge(&self, into: &mut Self::Columns, row: usize, from: &Self::Columns, other: usize) {
///         into.0[row] = from.0[other];
///         into.1[row] = from.1[other].or(into.1[row]);
///     }
///     fn finish(&self, columns: &Self::Columns, row: usize) -> Option<u64> {
///         columns.1[row]
///     }
/// }
/// ```
///
/// Closures in it must be pure: an abort undoes what they changed and runs them again.
pub trait Aggregate<E: Element>: Clone + Send + 'static {
    /// Where the accumulators are.
    type Columns: Columns;
    /// What they come to.
    type Output: 'static;

    /// Appends what the accumulators mean. State is refused by a program in which this differs.
    fn describe(&self, out: &mut String);

    /// Appends the row of a key, from its first element.
    fn insert(&self, columns: &mut Self::Columns, view: &E::View<'_>, event_time: i64);

    /// Adds an element to a row.
    fn update(&self, columns: &mut Self::Columns, row: usize, view: &E::View<'_>, event_time: i64);

    /// Adds to a row what another has; the other's elements came later.
    fn merge(&self, into: &mut Self::Columns, row: usize, from: &Self::Columns, other: usize);

    /// What a row comes to.
    fn finish(&self, columns: &Self::Columns, row: usize) -> Self::Output;
}

/// Makes aggregates over elements of kind `E`: what the closure of `aggregate` is given.
///
/// `|a| (a.count(), a.max(|b| b.price))` counts, and finds the highest price.
pub struct Agg<E>(PhantomData<fn() -> E>);

impl<E> Agg<E> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> Clone for Agg<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Agg<E> {}
