//! Kafka's wire protocol: messages and record batches as plain Rust, no I/O.

mod ids;
mod murmur2;
pub mod records;

pub use ids::{BrokerId, Offset, PartitionId, ProducerId};
pub use murmur2::murmur2;
