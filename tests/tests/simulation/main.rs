//! The simulated world: what holds in it, and that its checkers would see what does not.
#![allow(
    clippy::indexing_slicing,
    reason = "an index out of bounds is a failed test"
)]

mod points;
