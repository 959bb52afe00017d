//! Whole-system tests of Thalweg: wire vectors, client, engine, recovery, tidiness.
//!
//! This library holds what several of them share.

pub mod brokers;
pub mod differential;
#[path = "../../protocol/fuzz/src/inputs.rs"]
pub mod fuzz_inputs;
pub mod fuzz_seeds;
pub mod json;
pub mod raw_call;
pub mod raw_reader;
pub mod record_vectors;
pub mod recovery;
pub mod simulation;
pub mod spoken;
pub mod tally;
pub mod vectors;
