//! Two brokers, the same requests, and whether they give the same answers.
//!
//! A [`Pair`] speaks to both at once over plain sockets. A request is JSON, in which what a broker has
//! given out itself (producer ids, topic ids, member ids, fetch sessions) is a name such as
//! `producer#0`: each [`Side`] puts its own value in, and takes it out of the answers again. What is
//! left is compared field by field, but for the fields of [`MAY_DIFFER`].
//!
//! The sequences of requests are in [`areas`]: each draws requests from a seed, sound and unsound
//! ones, and looks at the answers only as far as it takes to ask something sensible next.

#![allow(
    clippy::indexing_slicing,
    reason = "answers are JSON, which gives null for what it lacks; places are drawn from their lists"
)]

pub mod areas;
mod call;
mod may_differ;
mod pair;
mod records;
mod replay;
mod side;
mod symbols;

pub use call::{Call, RawCalls};
pub use may_differ::{How, MAY_DIFFER, MayDiffer};
pub use pair::{Difference, Pair, Tally, compare};
pub use replay::{LeftOut, Replay};
pub use side::{Alteration, Side};
