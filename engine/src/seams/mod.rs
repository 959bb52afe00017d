//! The seams between the engine and the world: each a small trait with a production form and a
//! simulated one, so that the same engine runs under a seeded, single-threaded simulation.
//!
//! - [`Clock`]: wall-clock and monotonic time ([`SystemClock`], [`VirtualClock`]).
//! - [`Storage`]: the files of the state folder ([`FolderStorage`], [`MemoryStorage`]).
//!
//! The other two seams, `Transport` and `Spawner`, belong to the client, which needs them too.

mod clock;
mod entropy;
mod folder_storage;
mod memory_storage;
mod storage;

pub use clock::{Clock, SystemClock, VirtualClock};
pub(crate) use entropy::entropy;
pub use folder_storage::FolderStorage;
pub use memory_storage::MemoryStorage;
pub use storage::{Storage, StorageLock};
