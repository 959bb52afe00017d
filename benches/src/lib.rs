//! Thalweg's benchmarks against its peers.
//!
//! Absolute times move between machines and with whatever else runs on them. What is claimed is
//! ratios, of runs that alternate within one process: [`pairs`].

pub mod pairs;
pub mod samples;
