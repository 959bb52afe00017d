//! Frames in, bytes out: the sending half of a connection.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use super::failure::ConnectionFailure;
use super::transport::ByteStream;

/// The most segments given to one system call.
const SLICES_MAX: usize = 32;

/// Writes queued segments in order, as many as possible at once.
///
/// Record batches travel as segments of their own, never copied into one buffer with the fields
/// around them. Partial work is in here: the caller may stop polling at any time.
#[derive(Default)]
pub(crate) struct FrameWriter {
    /// What is still to be written. Invariant: no segment is empty.
    segments: VecDeque<Bytes>,
    /// Bytes ever queued, and of these, bytes ever written.
    queued_bytes: u64,
    written_bytes: u64,
    /// Whether something was written since the last flush.
    unflushed: bool,
}

impl FrameWriter {
    /// Queues the segments of one frame; gives its place in the byte stream.
    pub(crate) fn push(&mut self, segments: impl IntoIterator<Item = Bytes>) -> u64 {
        let start = self.queued_bytes;
        for segment in segments.into_iter().filter(|segment| !segment.is_empty()) {
            self.queued_bytes += segment.len() as u64;
            self.segments.push_back(segment);
        }
        start
    }

    /// Whether a byte at or behind `position` of the stream may have reached the peer.
    pub(crate) fn has_begun(&self, position: u64) -> bool {
        self.written_bytes > position
    }

    /// Whether everything before `position` of the stream was given to the peer's side.
    pub(crate) fn has_written(&self, position: u64) -> bool {
        self.written_bytes >= position && !self.unflushed
    }

    /// Writes and flushes what is queued. Ready when nothing is left to do.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Box<dyn ByteStream>,
    ) -> Poll<Result<(), ConnectionFailure>> {
        while !self.segments.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            for (slice, segment) in slices.iter_mut().zip(&self.segments) {
                *slice = IoSlice::new(segment);
                count += 1;
            }
            let (slices, _) = slices.split_at(count);
            let written = ready!(Pin::new(&mut *stream).poll_write_vectored(cx, slices))?;
            if written == 0 {
                return Poll::Ready(Err(
                    std::io::Error::from(std::io::ErrorKind::WriteZero).into()
                ));
            }
            self.consume(written);
        }
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn consume(&mut self, written: usize) {
        self.unflushed = true;
        self.written_bytes += written as u64;
        let mut left = written;
        while left > 0 {
            let Some(segment) = self.segments.front_mut() else {
                return;
            };
            if segment.len() > left {
                segment.advance(left);
                return;
            }
            left -= segment.len();
            self.segments.pop_front();
        }
    }
}
