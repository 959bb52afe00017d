//! One task per connection: it owns the stream, and nothing else touches it.
//!
//! Requests go out in the order they were handed in, as many at a time as callers like; a broker
//! answers in the same order, so the oldest outstanding request is the one a response belongs to.
//! A request without an answer in time ends the connection, as in Kafka's own client: were it kept,
//! everything behind would wait for the late answer too.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use super::buffer::ReceivePool;
use super::failure::ConnectionFailure;
use super::reader::FrameReader;
use super::transport::ByteStream;
use super::writer::FrameWriter;

/// What a connection is told when it is made.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionOptions {
    /// The longest response accepted, in bytes.
    pub(crate) frame_bytes_max: usize,
    /// How long a connection without any request outstanding stays open.
    pub(crate) idle_max: Duration,
    /// Where receive buffers come from.
    pub(crate) pool: ReceivePool,
}

/// Why a request got no answer.
#[derive(Debug, Clone)]
pub(crate) struct RequestFailure {
    /// What ended the connection.
    pub(crate) failure: ConnectionFailure,
    /// Whether the broker may have received the request, and applied it.
    pub(crate) sent: bool,
}

/// Hands requests to the driver of a connection. When it is dropped, the driver waits for the
/// answers still outstanding and then closes the connection.
pub(crate) struct ConnectionHandle {
    shared: Arc<Shared>,
}

/// The response frame to come: resolves when the broker has answered or the connection ended.
///
/// Dropping it changes nothing for the broker or for other requests.
pub(crate) struct PendingFrame {
    reply: oneshot::Receiver<Result<Bytes, RequestFailure>>,
}

struct Outgoing {
    correlation_id: i32,
    segments: Vec<Bytes>,
    deadline: Instant,
    timeout: Duration,
    reply: oneshot::Sender<Result<Bytes, RequestFailure>>,
    /// Whether the broker answers. If not, having written it is the answer.
    answered: bool,
}

struct InFlight {
    correlation_id: i32,
    /// Where the request begins in the stream of bytes sent.
    position: u64,
    deadline: Instant,
    timeout: Duration,
    reply: oneshot::Sender<Result<Bytes, RequestFailure>>,
}

/// What handle and driver share.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Requests not yet taken by the driver. It needs no bound: every entry has a caller that waits
    /// for it, or had one no longer ago than its time-out.
    queue: VecDeque<Outgoing>,
    /// Wakes the driver.
    driver: Option<Waker>,
    /// Set once: no request is accepted any more.
    ended: Option<ConnectionFailure>,
    /// The handle is gone.
    abandoned: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionHandle {
    /// Queues a request. Its answer must come within `timeout` from now.
    ///
    /// Fails, with nothing sent, when the connection has ended.
    pub(crate) fn submit(
        &self,
        correlation_id: i32,
        segments: Vec<Bytes>,
        timeout: Duration,
    ) -> Result<PendingFrame, RequestFailure> {
        self.queue(correlation_id, segments, timeout, true)
    }

    /// Queues a request that the broker does not answer (Produce with `acks=0`). Resolves to an
    /// empty frame when it is written.
    pub(crate) fn submit_unanswered(
        &self,
        correlation_id: i32,
        segments: Vec<Bytes>,
        timeout: Duration,
    ) -> Result<PendingFrame, RequestFailure> {
        self.queue(correlation_id, segments, timeout, false)
    }

    fn queue(
        &self,
        correlation_id: i32,
        segments: Vec<Bytes>,
        timeout: Duration,
        answered: bool,
    ) -> Result<PendingFrame, RequestFailure> {
        let (reply, pending) = oneshot::channel();
        let deadline = Instant::now() + timeout;
        let driver = {
            let mut state = self.shared.lock();
            if let Some(failure) = &state.ended {
                return Err(RequestFailure {
                    failure: failure.clone(),
                    sent: false,
                });
            }
            state.queue.push_back(Outgoing {
                correlation_id,
                segments,
                deadline,
                timeout,
                reply,
                answered,
            });
            state.driver.take()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
        Ok(PendingFrame { reply: pending })
    }

    /// Why the connection ended; `None` while it is of use.
    pub(crate) fn ended(&self) -> Option<ConnectionFailure> {
        self.shared.lock().ended.clone()
    }
}

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        let driver = {
            let mut state = self.shared.lock();
            state.abandoned = true;
            state.driver.take()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

impl Future for PendingFrame {
    type Output = Result<Bytes, RequestFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The driver answers every request it takes, unless it is dropped with its runtime.
        let answer = ready!(Pin::new(&mut self.reply).poll(cx)).unwrap_or(Err(RequestFailure {
            failure: ConnectionFailure::ClosedByClient,
            sent: true,
        }));
        Poll::Ready(answer)
    }
}

/// Makes a connection of a stream: a handle for requests, and the future that drives it.
pub(crate) fn drive(
    stream: Box<dyn ByteStream>,
    options: ConnectionOptions,
) -> (ConnectionHandle, impl Future<Output = ()> + Send + 'static) {
    let shared = Arc::new(Shared::default());
    let timer_at = Instant::now() + options.idle_max;
    let driver = Driver {
        stream,
        reader: FrameReader::new(options.pool, options.frame_bytes_max),
        writer: FrameWriter::default(),
        in_flight: VecDeque::new(),
        unanswered: VecDeque::new(),
        timer: Box::pin(tokio::time::sleep_until(timer_at)),
        timer_at,
        idle_max: options.idle_max,
        idle_since: Instant::now(),
        shared: Arc::clone(&shared),
    };
    (ConnectionHandle { shared }, driver)
}

struct Driver {
    stream: Box<dyn ByteStream>,
    reader: FrameReader,
    writer: FrameWriter,
    /// Requests without an answer yet, oldest first.
    in_flight: VecDeque<InFlight>,
    /// Requests that get no answer and are not written yet, oldest first, and where each ends in the
    /// stream of bytes sent.
    unanswered: VecDeque<(u64, InFlight)>,
    /// Fires at `timer_at`, which is never later than the earliest deadline. It may be earlier
    /// than all: answered requests leave it as it is, and it is set anew when it fires.
    timer: Pin<Box<Sleep>>,
    timer_at: Instant,
    idle_max: Duration,
    /// When the last outstanding request was answered.
    idle_since: Instant,
    shared: Arc<Shared>,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let failure = ready!(this.poll_until_ended(cx));
        this.end(&failure);
        Poll::Ready(())
    }
}

impl Driver {
    fn poll_until_ended(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionFailure> {
        loop {
            let abandoned = self.accept(cx);
            if let Poll::Ready(Err(failure)) = self.writer.poll_write(cx, &mut self.stream) {
                return Poll::Ready(self.why_the_write_failed(cx, failure));
            }
            self.settle_unanswered();
            // Reading comes before looking at the clock: an answer that has arrived counts, even
            // when this process slept through its deadline.
            match self.reader.poll_frame(cx, &mut self.stream) {
                Poll::Ready(Ok(frame)) => match self.answer(frame) {
                    Ok(()) => continue,
                    Err(failure) => return Poll::Ready(failure),
                },
                Poll::Ready(Err(failure)) => return Poll::Ready(failure),
                Poll::Pending => {}
            }
            if abandoned && self.in_flight.is_empty() && self.unanswered.is_empty() {
                return Poll::Ready(ConnectionFailure::ClosedByClient);
            }
            return self.poll_clock(cx);
        }
    }

    /// Takes over what was asked since the last poll. True when nothing more will be.
    fn accept(&mut self, cx: &Context<'_>) -> bool {
        let mut state = self.shared.lock();
        for request in state.queue.drain(..) {
            let length: usize = request.segments.iter().map(Bytes::len).sum();
            let position = self.writer.push(request.segments);
            let in_flight = InFlight {
                correlation_id: request.correlation_id,
                position,
                deadline: request.deadline,
                timeout: request.timeout,
                reply: request.reply,
            };
            if request.answered {
                self.in_flight.push_back(in_flight);
            } else {
                let end = position + length as u64;
                self.unanswered.push_back((end, in_flight));
            }
            if request.deadline < self.timer_at {
                self.timer_at = request.deadline;
                self.timer.as_mut().reset(request.deadline);
            }
        }
        if !state
            .driver
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            state.driver = Some(cx.waker().clone());
        }
        state.abandoned
    }

    fn settle_unanswered(&mut self) {
        while let Some((end, _)) = self.unanswered.front() {
            if !self.writer.has_written(*end) {
                return;
            }
            if let Some((_, request)) = self.unanswered.pop_front() {
                let _ = request.reply.send(Ok(Bytes::new()));
                self.idle_since = Instant::now();
            }
        }
    }

    fn answer(&mut self, frame: Bytes) -> Result<(), ConnectionFailure> {
        let received = match frame.first_chunk::<4>() {
            Some(id) => i32::from_be_bytes(*id),
            None => {
                return Err(ConnectionFailure::BadLength {
                    length: frame.len() as i32,
                });
            }
        };
        let oldest = self.in_flight.pop_front();
        match oldest {
            Some(request) if request.correlation_id == received => {
                // The caller may have gone; the answer is then nobody's.
                let _ = request.reply.send(Ok(frame));
                self.idle_since = Instant::now();
                Ok(())
            }
            oldest => {
                let expected = oldest.as_ref().map(|request| request.correlation_id);
                if let Some(request) = oldest {
                    self.in_flight.push_front(request);
                }
                Err(ConnectionFailure::UnexpectedCorrelationId { expected, received })
            }
        }
    }

    /// Ends the connection when a request is overdue or nothing was asked for long.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionFailure> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let unanswered = self.unanswered.iter().map(|(_, request)| request);
            let outstanding = self.in_flight.iter().chain(unanswered);
            let earliest = outstanding.min_by_key(|request| request.deadline);
            let next = match earliest {
                Some(request) if request.deadline <= now => {
                    let after = request.timeout;
                    return Poll::Ready(ConnectionFailure::RequestTimedOut { after });
                }
                Some(request) => request.deadline,
                None if self.idle_since + self.idle_max <= now => {
                    return Poll::Ready(ConnectionFailure::ClosedByClient);
                }
                None => self.idle_since + self.idle_max,
            };
            self.timer_at = next;
            self.timer.as_mut().reset(next);
        }
    }

    /// A peer that hangs up makes a write fail with little to say; what it sent before that, a TLS
    /// alert or an HTTP error, says more.
    fn why_the_write_failed(
        &mut self,
        cx: &mut Context<'_>,
        failure: ConnectionFailure,
    ) -> ConnectionFailure {
        match self.reader.poll_frame(cx, &mut self.stream) {
            Poll::Ready(Err(said @ ConnectionFailure::NotKafka { .. })) => said,
            _ => failure,
        }
    }

    /// Refuses further requests and fails those without an answer.
    fn end(&mut self, failure: &ConnectionFailure) {
        let queued = {
            let mut state = self.shared.lock();
            state.ended.get_or_insert_with(|| failure.clone());
            std::mem::take(&mut state.queue)
        };
        let unanswered = self.unanswered.drain(..).map(|(_, request)| request);
        for request in self.in_flight.drain(..).chain(unanswered) {
            let sent = self.writer.has_begun(request.position);
            let _ = request.reply.send(Err(RequestFailure {
                failure: failure.clone(),
                sent,
            }));
        }
        for request in queued {
            let failure = failure.clone();
            let _ = request.reply.send(Err(RequestFailure {
                failure,
                sent: false,
            }));
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Also when the runtime drops the task: nobody may wait for a driver that is gone.
        self.end(&ConnectionFailure::ClosedByClient);
    }
}
