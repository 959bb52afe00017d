//! The only module that touches sockets: how bytes get to a broker and back.
//!
//! ```text
//!   BrokerConnection (cluster)         encodes requests, decodes responses
//!        │ frames                ▲ frames
//!        ▼                       │
//!   ConnectionHandle ──queue──► driver: one task, owner of the stream
//!                                │  writer: segments queued, written with one vectored call
//!                                │  reader: bytes into pooled buffers, frames out, no copy
//!                                ▼
//!                            Transport: TCP; in memory; simulated
//! ```
//!
//! The reader and the writer keep partial work in structs and are only ever polled, so a driver
//! can be stopped between any two polls without losing its place in the byte stream.

mod buffer;
mod driver;
mod failure;
mod reader;
#[cfg(test)]
mod tests;
mod transport;
mod writer;

pub(crate) use buffer::ReceivePool;
pub(crate) use driver::{ConnectionHandle, ConnectionOptions, PendingFrame, RequestFailure, drive};
pub use failure::{ConnectionFailure, PeerProtocol};
pub use transport::{ByteStream, TcpTransport, Transport, transport_fn};
