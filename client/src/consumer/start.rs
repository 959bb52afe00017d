//! Where to begin reading a partition.

use std::time::Duration;

use thalweg_protocol::Offset;

/// Where a consumer begins to read a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartAt {
    /// Where the group stopped; where it has not been yet, as `auto_offset_reset` says.
    Committed,
    /// At the first record there is.
    Earliest,
    /// At the end: only what is written from now on. For a `read_committed` consumer that is the
    /// last stable offset.
    Latest,
    /// At an offset.
    Offset(Offset),
    /// At an offset, provided that the record before it is still the one written under
    /// `leader_epoch`: how a committed offset is continued (KIP-320).
    After {
        /// The offset.
        offset: Offset,
        /// The leader epoch of the record before it.
        leader_epoch: i32,
    },
    /// At the first record with this timestamp or a later one, in milliseconds since 1970; where
    /// there is none, at the end.
    Timestamp(i64),
}

/// Where to go when there is no position, or none that exists (`auto.offset.reset`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OffsetReset {
    /// To the first record there is.
    Earliest,
    /// To the end: only what is written from now on. Kafka's default.
    #[default]
    Latest,
    /// To the first record not older than this, by its timestamp (KIP-1106); where there is none,
    /// to the end.
    ByDuration(Duration),
    /// Nowhere: it is an error, and the application decides.
    None,
}
