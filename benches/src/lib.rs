//! Thalweg's benchmarks against its peers.
