//! Operators on streams, one in each file.

mod filter;
mod flat_map;
mod grouped;
mod inspect;
mod map;
mod merge;
mod share;

pub use grouped::{Grouped, GroupedStream};
