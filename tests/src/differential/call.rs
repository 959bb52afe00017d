//! One request as JSON, and the connection it goes over.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use thalweg_protocol::reflect::Codec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::json::{set_what_there_is, to_json};

/// The answer of a broker that closed the connection instead.
pub(super) const CLOSED: &str = "_closed";

/// Longer than any request of the areas is held back by a broker that is well.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A request before either side has put its own ids in.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which of the side's connections it goes over: those that are held back must not hold others up.
    pub connection: u8,
    /// The API's name, as `Fetch`.
    pub api: &'static str,
    /// The version it is sent in.
    pub version: i16,
    /// The request; what it lacks has its default, and what the version lacks is left out.
    pub body: Value,
}

/// A connection over which requests go out as JSON.
#[derive(Debug)]
pub struct RawCalls {
    address: String,
    stream: Option<TcpStream>,
}

impl RawCalls {
    /// It connects with the first request, and again after the broker has closed it.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            stream: None,
        }
    }

    /// Sends a request.
    ///
    /// # Panics
    /// The request cannot be expressed, or nobody listens.
    pub async fn send(&mut self, api: &str, version: i16, body: &Value) {
        let frame = request_frame(api, version, body);
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.address).await;
            let stream = stream.expect("the broker accepts connections");
            stream.set_nodelay(true).expect("a socket");
            self.stream = Some(stream);
        }
        if let Some(stream) = &mut self.stream {
            // Whether it arrived shows in the answer.
            let _ = stream.write_all(&frame).await;
        }
    }

    /// Waits for the answer to the oldest request that has none.
    ///
    /// # Panics
    /// The answer cannot be read, or does not come.
    pub async fn answer(&mut self, api: &str, version: i16) -> Value {
        let Some(stream) = self.stream.as_mut() else {
            return json!({ CLOSED: true });
        };
        let frame = match timeout(ANSWER_WITHIN, read_frame(stream)).await {
            Ok(Some(frame)) => frame,
            Ok(None) => {
                self.stream = None;
                return json!({ CLOSED: true });
            }
            Err(_) => panic!("{api} version {version}: {} does not answer", self.address),
        };
        let decode = codec(api, "Response").decode_frame.expect("a response");
        match decode(frame.into(), version) {
            Ok((_, mut message)) => to_json(message.reflect(), version),
            Err(error) => panic!("{api} version {version}: {} answers {error}", self.address),
        }
    }
}

fn request_frame(api: &str, version: i16, body: &Value) -> Bytes {
    let request = codec(api, "Request");
    let mut message = (request.new)();
    if let Err(why) = set_what_there_is(message.reflect(), version, body) {
        panic!("{api} version {version}: {why} in {body}");
    }
    let encode = request.encode_frame.expect("requests have frames");
    match encode(message.as_ref(), version, 1, Some("raw")) {
        Ok(frame) => frame.to_bytes(),
        Err(error) => panic!("{api} version {version}: {error} in {body}"),
    }
}

async fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let length = stream.read_i32().await.ok()?;
    let mut frame = vec![0; usize::try_from(length).ok()?];
    stream.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

/// The codec of an API's request or response.
///
/// # Panics
/// There is no such API.
#[must_use]
pub(super) fn codec(api: &str, suffix: &str) -> &'static Codec {
    Codec::named(&format!("{api}{suffix}")).unwrap_or_else(|| panic!("no API {api}"))
}
