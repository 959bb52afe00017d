//! Kafka's wire protocol: messages and record batches as plain Rust, no I/O.

// The derives name this crate by its name, inside it too.
extern crate self as thalweg_protocol;

mod api_key;
mod decode;
mod deframer;
mod encode;
mod error_code;
mod frame;
mod ids;
mod message;
mod murmur2;
mod str_bytes;
mod tags;
mod uuid;
mod wire;

pub mod messages;
pub mod records;
#[cfg(feature = "reflect")]
pub mod reflect;
pub mod varint;

pub use thalweg_protocol_derive::{Message, Structure};

pub use api_key::ApiKey;
pub use decode::{ALLOCATION_BYTES_PER_FRAME_BYTE, DecodeError, DecodeReason, Decoder, TagCursor};
pub use deframer::{FrameError, FrameSplitter, NextFrame};
pub use encode::{EncodeError, Encoder, SHARED_BYTES_MIN, TagWriter};
pub use error_code::ErrorCode;
pub use frame::{
    EncodedFrame, decode_request_header, decode_response, encode_request, encode_response,
    peek_correlation_id,
};
pub use ids::{BrokerId, Offset, PartitionId, ProducerId};
pub use message::{Message, Request};
pub use murmur2::murmur2;
pub use str_bytes::StrBytes;
pub use tags::UnknownTags;
pub use uuid::{ParseUuidError, Uuid};
pub use wire::{Nullable, Structure, Wire};
