//! What runs a topology: workers, their commits, takeovers and restores, and the app around them.
//!
//! ```text
//!  run ── start ── topics, plan          from a program to running workers
//!   └─ worker ── cycle                   when to process, seal, commit, undo
//!        ├─ slot                         a task and its positions
//!        ├─ settler ── verdict           carries transactions out; E2
//!        ├─ restore ── takeover          taking tasks over; E3
//!        └─ board ── status, handle      what can be seen from outside
//! ```

mod board;
mod calls;
mod cycle;
mod error;
mod handle;
mod idle;
mod io_thread;
mod plan;
mod settings;
mod settler;
mod slot;
mod status;
mod takeover;
mod topics;
mod verdict;

pub use error::AppError;
pub use handle::Handle;
pub use settings::Guarantee;
#[expect(unused_imports, reason = "the app that holds them comes next")]
pub(crate) use settings::RunSettings;
pub use status::{AppMetrics, Health, Status, TaskMetrics, WorkerMetrics};
