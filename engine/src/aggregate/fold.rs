//! Adding elements to a value of the user's.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::element::Element;

use super::json_column::JsonColumn;
use super::{Agg, Aggregate};

/// See [`Agg::fold`].
#[derive(Debug, Clone)]
pub struct Fold<S, F, M> {
    initial: S,
    add: F,
    merge: M,
}

impl<E: Element> Agg<E> {
    /// Adds each element to a value that begins as `initial`; `merge` adds to a value what another
    /// has whose elements came later.
    ///
    /// Kept in the changelog as JSON.
    pub fn fold<S, F, M>(self, initial: S, add: F, merge: M) -> Fold<S, F, M>
    where
        S: Serialize + DeserializeOwned + Clone + Send + 'static,
        F: for<'x, 'b> Fn(&mut S, &'x E::View<'b>) + Clone + Send + 'static,
        M: Fn(&mut S, &S) + Clone + Send + 'static,
    {
        Fold {
            initial,
            add,
            merge,
        }
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "the engine asks for rows there are"
)]
impl<E, S, F, M> Aggregate<E> for Fold<S, F, M>
where
    E: Element,
    S: Serialize + DeserializeOwned + Clone + Send + 'static,
    F: for<'x, 'b> Fn(&mut S, &'x E::View<'b>) + Clone + Send + 'static,
    M: Fn(&mut S, &S) + Clone + Send + 'static,
{
    type Columns = JsonColumn<S>;
    type Output = S;

    fn describe(&self, out: &mut String) {
        out.push_str("fold");
    }

    fn insert(&self, kept: &mut Self::Columns, view: &E::View<'_>, _event_time: i64) {
        let mut value = self.initial.clone();
        (self.add)(&mut value, view);
        kept.0.push(value);
    }

    fn update(&self, kept: &mut Self::Columns, row: usize, view: &E::View<'_>, _event_time: i64) {
        (self.add)(&mut kept.0[row], view);
    }

    fn merge(&self, into: &mut Self::Columns, row: usize, from: &Self::Columns, other: usize) {
        (self.merge)(&mut into.0[row], &from.0[other]);
    }

    fn finish(&self, kept: &Self::Columns, row: usize) -> S {
        kept.0[row].clone()
    }
}
