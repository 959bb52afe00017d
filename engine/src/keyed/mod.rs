//! Streams with a key: by the record's own, or through a repartition topic.

mod claim;
mod key_by;
mod stream;
mod wire;

pub(crate) use claim::PartitionClaim;
pub use key_by::KeyBy;
pub use stream::KeyedStream;
pub(crate) use wire::append_watermark;
pub(crate) use wire::{TimeOnWire, Wire};
