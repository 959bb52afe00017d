//! Record batches: how Kafka holds records, on the wire and on disk.
//!
//! # Reading
//! [`RecordBatches`] cuts a record set, as a fetch response has it, into [`RecordBatch`] views,
//! whose header says what a consumer needs for skipping. [`Columns::decode`] reads all records of
//! one into reusable columns, which [`Rows`] shows by row and by column. Batches of all formats (0,
//! 1 and 2) give the same rows. What is read is borrowed from the record set, or from the columns
//! where it was compressed; a warm [`Columns`] and [`Decompressor`] allocate nothing per record.
//!
//! # Writing
//! [`RecordBatchBuilder`] encodes records, in format 2, straight into the batch's bytes, and makes
//! an [`UnsealedBatch`] of them, compressed by a [`Compressor`]. Sealing fills in the producer's id,
//! epoch and sequence number.
//!
//! # Hostile input
//! Everything read here may come from anyone. A length or count is checked against the bytes there
//! are before anything is allocated; decompression ends at a limit; nothing panics or loops.

mod batch;
mod batches;
mod builder;
mod codec;
mod columns;
mod compression;
mod control;
mod error;
mod headers;
mod legacy;
mod new_record;
mod pool;
mod reseal;
mod rows;
mod scratch;
mod unsealed;
mod v2;
mod varint;

pub use batch::{RecordBatch, TimestampType};
pub use batches::RecordBatches;
pub use builder::{AppendError, RecordBatchBuilder};
pub use columns::Columns;
pub use compression::{
    Compression, Compressor, DecompressError, Decompressor, InvalidLevel, UnknownCompression,
};
pub use control::ControlRecord;
pub use error::{RecordError, RecordFault};
pub use headers::Headers;
pub use pool::{BufferPool, PooledBuffer};
pub use reseal::reseal;
pub use rows::{RecordRef, Rows, RowsIter};
pub use unsealed::{BatchSeal, UnsealedBatch};

#[cfg(test)]
mod tests;
