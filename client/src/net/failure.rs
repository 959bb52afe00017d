//! Why a connection could not be opened, or ended.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Why a connection to a broker could not be opened, or why it ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ConnectionFailure {
    /// The operating system refused: connection refused, name not found, reset.
    Io {
        /// The kind of the error.
        kind: io::ErrorKind,
        /// The operating system's own words.
        message: Arc<str>,
    },
    /// Nothing connected within the time allowed.
    ConnectTimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The connection opened, but the peer did not answer the first request within the time allowed.
    SetupTimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The peer closed the connection.
    ClosedByPeer {
        /// Whether the peer had ever answered anything on it.
        answered_before: bool,
        /// Whether it closed in the middle of a response.
        in_response: bool,
    },
    /// A request stayed without an answer for too long; its connection is given up, because later
    /// answers could not be told from the late one's place in the order.
    RequestTimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The first bytes that came back are not Kafka's protocol.
    NotKafka {
        /// What the peer seems to speak.
        speaks: PeerProtocol,
    },
    /// A length prefix that no Kafka broker sends: negative, or too small for a response header.
    BadLength {
        /// The length received.
        length: i32,
    },
    /// A response longer than [`ClientConfig::frame_bytes_max`](crate::ClientConfig::frame_bytes_max).
    FrameTooLarge {
        /// The length announced by the peer, in bytes.
        length: usize,
        /// The configured bound, in bytes.
        frame_bytes_max: usize,
    },
    /// A response to a request that was not the oldest one outstanding, or to none at all.
    UnexpectedCorrelationId {
        /// The id of the oldest outstanding request, if there was one.
        expected: Option<i32>,
        /// The id in the response.
        received: i32,
    },
    /// The client itself closed the connection: it was idle for long, or its owner is gone.
    ClosedByClient,
}

/// What a peer that is no Kafka broker seems to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerProtocol {
    /// An HTTP server.
    Http,
    /// A TLS listener; it may well be a broker's, but this connection is plain.
    Tls,
    /// An SSH server.
    Ssh,
}

impl PeerProtocol {
    /// Recognises a foreign protocol by the first four bytes a peer sent.
    pub(crate) fn recognise(first: [u8; 4]) -> Option<PeerProtocol> {
        match first {
            [b'H', b'T', b'T', b'P'] => Some(PeerProtocol::Http),
            [b'S', b'S', b'H', b'-'] => Some(PeerProtocol::Ssh),
            // A TLS record: content type 20..=24, then the major version 3.
            [20..=24, 3, 0..=4, _] => Some(PeerProtocol::Tls),
            _ => None,
        }
    }
}

impl ConnectionFailure {
    /// Whether trying the same address again, unchanged, can be expected to fail the same way.
    pub fn is_definite(&self) -> bool {
        matches!(
            self,
            ConnectionFailure::NotKafka { .. }
                | ConnectionFailure::BadLength { .. }
                | ConnectionFailure::FrameTooLarge { .. }
                | ConnectionFailure::UnexpectedCorrelationId { .. }
        )
    }
}

impl From<io::Error> for ConnectionFailure {
    fn from(error: io::Error) -> Self {
        ConnectionFailure::Io {
            kind: error.kind(),
            message: error.to_string().into(),
        }
    }
}

impl fmt::Display for ConnectionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionFailure::Io {
                kind: io::ErrorKind::ConnectionRefused,
                message,
            } => {
                write!(
                    f,
                    "{message}: nothing listens there; is the broker up, is the port right?"
                )
            }
            ConnectionFailure::Io { message, .. } => f.write_str(message),
            ConnectionFailure::ConnectTimedOut { after } => write!(
                f,
                "no connection within {after:?}: the host does not answer; check the address and \
                 any firewall in between"
            ),
            ConnectionFailure::ClosedByPeer {
                answered_before: false,
                ..
            } => f.write_str(
                "the peer closed the connection without an answer: not a Kafka broker, or a \
                 listener that requires TLS or SASL",
            ),
            ConnectionFailure::ClosedByPeer {
                in_response: true, ..
            } => f.write_str("the peer closed the connection in the middle of a response"),
            ConnectionFailure::ClosedByPeer { .. } => f.write_str("the peer closed the connection"),
            ConnectionFailure::SetupTimedOut { after } => write!(
                f,
                "something accepts connections there but did not answer within {after:?}: the \
                 broker hangs, or it is not a Kafka broker, or a listener that requires TLS"
            ),
            ConnectionFailure::RequestTimedOut { after } => {
                write!(
                    f,
                    "a request had no answer within {after:?}, so the connection was given up"
                )
            }
            ConnectionFailure::NotKafka {
                speaks: PeerProtocol::Http,
            } => f.write_str(
                "not a Kafka broker: the peer answered with HTTP; use the port of the Kafka \
                 listener (9092 by default)",
            ),
            ConnectionFailure::NotKafka {
                speaks: PeerProtocol::Tls,
            } => f.write_str(
                "the peer answered with a TLS record, but this connection is plain: use the \
                 broker's PLAINTEXT listener, or configure TLS",
            ),
            ConnectionFailure::NotKafka {
                speaks: PeerProtocol::Ssh,
            } => f.write_str(
                "not a Kafka broker: the peer answered with SSH; use the port of the Kafka \
                 listener (9092 by default)",
            ),
            ConnectionFailure::BadLength { length } => write!(
                f,
                "not a Kafka broker: the peer sent a response length of {length} bytes; check \
                 host and port"
            ),
            ConnectionFailure::FrameTooLarge {
                length,
                frame_bytes_max,
            } => write!(
                f,
                "the peer announced a response of {length} bytes, above frame_bytes_max = \
                 {frame_bytes_max}: not a Kafka broker, or the bound is too small for what was \
                 asked"
            ),
            ConnectionFailure::UnexpectedCorrelationId {
                expected: Some(expected),
                received,
            } => {
                write!(
                    f,
                    "the peer broke the protocol: it answered request {received} where {expected} \
                     was next; is there a proxy in between that mixes connections?"
                )
            }
            ConnectionFailure::UnexpectedCorrelationId {
                expected: None,
                received,
            } => write!(
                f,
                "the peer broke the protocol: it answered request {received} although none was \
                 outstanding"
            ),
            ConnectionFailure::ClosedByClient => f.write_str("the client closed the connection"),
        }
    }
}

impl std::error::Error for ConnectionFailure {}
