//! Drawing from a seed.

use thalweg_client::Rng;

/// One of several, every one equally likely.
///
/// # Panics
/// There are none.
pub(super) fn one_of<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    let index = rng.below(of.len() as u64) as usize;
    of.get(index).copied().expect("something to draw from")
}

/// True once in so many times.
pub(super) fn once_in(rng: &mut Rng, times: u64) -> bool {
    rng.below(times) == 0
}
