//! Stream processing on Kafka: event-time windows, exactly once, in pure Rust.
