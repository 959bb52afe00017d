//! Brokers as a test begins with them: several, with a topic, on sockets of their own.

use std::io::{Read, Write};
use std::net::TcpStream;

use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::ApiVersionsRequest;

use crate::world::{frame_of, response_of};

/// Brokers on a thread of their own.
pub(crate) struct Started {
    kafka: EmbeddedBroker,
}

impl Started {
    pub(crate) fn new() -> Self {
        let builder = EmbeddedBroker::builder().brokers(3).topic("bids", 4);
        let kafka = builder.start().expect("brokers");
        Started { kafka }
    }

    /// Asks the first of them what it can, over TCP.
    pub(crate) fn ask(&self) {
        const VERSION: i16 = 3;
        let servers = self.kafka.bootstrap_servers();
        let first = servers.split(',').next().expect("a server");
        let mut stream = TcpStream::connect(first).expect("it listens");
        let request = ApiVersionsRequest {
            client_software_name: "bench".into(),
            client_software_version: "1".into(),
            ..Default::default()
        };
        let frame = frame_of(&request, VERSION);
        stream.write_all(&frame).expect("sent");
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("an answer");
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut answer).expect("all of it");
        let answer = response_of::<ApiVersionsRequest>(answer.into(), VERSION);
        assert!(answer.error_code.is_none(), "{answer:?}");
    }
}
