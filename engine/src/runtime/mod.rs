//! What runs a topology: workers, their commits, takeovers and restores, and the app around them.

mod board;
mod cycle;
mod error;
mod handle;
mod plan;
mod settings;
mod slot;
mod status;
mod takeover;
mod verdict;

pub use error::AppError;
pub use handle::Handle;
pub use settings::Guarantee;
pub use status::{AppMetrics, Health, Status, TaskMetrics, WorkerMetrics};
