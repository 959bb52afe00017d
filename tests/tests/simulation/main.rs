//! The simulated world: what holds in it, and that its checkers would see what does not.
#![allow(
    clippy::indexing_slicing,
    reason = "an index out of bounds is a failed test"
)]

mod planted;
mod points;
mod worlds;

use std::path::Path;

/// The root of the workspace.
fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace")
}
