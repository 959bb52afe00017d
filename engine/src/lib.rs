//! Stream processing on Kafka: event-time windows, exactly once, in pure Rust.
#![forbid(unsafe_code)]

mod assignor;
mod runtime;
mod seams;
mod state_folder;
mod task;
mod topology;

pub use runtime::{
    AppError, AppMetrics, Guarantee, Handle, Health, Status, TaskMetrics, WorkerMetrics,
};
pub use seams::{
    Clock, FolderStorage, MemoryStorage, Storage, StorageLock, SystemClock, VirtualClock,
};
pub use state_folder::StateFolderError;
pub use task::{AppendError, MetadataError, RestoreError, SinkFailure, TaskError};
pub use topology::{OnOutOfRange, StartFrom, Topology};
