//! Totals.

use crate::element::Element;
use crate::state::Stored;

use super::{Agg, Aggregate};

/// Numbers with a total. Integers have one of 64 (or 128) bits, which wraps around like Java's
/// `long`.
pub trait Summable {
    /// The total's type.
    type Total: Stored;

    /// The total of this number alone.
    fn total(self) -> Self::Total;

    /// Adds two totals.
    fn add(one: Self::Total, other: Self::Total) -> Self::Total;

    /// The total shared out among `count`.
    fn ratio(total: Self::Total, count: u64) -> f64;
}

macro_rules! summable_integers {
    ($($number:ty => $total:ty),*) => {$(
        impl Summable for $number {
            type Total = $total;

            #[inline]
            fn total(self) -> $total {
                self.into()
            }

            #[inline]
            fn add(one: $total, other: $total) -> $total {
                one.wrapping_add(other)
            }

            fn ratio(total: $total, count: u64) -> f64 {
                total as f64 / count as f64
            }
        }
    )*};
}

summable_integers!(
    u8 => u64, u16 => u64, u32 => u64, u64 => u64, u128 => u128,
    i8 => i64, i16 => i64, i32 => i64, i64 => i64, i128 => i128
);

macro_rules! summable_floats {
    ($($number:ty),*) => {$(
        impl Summable for $number {
            type Total = f64;

            fn total(self) -> f64 {
                self.into()
            }

            fn add(one: f64, other: f64) -> f64 {
                one + other
            }

            fn ratio(total: f64, count: u64) -> f64 {
                total / count as f64
            }
        }
    )*};
}

summable_floats!(f32, f64);

/// See [`Agg::sum`].
#[derive(Debug, Clone, Copy)]
pub struct Sum<F>(F);

impl<E: Element> Agg<E> {
    /// The total of a number in each element.
    pub fn sum<F, N>(self, number: F) -> Sum<F>
    where
        F: for<'x, 'b> Fn(&'x E::View<'b>) -> N + Clone + Send + 'static,
        N: Summable,
    {
        Sum(number)
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "the engine asks for rows there are"
)]
impl<E, F, N> Aggregate<E> for Sum<F>
where
    E: Element,
    F: for<'x, 'b> Fn(&'x E::View<'b>) -> N + Clone + Send + 'static,
    N: Summable,
{
    type Columns = Vec<N::Total>;
    type Output = N::Total;

    fn describe(&self, out: &mut String) {
        out.push_str("sum ");
        N::Total::describe(out);
    }

    #[inline]
    fn insert(&self, totals: &mut Self::Columns, view: &E::View<'_>, _event_time: i64) {
        totals.push((self.0)(view).total());
    }

    #[inline]
    fn update(&self, totals: &mut Self::Columns, row: usize, view: &E::View<'_>, _event_time: i64) {
        totals[row] = N::add(totals[row].clone(), (self.0)(view).total());
    }

    fn merge(&self, into: &mut Self::Columns, row: usize, from: &Self::Columns, other: usize) {
        into[row] = N::add(into[row].clone(), from[other].clone());
    }

    fn finish(&self, totals: &Self::Columns, row: usize) -> N::Total {
        totals[row].clone()
    }
}
