//! Goal: the embedded broker answers as Kafka does, and no request harms it.
//!
//! Method: raw requests over in-memory connections, with the clock paused. One file each for what a
//! group of APIs does.

#![allow(
    clippy::indexing_slicing,
    reason = "a test that finds too little fails"
)]

mod acls;
mod admin;
mod classic_groups;
mod compression;
mod consumer_groups;
mod consumer_offsets;
mod data;
mod data_admin;
mod data_groups;
mod faults;
mod features;
mod group_admin;
mod hostile_groups;
mod members;
mod offsets;
mod produce_fetch;
mod quotas;
mod replication;
mod sasl;
mod share_groups;
mod streams_groups;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod transactional_offsets;
mod transactions;
mod upkeep;
