//! A broker and its only client, which carries frames to it and back.

use std::future::Future;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rustix::time::{ClockId, clock_gettime};
use thalweg_broker::{EmbeddedBroker, InMemoryStream};
use thalweg_protocol::messages::InitProducerIdRequest;
use thalweg_protocol::{ProducerId, Request, decode_response, encode_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

/// The topic all records are in.
pub(crate) const TOPIC: &str = "bench";

/// A broker and its only client, on this thread.
pub(crate) struct World {
    runtime: Runtime,
    kafka: EmbeddedBroker,
}

impl World {
    pub(crate) fn new(partitions: i32) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let builder = EmbeddedBroker::builder().topic(TOPIC, partitions);
        let kafka = runtime
            .block_on(async { builder.start_here() })
            .expect("a broker");
        World { runtime, kafka }
    }

    pub(crate) fn connect(&self) -> Connection {
        let port = self.kafka.bootstrap_servers();
        let port = port.rsplit(':').next().expect("host:port");
        let stream = self.kafka.connect(port.parse().expect("a port"));
        Connection {
            stream: stream.expect("the broker runs"),
            received: BytesMut::with_capacity(1 << 21),
        }
    }

    fn call<R: Request>(&self, request: &R, version: i16) -> R::Response {
        let mut connection = self.connect();
        let answer = self.runtime.block_on(async {
            connection.send(&frame_of(request, version)).await;
            connection.receive().await
        });
        response_of::<R>(answer, version)
    }

    /// Runs something to its end, and nothing beside it.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// What this thread computes until `work` is done, the broker's part included.
    pub(crate) fn cpu_time(&self, work: impl Future<Output = ()>) -> Duration {
        let before = thread_time();
        self.runtime.block_on(work);
        thread_time() - before
    }

    pub(crate) fn idempotent_producer(&self) -> ProducerId {
        let request = InitProducerIdRequest {
            transactional_id: None,
            producer_id: ProducerId(-1),
            producer_epoch: -1,
            ..Default::default()
        };
        let answer = self.call(&request, 4);
        assert!(answer.error_code.is_none(), "{answer:?}");
        answer.producer_id
    }
}

/// What this thread has computed so far.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Frames out, frames in.
pub(crate) struct Connection {
    stream: InMemoryStream,
    received: BytesMut,
}

impl Connection {
    pub(crate) async fn send(&mut self, frame: &Bytes) {
        self.stream.write_all(frame).await.expect("sent");
    }

    /// The next frame without its length.
    pub(crate) async fn receive(&mut self) -> Bytes {
        let length = self.next_length().await;
        while self.received.len() < length {
            self.read_more().await;
        }
        self.received.split_to(length).freeze()
    }

    /// Lets the next frame pass by; how long it was.
    pub(crate) async fn skip(&mut self) -> usize {
        let length = self.next_length().await;
        let mut missing = length;
        loop {
            let here = missing.min(self.received.len());
            self.received.advance(here);
            missing -= here;
            if missing == 0 {
                return length;
            }
            self.received.clear();
            self.read_more().await;
        }
    }

    async fn next_length(&mut self) -> usize {
        while self.received.len() < 4 {
            self.read_more().await;
        }
        self.received.get_i32() as usize
    }

    async fn read_more(&mut self) {
        self.received.reserve(1 << 16);
        let read = self.stream.read_buf(&mut self.received).await;
        assert_ne!(read.expect("open"), 0, "the broker closed the connection");
    }
}

/// A request as it goes over the wire.
pub(crate) fn frame_of<R: Request>(request: &R, version: i16) -> Bytes {
    let frame = encode_request(request, version, 0, Some("bench")).expect("it can be encoded");
    frame.to_bytes()
}

/// The answer in a frame.
pub(crate) fn response_of<R: Request>(answer: Bytes, version: i16) -> R::Response {
    decode_response::<R>(answer, version).expect("an answer").1
}
