//! Whole-system tests of Thalweg: wire vectors, client, engine, recovery, tidiness.
//!
//! This library holds what several of them share.

pub mod json;
pub mod raw_reader;
pub mod record_vectors;
pub mod recovery;
pub mod tally;
pub mod vectors;
