//! One connection: frames in, answers out, one request at a time and in order, as Kafka does it.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use thalweg_protocol::messages::{ApiVersionsRequest, RequestHeader};
use thalweg_protocol::{
    ApiKey, BrokerId, DecodeError, Decoder, FrameSplitter, NextFrame, decode_request_header,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{oneshot, watch};

use super::{Admitted, RunState, Shared};
use crate::api::{self, Call, Job, unsupported_version};
use crate::cluster::{Caller, Outcome, Principal, Reply};

/// What is read at least at a time.
const READ_BYTES: usize = 1 << 16;

/// Who is at the other end, and which broker it reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) node: BrokerId,
    pub(crate) host: IpAddr,
}

/// Serves a connection until either side closes it or the broker stops.
pub(crate) async fn serve<S>(shared: Arc<Shared>, stream: S, peer: Peer)
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
    let connection = Connection {
        splitter: FrameSplitter::new(shared.limits.frame_bytes_max),
        shared,
        stream,
        state,
        peer,
        id: admitted.id,
        principal: Arc::new(Principal::anonymous()),
        received: BytesMut::new(),
    };
    tokio::select! {
        biased;
        _ = stopped.wait_for(|state| *state == RunState::Stopped) => {}
        () = connection.run() => {}
    }
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
    /// What was read and not yet handled.
    received: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn run(mut self) {
        while let Some(frame) = self.next_frame().await {
            self.while_paused().await;
            let outcome = match self.begin(frame) {
                Ok(outcome) => outcome.await.unwrap_or(Outcome::Close),
                Err(error) => {
                    tracing::warn!(node = self.peer.node.0, connection = self.id, %error, "closed");
                    return;
                }
            };
            self.while_paused().await;
            match outcome {
                Outcome::Frame(mut frame) => {
                    while frame.has_remaining() {
                        if self.stream.write_buf(&mut frame).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    if self.stream.flush().await.is_err() {
                        return;
                    }
                }
                Outcome::Nothing => {}
                Outcome::Close => return,
            }
        }
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
    fn begin(&mut self, frame: Bytes) -> Result<oneshot::Receiver<Outcome>, DecodeError> {
        let mut body = Decoder::new(frame);
        let (key, header) = decode_request_header(&mut body)?;
        let (sender, outcome) = oneshot::channel();
        let (id, caller) = (header.correlation_id, self.caller(header));
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
        let job: Job = (api.read)(Call {
            caller,
            correlation_id: id,
            body,
            sender,
        })?;
        self.shared.enter(|cluster| job.run(cluster));
        Ok(outcome)
    }

    fn offers(&self, api: &api::Api, version: i16) -> bool {
        // The release never changes; asking for it is cheaper than a copy per connection would be.
        let range = self.shared.versions(api);
        range.is_some_and(|(min, max)| (min..=max).contains(&version))
    }

    fn caller(&self, header: RequestHeader) -> Caller {
        Caller {
            node: self.peer.node,
            connection: self.id,
            version: header.request_api_version,
            client_id: header.client_id,
            principal: Arc::clone(&self.principal),
            host: self.peer.host,
        }
    }
}
