//! Requests over a plain socket, with nothing of the client: for what it has no function for, and for
//! a second opinion on what it has.

use thalweg_protocol::{Request, decode_response, encode_request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};

/// A connection to one broker.
#[derive(Debug)]
pub struct RawConnection<S = TcpStream> {
    stream: S,
}

impl RawConnection {
    /// Connects.
    ///
    /// # Panics
    /// Nobody accepts the connection.
    pub async fn open(address: impl ToSocketAddrs) -> Self {
        let stream = TcpStream::connect(address).await;
        Self {
            stream: stream.expect("the broker accepts connections"),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> RawConnection<S> {
    /// Speaks over a stream that is open already.
    pub fn over(stream: S) -> Self {
        Self { stream }
    }

    /// Sends one request and waits for its answer.
    ///
    /// # Panics
    /// The request cannot be written in that version, or the answer not be read.
    pub async fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        let frame = encode_request(request, version, 1, Some("raw")).expect("encodable");
        for chunk in frame.chunks() {
            let written = self.stream.write_all(chunk).await;
            written.expect("the broker listens");
        }
        let length = self.stream.read_i32().await.expect("an answer");
        let mut answer = vec![0; usize::try_from(length).expect("a length")];
        let read = self.stream.read_exact(&mut answer).await;
        read.expect("the whole answer");
        let (_, response) = decode_response::<R>(answer.into(), version).expect("readable");
        response
    }
}
