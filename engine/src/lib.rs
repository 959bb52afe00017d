//! Stream processing on Kafka: event-time windows, exactly once, in pure Rust.

mod assignor;
mod seams;
mod state_folder;

pub use seams::{
    Clock, FolderStorage, MemoryStorage, Storage, StorageLock, SystemClock, VirtualClock,
};
pub use state_folder::StateFolderError;
