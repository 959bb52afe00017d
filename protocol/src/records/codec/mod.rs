//! The four codecs in the framings that Kafka's Java client writes and reads, each appending to, or
//! filling, a buffer of its caller's, and each keeping its tables from one batch to the next.

pub(super) mod gzip;
pub(super) mod lz4;
pub(super) mod snappy;
mod xxh32;
pub(super) mod zstd;
