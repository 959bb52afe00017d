//! The Kafka a test runs on: a real one, or the embedded broker, behind one face.
//!
//! A test is written once and runs on both: `embedded::name` always, `kafka::name` where a real Kafka
//! can be had. What they do differently is a bug of one of them.

mod builder;
mod kafka;
mod runner;

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The embedded broker, in this process and over TCP.
    Embedded,
    /// Apache Kafka, from its jars or as the environment says.
    Real,
}

impl Which {
    /// Describes a cluster of the test's own.
    #[must_use]
    pub fn builder(self) -> KafkaBuilder {
        KafkaBuilder::new(self)
    }
}

// The public interface is:
pub use builder::KafkaBuilder;
pub use kafka::Kafka;
pub use runner::Tests;
