//! A real Apache Kafka for tests, on this machine, in about a second.
//!
//! [`KafkaCluster`] runs the published jars of Kafka in KRaft mode: one or several combined
//! broker and controller nodes on free loopback ports, in a temporary folder, with settings
//! under which recovery takes seconds. Nodes can be killed, frozen, woken and restarted.
//! [`Kafka`] picks what the machine has: an address given in `THALWEG_BOOTSTRAP_SERVERS`, else
//! the jars, else (feature `docker`) a container. It says which.
//!
//! The first start downloads the jars (about 45 MB) with Maven into the user's cache folder and
//! prepares a class-data archive, which halves the time of all later starts.
//!
//! # Environment
//! | variable | meaning |
//! |---|---|
//! | `THALWEG_KAFKA_CACHE` | the folder of jars; default `~/.cache/thalweg/kafka` |
//! | `THALWEG_KAFKA_KEEP` | set: the temporary folder of a cluster stays after the test |
//! | `THALWEG_BOOTSTRAP_SERVERS` | a running Kafka that [`Kafka::pick`] takes |
//! | `THALWEG_REQUIRE_KAFKA` | `1`: a test without a Kafka fails; else it is ignored |
//!
//! # Features
//! `harness` (off by default): `KafkaTests`, a runner for test targets whose tests need a Kafka,
//! which reports them as ignored where none can be had.
//!
//! `docker` (off by default): `KafkaContainer`, a broker in a container of the image `apache/kafka`,
//! through the `testcontainers` crate. It brings that crate's dependencies, none of which builds C.
//!
//! # What it lacks
//! Linux only: it relies on `/bin/sh`, signals and loopback ports outside the ephemeral range.
//! TLS and SASL listeners are not set up. Nothing here speaks Kafka's protocol.

mod broker;
mod cache;
mod cluster;
#[cfg(feature = "docker")]
mod container;
mod deadline;
mod error;
mod folder;
#[cfg(feature = "harness")]
mod harness;
mod java;
mod pick;
mod ports;
mod process;
mod server_properties;

pub use cluster::{KafkaCluster, KafkaClusterBuilder};
#[cfg(feature = "docker")]
pub use container::{KafkaContainer, KafkaContainerBuilder};
pub use error::{ControlError, StartError};
#[cfg(feature = "harness")]
pub use harness::KafkaTests;
pub use pick::Kafka;
pub use process::GuardedProcess;
