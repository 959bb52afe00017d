//! Where an answer goes. A handler answers at once, or keeps the [`Reply`] and answers later.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use thalweg_protocol::{EncodedFrame, Request, encode_response};
use tokio::sync::oneshot;

/// What a connection does about a request that was handled.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Sends this frame.
    Frame(EncodedFrame),
    /// Sends this frame, and reads nothing for a time (KIP-219).
    Throttled(EncodedFrame, Duration),
    /// Sends nothing and reads on: a produce request that wants no acknowledgement.
    Nothing,
    /// Closes the connection.
    Close,
}

/// The way back to whoever sent a request of type `R`.
///
/// Dropped without an answer it closes the connection, as a broker that fails does.
pub(crate) struct Reply<R> {
    version: i16,
    correlation_id: i32,
    sender: oneshot::Sender<Outcome>,
    request: PhantomData<fn(R)>,
}

impl<R: Request> Reply<R> {
    pub(crate) fn new(version: i16, correlation_id: i32, sender: oneshot::Sender<Outcome>) -> Self {
        Reply {
            version,
            correlation_id,
            sender,
            request: PhantomData,
        }
    }

    /// The version the answer will be written in.
    pub(crate) fn version(&self) -> i16 {
        self.version
    }

    /// Answers in the request's version.
    pub(crate) fn send(self, response: &R::Response) {
        let version = self.version;
        self.send_in(version, response);
    }

    /// Answers, and lets the client be quiet for a time. The answer has to say so.
    pub(crate) fn send_throttled(self, response: &R::Response, quiet: Duration) {
        let version = self.version;
        if quiet.is_zero() {
            return self.send_in(version, response);
        }
        let outcome = match encode_response::<R>(response, version, self.correlation_id) {
            Ok(frame) => Outcome::Throttled(frame, quiet),
            Err(error) => {
                tracing::error!(api = R::API_KEY.name(), version, %error, "answer has no encoding");
                Outcome::Close
            }
        };
        let _ = self.sender.send(outcome);
    }

    /// Answers in another version than the request's: ApiVersions alone does.
    pub(crate) fn send_in(self, version: i16, response: &R::Response) {
        let outcome = match encode_response::<R>(response, version, self.correlation_id) {
            Ok(frame) => Outcome::Frame(frame),
            Err(error) => {
                tracing::error!(api = R::API_KEY.name(), version, %error, "answer has no encoding");
                debug_assert!(false, "{} v{version}: {error}", R::API_KEY.name());
                Outcome::Close
            }
        };
        // Whoever asked may be gone.
        let _ = self.sender.send(outcome);
    }

    /// Ends the request without an answer.
    pub(crate) fn send_nothing(self) {
        let _ = self.sender.send(Outcome::Nothing);
    }

    /// Closes the connection instead of an answer.
    pub(crate) fn close(self) {
        let _ = self.sender.send(Outcome::Close);
    }

    /// Whether the connection is gone.
    pub(crate) fn is_orphaned(&self) -> bool {
        self.sender.is_closed()
    }
}

impl<R: Request> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} v{})", R::API_KEY.name(), self.version)
    }
}
