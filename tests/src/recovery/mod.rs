//! Kills instances and brokers under a running job, and judges what the job has written.

mod checker;
mod plan;

pub use checker::{Fault, SeenRecord, Verdict, check};
pub use plan::{Blow, PlanSettings, PlannedBlow, plan};

/// What the job under test does with its input of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Writes every record as it came.
    Pass,
    /// Writes the running count of the record's key.
    Counts,
    /// Writes count and sum of the key's tumbling window, at every change.
    Windows {
        /// The length of the windows, in milliseconds.
        window_ms: i64,
    },
}
