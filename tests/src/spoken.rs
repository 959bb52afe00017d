//! A transport that notes which version of which request a client speaks.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use thalweg_client::{BoxFuture, ByteStream, TcpTransport, Transport};
use thalweg_protocol::ApiKey;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// TCP, with a list of the requests that went over it. Cloning shares the list.
#[derive(Debug, Clone, Default)]
pub struct SpokenVersions {
    versions: Arc<Mutex<BTreeMap<i16, BTreeSet<i16>>>>,
}

impl SpokenVersions {
    /// The versions in which a request was sent since the last call, ascending.
    ///
    /// # Panics
    /// A stream panicked.
    pub fn take(&self, api: ApiKey) -> Vec<i16> {
        let mut versions = self.versions.lock().expect("no panic");
        let taken = versions.remove(&api.code()).unwrap_or_default();
        taken.into_iter().collect()
    }
}

impl Transport for SpokenVersions {
    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Box<dyn ByteStream>>> {
        let versions = self.clone();
        Box::pin(async move {
            let stream = TcpTransport::new().connect(host, port).await?;
            Ok(Box::new(Stream {
                stream,
                versions,
                head: Vec::new(),
                body: 0,
            }) as Box<dyn ByteStream>)
        })
    }
}

/// Where a frame's length, its API key and its version end.
const HEAD_BYTES: usize = 8;

struct Stream {
    stream: Box<dyn ByteStream>,
    versions: SpokenVersions,
    /// The beginning of the frame being written.
    head: Vec<u8>,
    /// How much of it is still to come behind that.
    body: usize,
}

impl Stream {
    fn note(&mut self, mut written: &[u8]) {
        while !written.is_empty() {
            let passed = self.body.min(written.len());
            self.body -= passed;
            written = written.get(passed..).unwrap_or_default();
            let missing = (HEAD_BYTES - self.head.len()).min(written.len());
            let (head, rest) = written.split_at(missing);
            self.head.extend_from_slice(head);
            written = rest;
            let Ok([l0, l1, l2, l3, a0, a1, v0, v1]) = <[u8; HEAD_BYTES]>::try_from(&*self.head)
            else {
                continue;
            };
            let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
            self.body = length.saturating_sub(HEAD_BYTES - 4);
            self.head.clear();
            let (api, version) = (i16::from_be_bytes([a0, a1]), i16::from_be_bytes([v0, v1]));
            let mut versions = self.versions.versions.lock().expect("no panic");
            versions.entry(api).or_default().insert(version);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.note(bytes.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
