//! Why a record set, a batch or a record could not be read.

use crate::Offset;

use super::compression::{Compression, DecompressError};

/// Why a record batch was refused.
///
/// The batch is named by its base offset; whoever knows the topic and partition adds them. A batch
/// that is refused by [`Columns::decode`](super::Columns::decode) has a sound frame: the batches
/// after it in its record set can still be read. An error of
/// [`RecordBatches`](super::RecordBatches) itself means that the rest of the record set cannot be
/// made out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// There are bytes, but they end within the first batch.
    #[error("the batch is cut off after {bytes} bytes")]
    CutOff {
        /// How many bytes there are.
        bytes: usize,
    },
    /// A batch holds nothing of what was asked for: following it, reading would stand still.
    #[error("the batch at offset {base_offset} ends before the offset that was asked for")]
    Behind {
        /// The first offset of the batch.
        base_offset: Offset,
    },
    /// The length field is smaller than the smallest batch of that format.
    #[error("the batch at offset {base_offset} claims {length} bytes; the least is {length_min}")]
    BatchTooShort {
        /// The batch's base offset, as it claims it.
        base_offset: Offset,
        /// The length field: bytes after itself.
        length: i32,
        /// The least it could be.
        length_min: i32,
    },
    /// The format is none that Kafka has: these bytes are no record batch, or come from a future
    /// Kafka.
    #[error("the batch at offset {base_offset} has the unknown format (magic) {magic}")]
    UnknownMagic {
        /// The batch's base offset, as it claims it.
        base_offset: Offset,
        /// The format byte.
        magic: i8,
    },
    /// The offsets of the batch are negative, run backwards or leave the range of 64 bits. Where
    /// the next batch starts is unknown, so this batch cannot be skipped either.
    #[error("the batch claims offsets {base_offset} to {base_offset} + {last_offset_delta}")]
    BatchOffsets {
        /// The batch's base offset, as it claims it.
        base_offset: Offset,
        /// What is to be added for the last offset.
        last_offset_delta: i32,
    },
    /// The checksum does not fit the bytes: the batch was damaged on disk or on the way.
    #[error(
        "the batch at offset {base_offset} is damaged: its checksum is {stored:#010x}, its bytes \
         give {computed:#010x}"
    )]
    CrcMismatch {
        /// The batch's base offset.
        base_offset: Offset,
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// The codec is none that Kafka has, or none that this batch format may use (zstd in formats
    /// 0 and 1).
    #[error("the batch at offset {base_offset} uses the codec {codec}, unknown in format {magic}")]
    UnknownCodec {
        /// The batch's base offset.
        base_offset: Offset,
        /// The codec's number in the attributes.
        codec: u8,
        /// The batch format.
        magic: i8,
    },
    /// The compressed records could not be decompressed.
    #[error("the batch at offset {base_offset}: its {compression} data {source}")]
    Decompress {
        /// The batch's base offset.
        base_offset: Offset,
        /// The codec.
        compression: Compression,
        /// What is wrong with the data.
        source: DecompressError,
    },
    /// The header claims a number of records that the batch cannot hold.
    #[error("the batch at offset {base_offset} claims {count} records in {bytes} bytes")]
    RecordCount {
        /// The batch's base offset.
        base_offset: Offset,
        /// The claimed number.
        count: i32,
        /// How many bytes, decompressed, there are for them.
        bytes: usize,
    },
    /// A record breaks the format.
    #[error("record {index} of the batch at offset {base_offset} {fault}")]
    Record {
        /// The batch's base offset.
        base_offset: Offset,
        /// Which record of the batch, from 0.
        index: usize,
        /// What is wrong with it.
        fault: RecordFault,
    },
    /// Bytes are left over after the records that the header claims.
    #[error("the batch at offset {base_offset} has {bytes} bytes after its last record")]
    TrailingBytes {
        /// The batch's base offset.
        base_offset: Offset,
        /// How many.
        bytes: usize,
    },
    /// A batch of formats 0 or 1 that says it is compressed holds no messages.
    #[error("the compressed message at offset {base_offset} holds no messages")]
    EmptyWrapper {
        /// The message's offset.
        base_offset: Offset,
    },
    /// A control record has no readable type or value.
    #[error("the control record at offset {offset} cannot be read: {reason}")]
    Control {
        /// The record's offset.
        offset: Offset,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// What is wrong with one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordFault {
    /// The record's size is negative or more than what is left of the batch.
    #[error("has a size that is negative or more than the batch has left")]
    Size,
    /// The record's fields end before or after the record's size.
    #[error("has fields that do not fill its size exactly")]
    Length,
    /// A number has too many bytes, or is cut.
    #[error("has a number that does not end")]
    Varint,
    /// The key's length is negative (and not null's -1), or the key does not fit the record.
    #[error("has a key that does not fit it")]
    Key,
    /// The value's length is negative (and not null's -1), or the value does not fit the record.
    #[error("has a value that does not fit it")]
    Value,
    /// The header count is negative or more than the record can hold.
    #[error("has a header count that does not fit it")]
    HeaderCount,
    /// A header's key or value does not fit the record.
    #[error("has a header that does not fit it")]
    Header,
    /// A header's key is not UTF-8, as the format demands.
    #[error("has a header whose key is not UTF-8")]
    HeaderKey,
    /// The offset does not lie after the record before it and within the batch.
    #[error("has an offset that is not after the one before it and within the batch")]
    Offset,
    /// The timestamp leaves the range of 64 bits.
    #[error("has a timestamp out of range")]
    Timestamp,
    /// The record's own checksum (formats 0 and 1) does not fit its bytes.
    #[error("is damaged: its checksum does not fit its bytes")]
    Crc,
    /// The record is compressed although it lies within a compressed one (formats 0 and 1).
    #[error("is compressed although it lies within a compressed one")]
    Nested,
    /// The record's format (magic) is neither 0 nor 1 although it lies within such a one.
    #[error("has a format other than 0 or 1 within a compressed message of those formats")]
    Magic,
}
