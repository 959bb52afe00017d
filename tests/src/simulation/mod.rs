//! The simulated world: client, engine and broker, unmodified, on one thread with a paused clock.
//!
//! ```text
//!   world ── plan            what a seed makes of it
//!     ├─ instance ── life    an app that is started, struck, crashed, started again
//!     │    └─ machine, jobs  its clock and disk, its program
//!     ├─ clients             producers of the input, readers of the output
//!     ├─ network ── relay    latency, cuts, partitions; `groups` listens
//!     └─ checker ── log      what lies in the logs, against what must
//! ```
//! Everything random comes from the seed, time is tokio's paused clock, and nothing else is asked:
//! the same seed runs the same way, line by line of its [`trace`].

pub mod checker;
pub mod clients;
pub mod groups;
pub mod instance;
pub mod jobs;
pub mod life;
pub mod log;
pub mod machine;
pub mod network;
mod panics;
pub mod plan;
pub mod planted;
pub mod points;
mod relay;
pub mod sweep;
pub mod trace;
pub mod world;

pub use world::{Options, Report, run};
