//! Offsets as a group commits them.

use std::sync::Arc;

use thalweg_protocol::Offset;

/// What a group commits for a partition: where to go on, and a note of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OffsetAndMetadata {
    /// The offset of the next record to be processed.
    pub offset: Offset,
    /// The leader epoch of the record before it, so that a truncated log is noticed (KIP-320);
    /// `None` if it is not known.
    pub leader_epoch: Option<i32>,
    /// A text kept beside the offset, at most as long as the broker allows
    /// (`offset.metadata.max.bytes`, 4096 by default). Empty for none.
    pub metadata: Arc<str>,
}

impl OffsetAndMetadata {
    /// An offset without leader epoch and metadata.
    pub fn new(offset: Offset) -> Self {
        OffsetAndMetadata {
            offset,
            leader_epoch: None,
            metadata: "".into(),
        }
    }
}
