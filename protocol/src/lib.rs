//! Kafka's wire protocol: messages and record batches as plain Rust, no I/O.

mod ids;

pub use ids::{BrokerId, Offset, PartitionId, ProducerId};
