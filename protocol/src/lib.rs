//! Kafka's wire protocol: messages and record batches as plain Rust, no I/O.
