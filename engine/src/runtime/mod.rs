//! What runs a topology: workers, their commits, takeovers and restores, and the app around them.
//!
//! ```text
//!  run ── start ── topics, plan          from a program to running workers
//!   └─ worker ── cycle                   when to process, seal, commit, undo
//!        ├─ slot                         a task and its positions
//!        ├─ settler ── verdict, refusal  carries transactions out; E2
//!        ├─ restore ── takeover          taking tasks over; E3
//!        └─ board ── status, explain, stall, handle   what can be seen from outside
//! ```

mod app;
mod board;
mod calls;
mod culprits;
mod cycle;
mod error;
mod explain;
mod handle;
mod idle;
mod instance;
mod io_thread;
mod plan;
mod refusal;
mod restore;
mod run;
mod settings;
mod settler;
mod slot;
mod stall;
mod start;
mod status;
mod takeover;
mod topics;
mod until_end;
mod verdict;
mod worker;

pub use error::AppError;
pub use explain::{HeldBack, InputMetrics, TaskWatermark};
pub use handle::Handle;
pub use run::LocalWorkers;
pub use settings::Guarantee;
pub(crate) use settings::RunSettings;
pub use status::{AppMetrics, Health, Status, TaskMetrics, WorkerMetrics};
