//! Whole-system tests of Thalweg: wire vectors, client, engine, recovery, tidiness.

pub mod record_vectors;
