//! Goal: a connection delivers every answer to its request, whatever pieces the bytes come in, and
//! ends with the right reason when the peer misbehaves. Method: streams scripted in memory, a
//! paused clock, and a naive splitter to compare with.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::time::{Instant, sleep};

use super::driver::{ConnectionHandle, ConnectionOptions, PendingFrame, RequestFailure, drive};
use super::failure::{ConnectionFailure, PeerProtocol};
use super::reader::FrameReader;
use super::transport::ByteStream;
use super::writer::FrameWriter;
use super::{ReceivePool, buffer};
use crate::rng::Rng;

/// Address and size of memory that was offered to be filled.
type Offered = (usize, usize);

/// Delivers bytes in pieces of given sizes, with a pause (`Pending`) before each, and then ends.
struct Pieces {
    bytes: Bytes,
    sizes: Box<dyn FnMut() -> usize + Send>,
    paused: bool,
    /// Address and size of the memory that was offered for each piece.
    asked: Option<Arc<Mutex<Vec<Offered>>>>,
}

impl Pieces {
    fn new(bytes: impl Into<Bytes>, sizes: impl FnMut() -> usize + Send + 'static) -> Self {
        Pieces {
            bytes: bytes.into(),
            sizes: Box::new(sizes),
            paused: false,
            asked: None,
        }
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.paused = !self.paused;
        if self.paused {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(asked) = &self.asked {
            let address = buf.filled().as_ptr().addr() + buf.filled().len();
            asked
                .lock()
                .expect("nobody panicked")
                .push((address, buf.remaining()));
        }
        let size = (self.sizes)().min(self.bytes.len()).min(buf.remaining());
        let piece = self.bytes.split_to(size);
        buf.put_slice(&piece);
        Poll::Ready(Ok(()))
    }
}

/// Takes written bytes in pieces of `size` over all slices, and keeps them.
struct Sink {
    taken: BytesMut,
    size: usize,
    flushed: usize,
}

impl AsyncWrite for Sink {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let before = self.taken.len();
        for slice in slices {
            let room = self.size - (self.taken.len() - before);
            self.taken.put_slice(&slice[..slice.len().min(room)]);
        }
        Poll::Ready(Ok(self.taken.len() - before))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushed = self.taken.len();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// A stream of which only the reading half does anything.
fn read_only(reader: impl AsyncRead + Unpin + Send + 'static) -> Box<dyn ByteStream> {
    Box::new(tokio::io::join(reader, tokio::io::sink()))
}

fn framed(frame: &[u8]) -> Vec<u8> {
    let mut bytes = (frame.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(frame);
    bytes
}

/// A frame of `length` bytes that differ from those of its neighbours.
fn frame(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8 ^ seed).collect()
}

async fn read_all(
    mut stream: Box<dyn ByteStream>,
    pool: &ReceivePool,
    frame_bytes_max: usize,
) -> (Vec<Bytes>, ConnectionFailure) {
    let mut reader = FrameReader::new(pool.clone(), frame_bytes_max);
    let mut frames = Vec::new();
    loop {
        match std::future::poll_fn(|cx| reader.poll_frame(cx, &mut stream)).await {
            Ok(frame) => frames.push(frame),
            Err(failure) => return (frames, failure),
        }
    }
}

fn pool() -> ReceivePool {
    ReceivePool::new(16 << 20)
}

#[tokio::test]
async fn frames_are_the_same_in_whatever_pieces_they_come() {
    for seed in 0..16 {
        let mut rng = Rng::from_seed(seed);
        let frames: Vec<Vec<u8>> = (0..30)
            .map(|number| {
                let bound = [12, 300, 16 << 10, 50 << 10, 120 << 10][rng.below(5) as usize];
                frame(4 + rng.below(bound) as usize, number)
            })
            .collect();
        let stream: Vec<u8> = frames.iter().flat_map(|frame| framed(frame)).collect();
        let sizes = move || 1 + rng.below([30, 700, 4096, 1 << 20][(seed % 4) as usize]) as usize;
        let (read, failure) =
            read_all(read_only(Pieces::new(stream, sizes)), &pool(), 1 << 20).await;
        assert_eq!(read.len(), frames.len(), "seed {seed}");
        assert!(
            read.iter().zip(&frames).all(|(read, sent)| read == sent),
            "seed {seed}"
        );
        assert!(
            matches!(
                failure,
                ConnectionFailure::ClosedByPeer {
                    in_response: false,
                    ..
                }
            ),
            "seed {seed}: {failure:?}"
        );
    }
}

#[tokio::test]
async fn a_large_frame_stays_in_its_buffer_and_the_buffer_comes_back() {
    let pool = pool();
    let sent = [frame(1 << 20, 1), frame(1 << 20, 2)];
    let stream: Vec<u8> = sent.iter().flat_map(|frame| framed(frame)).collect();
    let (read, _) = read_all(read_only(Pieces::new(stream, || 1 << 16)), &pool, 2 << 20).await;
    assert_eq!(read, sent);
    assert_eq!(pool.idle_buffers(), 0);
    drop(read);
    assert_eq!(pool.idle_buffers(), 2);
}

#[tokio::test]
async fn large_reads_go_to_aligned_addresses() {
    // Pieces of odd sizes, as a network delivers them; what is asked for is recorded.
    let asked: Arc<Mutex<Vec<(usize, usize)>>> = Arc::default();
    let record = Arc::clone(&asked);
    let sent = frame(300 << 10, 1);
    let mut pieces = Pieces::new(framed(&sent), || 33_333);
    pieces.asked = Some(record);
    let (read, _) = read_all(read_only(pieces), &pool(), 1 << 20).await;
    assert!(read[0] == sent);
    let asked = asked.lock().expect("no reader panicked");
    let large = asked.iter().filter(|(_, room)| *room > 16 << 10);
    assert!(large.clone().count() > 5);
    assert!(
        large.clone().all(|(address, _)| address % 64 == 0),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_frame_beyond_the_pooled_sizes_arrives_whole() {
    let sent = frame(5 << 20, 3);
    let mut stream = framed(&sent);
    stream.extend(framed(b"next"));
    let (read, _) = read_all(read_only(Pieces::new(stream, || 1 << 18)), &pool(), 8 << 20).await;
    assert_eq!(read.len(), 2);
    assert!(read[0] == sent);
    assert_eq!(read[1], "next");
}

#[tokio::test]
async fn a_small_frame_does_not_hold_a_pooled_buffer() {
    let pool = pool();
    let stream = framed(b"small");
    let (read, _) = read_all(read_only(Pieces::new(stream, || 1 << 16)), &pool, 1 << 20).await;
    assert_eq!(read, ["small"]);
    drop(read);
    assert_eq!(pool.idle_buffers(), 0);
}

#[tokio::test]
async fn lengths_no_broker_sends_are_refused_before_memory_is_spent() {
    for (bytes, expected) in [
        (&[0xff, 0xff, 0xff, 0xff][..], "length of -1 bytes"),
        (&[0x80, 0, 0, 0], "length of -2147483648 bytes"),
        (&[0, 0, 0, 0], "length of 0 bytes"),
        (&[0, 0, 0, 3, 1, 2, 3], "length of 3 bytes"),
        (
            &[0x7f, 0xff, 0xff, 0xff],
            "2147483647 bytes, above frame_bytes_max = 1000",
        ),
        (&[0, 0, 3, 233], "1001 bytes, above frame_bytes_max = 1000"),
    ] {
        let stream = read_only(Pieces::new(Bytes::from_static(bytes), || 1));
        let (read, failure) = read_all(stream, &pool(), 1000).await;
        assert!(read.is_empty());
        assert!(failure.is_definite(), "{bytes:?}");
        assert!(
            failure.to_string().contains(expected),
            "{bytes:?}: {failure}"
        );
    }
}

#[tokio::test]
async fn peers_that_speak_something_else_are_recognised() {
    for (bytes, speaks) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], PeerProtocol::Http),
        (&[0x15, 3, 3, 0, 2, 2, 70][..], PeerProtocol::Tls),
        (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], PeerProtocol::Ssh),
    ] {
        let stream = read_only(Pieces::new(Bytes::copy_from_slice(bytes), || 3));
        let (_, failure) = read_all(stream, &pool(), usize::MAX).await;
        assert!(
            matches!(failure, ConnectionFailure::NotKafka { speaks: seen } if seen == speaks),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn the_end_of_the_stream_says_where_it_came() {
    let whole = framed(&frame(20 << 10, 0));
    for cut in [1, 3, 4, 5, 100, 17 << 10, whole.len() - 1] {
        let stream = read_only(Pieces::new(whole[..cut].to_vec(), || 999));
        let (_, failure) = read_all(stream, &pool(), 1 << 20).await;
        let expected = ConnectionFailure::ClosedByPeer {
            answered_before: false,
            in_response: true,
        };
        assert_eq!(
            format!("{failure:?}"),
            format!("{expected:?}"),
            "cut at {cut}"
        );
    }
    let (_, failure) = read_all(read_only(Pieces::new(whole, || 999)), &pool(), 1 << 20).await;
    let expected = ConnectionFailure::ClosedByPeer {
        answered_before: true,
        in_response: false,
    };
    assert_eq!(format!("{failure:?}"), format!("{expected:?}"));
}

#[tokio::test]
async fn segments_are_written_in_order_whatever_the_socket_takes_at_a_time() {
    for size in [1, 3, 10, 1000, 1 << 20] {
        let mut stream: Box<dyn ByteStream> = Box::new(tokio::io::join(
            tokio::io::empty(),
            Sink {
                taken: BytesMut::new(),
                size,
                flushed: 0,
            },
        ));
        let mut writer = FrameWriter::default();
        let mut sent = Vec::new();
        for number in 0..40_u8 {
            let segments = [
                frame(3, number),
                Vec::new(),
                frame(usize::from(number) * 9, number),
            ];
            let start = writer.push(segments.iter().map(|part| Bytes::copy_from_slice(part)));
            assert_eq!(start, sent.len() as u64);
            assert!(!writer.has_begun(start));
            sent.extend(segments.concat());
        }
        std::future::poll_fn(|cx| writer.poll_write(cx, &mut stream))
            .await
            .expect("it writes");
        assert!(writer.has_begun(sent.len() as u64 - 1));
        assert!(!writer.has_begun(sent.len() as u64));
    }
}

// From here on: a whole connection against a peer that does what it should, or does not.

/// How long requests wait for their answer here.
const TIMEOUT: Duration = Duration::from_secs(30);

fn connect(buffer_bytes: usize) -> (ConnectionHandle, DuplexStream) {
    let (ours, theirs) = duplex(buffer_bytes);
    let options = ConnectionOptions {
        frame_bytes_max: 1 << 20,
        idle_max: Duration::from_secs(540),
        pool: pool(),
    };
    let (handle, driver) = drive(Box::new(ours), options);
    tokio::spawn(driver);
    (handle, theirs)
}

fn request(handle: &ConnectionHandle, id: i32) -> Result<PendingFrame, RequestFailure> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend_from_slice(b"?");
    handle.submit(id, vec![Bytes::from(framed(&body))], TIMEOUT)
}

async fn receive(peer: &mut DuplexStream) -> i32 {
    let mut bytes = vec![0; 9];
    peer.read_exact(&mut bytes).await.expect("a request");
    i32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]])
}

async fn answer(peer: &mut DuplexStream, id: i32, text: &str) {
    let mut body = id.to_be_bytes().to_vec();
    body.extend_from_slice(text.as_bytes());
    peer.write_all(&framed(&body))
        .await
        .expect("the client reads");
}

fn failure(result: Result<Bytes, RequestFailure>) -> RequestFailure {
    result.expect_err("the request cannot have been answered")
}

#[tokio::test(start_paused = true)]
async fn requests_are_sent_without_waiting_and_answered_in_order() {
    let (handle, mut peer) = connect(7);
    let pending: Vec<_> = (0..50)
        .map(|id| request(&handle, id).expect("open"))
        .collect();
    let server = tokio::spawn(async move {
        for id in 0..50 {
            assert_eq!(receive(&mut peer).await, id);
        }
        for id in 0..50 {
            answer(&mut peer, id, &format!("answer {id}")).await;
        }
        peer
    });
    for (id, pending) in pending.into_iter().enumerate() {
        let frame = pending.await.expect("an answer");
        assert_eq!(&frame[4..], format!("answer {id}").as_bytes());
    }
    server.await.expect("the server ends");
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_request_disturbs_nobody() {
    let (handle, mut peer) = connect(1000);
    drop(request(&handle, 1).expect("open"));
    let second = request(&handle, 2).expect("open");
    assert_eq!(
        receive(&mut peer).await,
        1,
        "it was sent although nobody waits"
    );
    assert_eq!(receive(&mut peer).await, 2);
    answer(&mut peer, 1, "nobody reads this").await;
    answer(&mut peer, 2, "two").await;
    assert_eq!(&second.await.expect("an answer")[4..], b"two");
}

#[tokio::test(start_paused = true)]
async fn an_overdue_request_ends_the_connection() {
    let (handle, mut peer) = connect(1000);
    let started = Instant::now();
    let first = request(&handle, 1).expect("open");
    sleep(Duration::from_secs(10)).await;
    let second = request(&handle, 2).expect("open");
    receive(&mut peer).await;
    let late = failure(first.await);
    assert_eq!(started.elapsed(), TIMEOUT);
    assert!(
        matches!(late.failure, ConnectionFailure::RequestTimedOut { after } if after == TIMEOUT)
    );
    assert!(late.sent);
    assert!(failure(second.await).sent);
    assert!(handle.ended().is_some());
    let refused = request(&handle, 3).err().expect("the connection has ended");
    assert!(!refused.sent);
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest)
        .await
        .expect("the connection is closed");
}

#[tokio::test(start_paused = true)]
async fn a_slow_peer_is_waited_for_as_long_as_each_answer_is_in_time() {
    let (handle, mut peer) = connect(1000);
    for id in 0..20 {
        let pending = request(&handle, id).expect("open");
        receive(&mut peer).await;
        sleep(TIMEOUT - Duration::from_millis(1)).await;
        answer(&mut peer, id, "late").await;
        assert!(pending.await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_another_request_ends_the_connection() {
    let (handle, mut peer) = connect(1000);
    let first = request(&handle, 1).expect("open");
    let second = request(&handle, 2).expect("open");
    answer(&mut peer, 2, "out of order").await;
    for pending in [first, second] {
        let failed = failure(pending.await);
        assert!(
            matches!(
                failed.failure,
                ConnectionFailure::UnexpectedCorrelationId {
                    expected: Some(1),
                    received: 2
                }
            ),
            "{failed:?}"
        );
        assert!(failed.sent);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_nothing_ends_the_connection() {
    let (handle, mut peer) = connect(1000);
    answer(&mut peer, 7, "hello?").await;
    sleep(Duration::from_millis(1)).await;
    assert!(matches!(
        handle.ended(),
        Some(ConnectionFailure::UnexpectedCorrelationId {
            expected: None,
            received: 7
        })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_says_which_requests_may_have_been_carried_out() {
    // The peer takes the first request and one byte of the second.
    let (handle, mut peer) = connect(10);
    let pending: Vec<_> = (0..3)
        .map(|id| request(&handle, id).expect("open"))
        .collect();
    sleep(Duration::from_millis(1)).await;
    peer.write_all(&[0, 0, 1, 0, 5])
        .await
        .expect("the client reads");
    drop(peer);
    let mut sent = Vec::new();
    for pending in pending {
        sent.push(failure(pending.await).sent);
    }
    assert_eq!(sent, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_handle_waits_for_answers_and_then_closes() {
    let (handle, mut peer) = connect(1000);
    let pending = request(&handle, 1).expect("open");
    drop(handle);
    receive(&mut peer).await;
    sleep(Duration::from_secs(5)).await;
    answer(&mut peer, 1, "still here").await;
    assert_eq!(&pending.await.expect("an answer")[4..], b"still here");
    assert_eq!(peer.read(&mut [0; 1]).await.expect("a clean end"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unused_connection_is_closed_in_time() {
    let (handle, mut peer) = connect(1000);
    sleep(Duration::from_secs(500)).await;
    let pending = request(&handle, 1).expect("open");
    receive(&mut peer).await;
    answer(&mut peer, 1, "busy again").await;
    pending.await.expect("an answer");
    sleep(Duration::from_secs(539)).await;
    assert!(handle.ended().is_none());
    sleep(Duration::from_secs(2)).await;
    assert!(matches!(
        handle.ended(),
        Some(ConnectionFailure::ClosedByClient)
    ));
    assert_eq!(peer.read(&mut [0; 1]).await.expect("a clean end"), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_driver_that_was_dropped() {
    let (ours, _theirs) = duplex(100);
    let options = ConnectionOptions {
        frame_bytes_max: 1 << 20,
        idle_max: Duration::from_secs(540),
        pool: pool(),
    };
    let (handle, driver) = drive(Box::new(ours), options);
    let pending = request(&handle, 1).expect("open");
    drop(driver);
    assert!(!failure(pending.await).sent);
    assert!(request(&handle, 2).is_err());
}

#[test]
fn sizes_double_so_that_a_response_holds_at_most_twice_its_own() {
    assert!(
        buffer::SIZES
            .windows(2)
            .all(|pair| pair[0] * 2 <= pair[1] && pair[1] <= pair[0] * 3)
    );
}
