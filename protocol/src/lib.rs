//! Kafka's wire protocol: messages and record batches as plain Rust, no I/O.
//!
//! What it is for: clients, brokers and tools that want the bytes right and nothing else. Every
//! message of Kafka 4.4 that clients, administrators and group members exchange with brokers is a
//! plain struct in [`messages`], in all its versions; [`records`] reads and builds record batches in
//! all their formats and compressions.
//!
//! ```
//! use thalweg_protocol::messages::{HeartbeatRequest, HeartbeatResponse};
//! use thalweg_protocol::{ErrorCode, Message, decode_response, encode_request};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let request = HeartbeatRequest {
//!     group_id: "orders".into(),
//!     generation_id: 3,
//!     ..Default::default()
//! };
//! let frame = encode_request(&request, 4, 17, Some("me"))?;
//! assert_eq!(frame.len(), 31);
//!
//! // The broker's answer, as it comes from the socket after its length.
//! let answer = b"\0\0\0\x11\0\0\0\0\0\0\x1b\0".as_slice().into();
//! let (correlation_id, response) = decode_response::<HeartbeatRequest>(answer, 4)?;
//! assert_eq!(correlation_id, 17);
//! assert_eq!(response.error_code, ErrorCode::REBALANCE_IN_PROGRESS);
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//! - **It believes nothing.** Every length and count is checked against the bytes that remain before
//!   anything is allocated; decoding a frame allocates at most [`ALLOCATION_BYTES_PER_FRAME_BYTE`]
//!   bytes for each of its own. Bad input is a [`DecodeError`] with offset, field and reason, never a
//!   panic.
//! - **It copies little.** Strings, bytes and record sets are slices of the frame they came in; large
//!   byte fields are sent from where they lie, as chunks of an [`EncodedFrame`].
//! - **It keeps secrets.** With the feature `sasl`, the module `sasl` has the messages of logins; passwords and
//!   keys are in no `Debug` and no error.
//! - **It loses nothing.** Tagged fields that are not known are kept and written back. A field that
//!   is set and that the version lacks is an [`EncodeError`], unless Kafka itself calls it ignorable.
//!
//! # How it is made
//! A message is defined by its struct: attributes say which versions have a field, and the derives
//! [`Message`](macro@Message) and [`Structure`](macro@Structure) write the codec. All else is
//! ordinary code: [`Decoder`] and [`Encoder`] know how each type lies on the wire ([`Wire`]).
//!
//! # What it lacks on purpose
//! Sockets, clocks and async: [`FrameSplitter`] says where frames end, whoever owns the buffer does
//! the rest. Choosing versions, which is the client's and broker's business. The messages between
//! brokers and controllers, and those of the raft quorum.

// The derives name this crate by its name, inside it too.
extern crate self as thalweg_protocol;

mod api_key;
mod decode;
mod deframer;
mod encode;
mod error_code;
mod frame;
mod ids;
mod kafka_release;
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
#[cfg(feature = "sasl")]
pub mod sasl;
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
pub use kafka_release::KafkaRelease;
pub use message::{Message, Request};
pub use murmur2::murmur2;
pub use str_bytes::StrBytes;
pub use tags::UnknownTags;
pub use uuid::{ParseUuidError, Uuid};
pub use wire::{Nullable, Structure, Wire};
