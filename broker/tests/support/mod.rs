//! A client that sends what it is told, over a connection within the process.

#![allow(dead_code, reason = "every test target uses its own part of this")]

use std::sync::atomic::{AtomicI32, Ordering};

use bytes::{Buf, BytesMut};
use thalweg_broker::{EmbeddedBroker, InMemoryStream};
use thalweg_protocol::{Request, decode_response, encode_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The port of broker 0 where none is listened on.
pub(crate) const PORT: u16 = 9092;

/// One connection.
pub(crate) struct RawClient {
    stream: InMemoryStream,
    client_id: String,
    next_id: AtomicI32,
    received: BytesMut,
}

impl RawClient {
    /// Connects to the broker that is told as `port`.
    pub(crate) fn connect(kafka: &EmbeddedBroker, port: u16) -> Self {
        RawClient {
            stream: kafka.connect(port).expect("a broker of that port"),
            client_id: "raw".to_owned(),
            next_id: AtomicI32::new(0),
            received: BytesMut::new(),
        }
    }

    /// Under another client id than `raw`.
    pub(crate) fn named(mut self, client_id: &str) -> Self {
        client_id.clone_into(&mut self.client_id);
        self
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request).await;
        self.receive::<R>(version).await
    }

    /// Sends a request only.
    pub(crate) async fn send<R: Request>(&mut self, version: i16, request: &R) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = encode_request(request, version, id, Some(&self.client_id));
        let frame = frame.expect("a request of this version");
        let sent = self.stream.write_all(&frame.to_bytes()).await;
        sent.expect("the connection is open");
    }

    /// Waits for the answer to the oldest request that has none.
    pub(crate) async fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let frame = self.frame().await.expect("an answer, not the end");
        let (_, response) = decode_response::<R>(frame, version).expect("an answer to it");
        response
    }

    /// Sends bytes as they are, behind their length.
    pub(crate) async fn send_frame(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("a short frame");
        let mut frame = length.to_be_bytes().to_vec();
        frame.extend(bytes);
        // The broker may have closed it.
        let _ = self.stream.write_all(&frame).await;
    }

    /// The next frame as it is, without its length; `None` at the end.
    pub(crate) async fn receive_frame(&mut self) -> Option<bytes::Bytes> {
        self.frame().await
    }

    /// Whether the broker has closed the connection.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.frame().await.is_none()
    }

    async fn frame(&mut self) -> Option<bytes::Bytes> {
        loop {
            if let Some(length) = self
                .received
                .first_chunk()
                .map(|it| i32::from_be_bytes(*it))
            {
                let length = usize::try_from(length).expect("a length");
                if self.received.len() >= 4 + length {
                    self.received.advance(4);
                    return Some(self.received.split_to(length).freeze());
                }
            }
            if self.stream.read_buf(&mut self.received).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}
