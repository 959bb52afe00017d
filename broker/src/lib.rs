//! A Kafka in miniature: in memory, in this process, with the real wire protocol.
//!
//! For tests that should not wait for a JVM, for trying things out, and as the world of Thalweg's
//! simulation. Any client in any language can talk to it over TCP; programs in this process may use
//! an in-memory connection instead, which works under tokio's paused clock.
//!
//! ```
//! use thalweg_broker::EmbeddedBroker;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let kafka = EmbeddedBroker::builder()
//!     .brokers(3)
//!     .as_version("4.3")
//!     .topic("bids", 4)
//!     .start()?;
//! println!("{}", kafka.bootstrap_servers());
//! # Ok(())
//! # }
//! ```
//!
//! # What it lacks on purpose
//! A disk, unless [`Builder::data`] names a folder; followers with logs of their own; controllers,
//! remote storage, delegation tokens, telemetry. It is no broker for production.
//!
//! # Where it differs from Kafka
//! - A batch whose header claims a wrong largest timestamp is not mended. Where `compression.type` asks
//!   for lz4, all its levels are the one that is Kafka's default.
//! - Replication is modelled: a broker is in sync again as soon as it is back, leaders do not go back by
//!   themselves, and reassignments are done at once.
//! - Most settings without a meaning here are kept and shown and have no effect. An unknown one is an
//!   error where Kafka takes it, and so is an unknown dynamic one. Request and connection quotas are
//!   kept and shown only. `max.decompressed.message.bytes` is a setting of topics alone, and holds for
//!   what is produced, not for compaction and lookups by time.
//! - A topic has at most 10,000 partitions, a streams topology at most 1,000 sub-topologies and 10,000
//!   topics; a regular expression of a consumer group has no `\p{…}` classes.
//! - Share groups write to no dead-letter topic, which those of Kafka 4.4 do where their
//!   `errors.deadletterqueue.topic.name` names one (KIP-1191): a group has no such setting here, and
//!   what is rejected or delivered too often is given up as in 4.3. Where Kafka acquires records in
//!   parts, as it keeps them in memory, they are acquired together.
//! - [`Builder::data`] does not force what it writes to the disk: it outlives kills, not the machine.
//! - It does not forget the markers of transactions that timed out while it was down, which a lone
//!   Kafka 4.3 that was killed does.

mod acl;
mod api;
mod builder;
mod cluster;
mod embedded;
mod fault;
mod group;
mod log;
mod quota;
mod release;
mod security;
mod server;
mod settings;
mod share;
mod store;
mod topic;
mod transaction;

pub use builder::{Builder, StartError};
pub use embedded::{Connector, EmbeddedBroker, UnknownBroker};
pub use fault::{Fault, Inject, RequestSeen, faults};
pub use release::{Release, UnknownRelease};
pub use security::{Sasl, TokenLogin};
pub use server::InMemoryStream;
#[cfg(feature = "tls")]
pub use server::{Tls, TlsError};
pub use settings::SettingError;
pub use store::DataError;
/// The mechanisms of SASL, and SCRAM's hashes.
pub use thalweg_protocol::sasl::{SaslMechanism, ScramMechanism};
