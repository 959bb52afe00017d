//! The program `thalweg-broker`.

fn main() {}
