//! One connection: frames in, answers out, one request at a time and in order, as Kafka does it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use thalweg_protocol::messages::{ApiVersionsRequest, RequestHeader};
use thalweg_protocol::{
    ApiKey, BrokerId, DecodeError, Decoder, FrameSplitter, NextFrame, decode_request_header,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{oneshot, watch};

use super::{Admitted, RunState, Shared};
use crate::api::{self, Call, Job, unsupported_version};
use crate::cluster::{Caller, Cluster, Outcome, Principal, Reply};
use crate::fault::{Fault, RequestSeen, error_answer};
use crate::security::{SaslSession, Step};

/// What is read at least at a time.
const READ_BYTES: usize = 1 << 16;

/// Who is at the other end, and which broker it reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) node: BrokerId,
    pub(crate) host: IpAddr,
}

/// Serves a connection until either side closes it or the broker stops.
pub(crate) async fn serve<S>(shared: Arc<Shared>, stream: S, peer: Peer, principal: Principal)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (Some(admitted), Some(state)) = (shared.new_connection(), shared.watch(peer.node)) else {
        tracing::warn!(
            node = peer.node.0,
            "refused a connection: there are too many"
        );
        return;
    };
    let mut stopped = state.clone();
    let of_all = Arc::clone(&shared);
    let connection = Connection {
        splitter: FrameSplitter::new(shared.limits.frame_bytes_max),
        sasl: shared.asks_for_sasl().then(SaslSession::new),
        shared,
        stream,
        state,
        peer,
        id: admitted.id,
        principal: Arc::new(principal),
        received: BytesMut::new(),
    };
    tokio::select! {
        biased;
        _ = stopped.wait_for(|state| *state == RunState::Stopped) => {}
        () = connection.run() => {}
    }
    of_all.enter(|cluster| cluster.share_connection_closed(admitted.id));
    drop::<Admitted>(admitted);
}

struct Connection<S> {
    shared: Arc<Shared>,
    stream: S,
    state: watch::Receiver<RunState>,
    splitter: FrameSplitter,
    peer: Peer,
    id: u64,
    principal: Arc<Principal>,
    /// What the connection still has to say about itself, where it has to.
    sasl: Option<SaslSession>,
    /// What was read and not yet handled.
    received: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn run(mut self) {
        while let Some(frame) = self.next_frame().await {
            self.while_paused().await;
            let go_on = match self.serve_one(frame).await {
                Ok(go_on) => go_on,
                Err(error) => {
                    tracing::warn!(node = self.peer.node.0, connection = self.id, %error, "closed");
                    false
                }
            };
            if !go_on {
                return;
            }
        }
    }

    /// Handles a request and answers it. Whether the connection goes on.
    async fn serve_one(&mut self, frame: Bytes) -> Result<bool, DecodeError> {
        if self.sasl.as_ref().is_some_and(SaslSession::expects_bare) {
            return Ok(self.take_bare(&frame).await);
        }
        let mut body = Decoder::new(frame.clone());
        let (key, header) = decode_request_header(&mut body)?;
        let fault = self.fault(key, &header, &frame, body.position());
        match fault {
            Fault::Delay(by) => tokio::time::sleep(by).await,
            Fault::CloseBefore => return Ok(false),
            Fault::Error(code) => {
                let (version, id) = (header.request_api_version, header.correlation_id);
                let answer = error_answer(key, version, id, body, code);
                return Ok(match answer {
                    Some(answer) => self.write(answer).await,
                    None => false,
                });
            }
            _ => {}
        }
        let outcome = match self.authenticate(key, &header, &body, frame.len()).await {
            Some(outcome) => outcome,
            None => {
                let outcome = self.begin(key, header, body, frame.len())?;
                outcome.await.unwrap_or(Outcome::Close)
            }
        };
        self.while_paused().await;
        // What could not be stored is not answered.
        if self.shared.is_stopped() {
            return Ok(false);
        }
        let (answer, quiet) = match outcome {
            Outcome::Frame(answer) => (answer, Duration::ZERO),
            Outcome::Throttled(answer, quiet) => (answer, quiet),
            Outcome::Nothing => return Ok(fault != Fault::CloseAfter),
            Outcome::Close => return Ok(false),
        };
        Ok(match fault {
            Fault::CloseAfter => false,
            Fault::DelayAnswer(by) => {
                tokio::time::sleep(by).await;
                self.write(answer).await
            }
            Fault::Truncate(bytes) => {
                self.write(answer.to_bytes().slice(..bytes.min(answer.len())))
                    .await;
                false
            }
            Fault::Corrupt(at) => self.write(damaged(&answer.to_bytes(), at)).await,
            _ => {
                let written = self.write(answer).await;
                if !quiet.is_zero() {
                    tokio::time::sleep(quiet).await;
                }
                written
            }
        })
    }

    /// Hands a request to the dialogue about whose the connection is. `None`: it is no part of it.
    async fn authenticate(
        &mut self,
        key: ApiKey,
        header: &RequestHeader,
        body: &Decoder,
        frame_bytes: usize,
    ) -> Option<Outcome> {
        let sasl = self.sasl.as_mut()?;
        let (version, id) = (header.request_api_version, header.correlation_id);
        let (step, delay) = self.shared.enter(|cluster| {
            let most = cluster.settings.number("sasl.server.max.receive.size");
            let too_large = i64::try_from(frame_bytes).unwrap_or(i64::MAX) > most;
            let step = match too_large && !sasl.is_done() {
                true => Step::Refuse(None),
                false => sasl.handle(cluster, (key, version, id), body),
            };
            (step, failure_delay(cluster))
        });
        if let Some(principal) = sasl.principal() {
            self.principal = Arc::clone(principal);
        }
        let last = match step {
            Step::Pass => return None,
            Step::Answer(answer) => return Some(Outcome::Frame(answer)),
            Step::AnswerBare(_) => None,
            Step::Refuse(last) => last,
            Step::RefuseWith(code) => error_answer(key, version, id, body.clone(), code),
        };
        // Whoever guesses shall not guess fast.
        tokio::time::sleep(delay).await;
        if let Some(last) = last {
            self.write(last).await;
        }
        Some(Outcome::Close)
    }

    /// Hands a bare message to that dialogue. Whether the connection goes on.
    async fn take_bare(&mut self, message: &Bytes) -> bool {
        let Some(sasl) = self.sasl.as_mut() else {
            return false;
        };
        let (step, delay) = self.shared.enter(|cluster| {
            let step = sasl.handle_bare(cluster, message);
            (step, failure_delay(cluster))
        });
        if let Some(principal) = sasl.principal() {
            self.principal = Arc::clone(principal);
        }
        let Step::AnswerBare(answer) = step else {
            tokio::time::sleep(delay).await;
            return false;
        };
        let length = u32::try_from(answer.len()).unwrap_or_default();
        let length = Bytes::copy_from_slice(&length.to_be_bytes());
        self.write(length.chain(answer)).await
    }

    /// What is to go wrong with a request whose body begins at `body`.
    fn fault(&self, key: ApiKey, header: &RequestHeader, frame: &Bytes, body: usize) -> Fault {
        let Some(inject) = self.shared.injected() else {
            return Fault::Pass;
        };
        inject(&RequestSeen {
            broker: self.peer.node.0,
            api: key,
            version: header.request_api_version,
            client_id: header.client_id.as_deref(),
            connection: self.id,
            body: &frame.slice(body..),
        })
    }

    /// Writes bytes. Whether all of them went.
    async fn write(&mut self, mut bytes: impl Buf) -> bool {
        while bytes.has_remaining() {
            if self.stream.write_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return false;
            }
        }
        self.stream.flush().await.is_ok()
    }

    async fn while_paused(&mut self) {
        // The sender lives in `shared`, which this holds.
        let _ = self
            .state
            .wait_for(|state| *state != RunState::Paused)
            .await;
    }

    /// The next frame without its length; `None` at the end of the stream or of its sense.
    async fn next_frame(&mut self) -> Option<Bytes> {
        loop {
            match self.splitter.next_frame(&self.received) {
                Ok(NextFrame::Complete { body }) => {
                    let mut frame = self.received.split_to(body.end);
                    frame.advance(body.start);
                    return Some(frame.freeze());
                }
                Ok(NextFrame::Incomplete { missing }) => {
                    // A peer is believed only as far as it has sent.
                    let room = missing.clamp(READ_BYTES, self.received.len().max(READ_BYTES));
                    self.received.reserve(room);
                    if self.stream.read_buf(&mut self.received).await.unwrap_or(0) == 0 {
                        return None;
                    }
                }
                Err(error) => {
                    tracing::warn!(node = self.peer.node.0, connection = self.id, %error, "closed");
                    return None;
                }
            }
        }
    }

    /// Hands a request over. The answer comes through what is returned.
    fn begin(
        &mut self,
        key: ApiKey,
        header: RequestHeader,
        body: Decoder,
        frame_bytes: usize,
    ) -> Result<oneshot::Receiver<Outcome>, DecodeError> {
        let (sender, outcome) = oneshot::channel();
        let (id, caller) = (header.correlation_id, self.caller(header, frame_bytes));
        let version = caller.version;
        let Some(api) = api::find(key).filter(|api| self.offers(api, version)) else {
            if key == ApiKey::ApiVersions {
                let reply = Reply::<ApiVersionsRequest>::new(version, id, sender);
                let response = self.shared.enter(|cluster| unsupported_version(cluster));
                reply.send_in(0, &response);
            } else {
                tracing::warn!(api = key.name(), version, "closed: no such version here");
            }
            return Ok(outcome);
        };
        let mut job: Job = (api.read)(Call {
            caller,
            correlation_id: id,
            body,
            sender,
        })?;
        while let Some(rest) = self.shared.enter(|cluster| job.run(cluster)) {
            job = rest();
        }
        Ok(outcome)
    }

    fn offers(&self, api: &api::Api, version: i16) -> bool {
        // The release never changes; asking for it is cheaper than a copy per connection would be.
        let range = self.shared.versions(api);
        range.is_some_and(|(min, max)| (min..=max).contains(&version))
    }

    fn caller(&self, header: RequestHeader, request_bytes: usize) -> Caller {
        Caller {
            node: self.peer.node,
            connection: self.id,
            request_bytes,
            version: header.request_api_version,
            client_id: header.client_id,
            principal: Arc::clone(&self.principal),
            host: self.peer.host,
        }
    }
}

/// How long a failed connection stays open.
fn failure_delay(cluster: &Cluster) -> Duration {
    let delay = cluster
        .settings
        .number("connection.failed.authentication.delay.ms");
    Duration::from_millis(u64::try_from(delay).unwrap_or_default())
}

/// An answer with one byte after its length damaged.
fn damaged(answer: &Bytes, at: usize) -> BytesMut {
    const LENGTH_BYTES: usize = 4;
    let mut bytes = BytesMut::from(answer.as_ref());
    let inner = bytes.get_mut(LENGTH_BYTES..).unwrap_or_default();
    let at = at.checked_rem(inner.len()).unwrap_or_default();
    if let Some(byte) = inner.get_mut(at) {
        *byte ^= 0x55;
    }
    bytes
}
