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
