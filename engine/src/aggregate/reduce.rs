//! Combining elements two by two.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::element::Element;

use super::json_column::JsonColumn;
use super::{Agg, Aggregate};

/// See [`Agg::reduce`].
pub struct Reduce<V, F, T> {
    value: V,
    combine: F,
    kept: PhantomData<fn() -> T>,
}

impl<V: Clone, F: Clone, T> Clone for Reduce<V, F, T> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            combine: self.combine.clone(),
            kept: PhantomData,
        }
    }
}

impl<E: Element> Agg<E> {
    /// Takes `value` of each element and combines it with what the earlier ones came to. The first
    /// is kept as it is.
    ///
    /// Kept in the changelog as JSON.
    pub fn reduce<V, F, T>(self, value: V, combine: F) -> Reduce<V, F, T>
    where
        V: for<'x, 'b> Fn(&'x E::View<'b>) -> T + Clone + Send + 'static,
        F: Fn(&T, T) -> T + Clone + Send + 'static,
        T: Serialize + DeserializeOwned + Clone + 'static,
    {
        Reduce {
            value,
            combine,
            kept: PhantomData,
        }
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "the engine asks for rows there are"
)]
impl<E, V, F, T> Aggregate<E> for Reduce<V, F, T>
where
    E: Element,
    V: for<'x, 'b> Fn(&'x E::View<'b>) -> T + Clone + Send + 'static,
    F: Fn(&T, T) -> T + Clone + Send + 'static,
    T: Serialize + DeserializeOwned + Clone + 'static,
{
    type Columns = JsonColumn<T>;
    type Output = T;

    fn describe(&self, out: &mut String) {
        out.push_str("reduce");
    }

    fn insert(&self, kept: &mut Self::Columns, view: &E::View<'_>, _event_time: i64) {
        kept.0.push((self.value)(view));
    }

    fn update(&self, kept: &mut Self::Columns, row: usize, view: &E::View<'_>, _event_time: i64) {
        kept.0[row] = (self.combine)(&kept.0[row], (self.value)(view));
    }

    fn merge(&self, into: &mut Self::Columns, row: usize, from: &Self::Columns, other: usize) {
        into.0[row] = (self.combine)(&into.0[row], from.0[other].clone());
    }

    fn finish(&self, kept: &Self::Columns, row: usize) -> T {
        kept.0[row].clone()
    }
}
