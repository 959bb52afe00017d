//! A cluster in memory for unit tests: brokers that speak the real protocol and do what a test
//! tells them.
//!
//! ApiVersions, Metadata and FindCoordinator are answered from a small model of the cluster. For
//! everything else, and to override these, a test gives a handler per API. Brokers can be taken
//! down, frozen and moved; every request is recorded.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use thalweg_protocol::messages::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, Coordinator, FinalizedFeatureKey,
    FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest, MetadataResponse,
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use thalweg_protocol::{
    ApiKey, BrokerId, Decoder, ErrorCode, Message, PartitionId, Request, Uuid,
    decode_request_header, encode_response,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::config::ClientConfig;
use crate::net::{ByteStream, Transport};
use crate::spawn::BoxFuture;

/// A cluster of brokers `0..n`, broker `i` listening at `broker-i:9092`. Cloning shares it.
#[derive(Clone)]
pub(crate) struct FakeCluster {
    state: Arc<Mutex<State>>,
}

/// One request, as a handler sees it.
pub(crate) struct Received<R> {
    pub(crate) broker: BrokerId,
    pub(crate) version: i16,
    pub(crate) request: R,
}

/// What a broker does about a request.
pub(crate) enum Reply<R: Request> {
    Answer(R::Response),
    /// Answers later; requests behind it on the same connection wait.
    AnswerAfter(Duration, R::Response),
    /// Answers with bytes that are no response, but for the header.
    Garbage(Bytes),
    /// Closes the connection in the middle of an answer.
    Cut,
    /// Closes the connection instead of answering.
    Disconnect,
    /// Never answers, nor anything behind it on the same connection.
    Hang,
    /// As if there were no handler.
    Default,
}

/// A reply, encoded.
enum RawReply {
    Bytes(Duration, Bytes),
    Cut,
    Disconnect,
    Hang,
}

type Handler = Box<dyn FnMut(BrokerId, i16, i32, &mut Decoder) -> Option<RawReply> + Send>;

pub(crate) struct State {
    pub(crate) cluster_id: String,
    pub(crate) controller: BrokerId,
    pub(crate) brokers: BTreeMap<BrokerId, FakeBroker>,
    pub(crate) topics: BTreeMap<String, FakeTopic>,
    /// Who coordinates what, by name; broker 0 if not given.
    pub(crate) coordinators: BTreeMap<String, BrokerId>,
    pub(crate) features: (i64, Vec<(String, i16)>),
    handlers: HashMap<ApiKey, Handler>,
    log: VecDeque<(BrokerId, ApiKey, i16)>,
    connections: usize,
}

pub(crate) struct FakeBroker {
    /// Whether it accepts connections. Taking it down closes those it has.
    up: watch::Sender<bool>,
    /// Whether it answers. A frozen one accepts connections all the same.
    running: watch::Sender<bool>,
    pub(crate) host: String,
    /// The API versions it offers.
    pub(crate) ranges: BTreeMap<ApiKey, (i16, i16)>,
}

#[derive(Clone)]
pub(crate) struct FakeTopic {
    pub(crate) id: Uuid,
    /// Leader and leader epoch of each partition.
    pub(crate) leaders: Vec<(BrokerId, i32)>,
}

impl FakeCluster {
    pub(crate) fn new(brokers: i32) -> Self {
        let brokers = (0..brokers).map(|id| {
            let broker = FakeBroker {
                up: watch::Sender::new(true),
                running: watch::Sender::new(true),
                host: format!("broker-{id}"),
                ranges: ApiKey::ALL
                    .iter()
                    .map(|&api| (api, (0, i16::MAX)))
                    .collect(),
            };
            (BrokerId(id), broker)
        });
        FakeCluster {
            state: Arc::new(Mutex::new(State {
                cluster_id: "fake".into(),
                controller: BrokerId(0),
                brokers: brokers.collect(),
                topics: BTreeMap::new(),
                coordinators: BTreeMap::new(),
                features: (1, vec![("transaction.version".into(), 2)]),
                handlers: HashMap::new(),
                log: VecDeque::new(),
                connections: 0,
            })),
        }
    }

    /// What the cluster is like, to be changed at will.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A configuration that leads to this cluster, by all its brokers.
    pub(crate) fn config(&self) -> ClientConfig {
        let state = self.state();
        let servers: Vec<String> = state
            .brokers
            .values()
            .map(|broker| format!("{}:9092", broker.host))
            .collect();
        drop(state);
        ClientConfig::new(servers.join(","))
            .seed(1)
            .transport(self.clone())
    }

    /// Adds a topic, or replaces its leaders; the epoch of each is `leader_epoch`.
    pub(crate) fn set_topic(&self, name: &str, leaders: &[i32], leader_epoch: i32) {
        let mut state = self.state();
        let number = state.topics.len() as u8 + 1;
        let id = state
            .topics
            .get(name)
            .map_or(Uuid([number; 16]), |topic| topic.id);
        let leaders = leaders
            .iter()
            .map(|&leader| (BrokerId(leader), leader_epoch))
            .collect();
        state.topics.insert(name.into(), FakeTopic { id, leaders });
    }

    /// Handles all requests of an API from now on, on all brokers.
    pub(crate) fn on<R: Request>(
        &self,
        mut handler: impl FnMut(Received<R>) -> Reply<R> + Send + 'static,
    ) {
        let raw = move |broker, version, correlation_id, decoder: &mut Decoder| {
            let request = R::decode(decoder, version).expect("the client sends what can be read");
            let encode = |response: &R::Response| {
                encode_response::<R>(response, version, correlation_id)
                    .expect("a response of that version")
                    .to_bytes()
            };
            match handler(Received {
                broker,
                version,
                request,
            }) {
                Reply::Answer(response) => Some(RawReply::Bytes(Duration::ZERO, encode(&response))),
                Reply::AnswerAfter(pause, response) => {
                    Some(RawReply::Bytes(pause, encode(&response)))
                }
                Reply::Garbage(bytes) => {
                    let mut frame = BytesMut::new();
                    frame.put_u32(4 + bytes.len() as u32);
                    frame.put_i32(correlation_id);
                    frame.put(bytes);
                    Some(RawReply::Bytes(Duration::ZERO, frame.freeze()))
                }
                Reply::Cut => Some(RawReply::Cut),
                Reply::Disconnect => Some(RawReply::Disconnect),
                Reply::Hang => Some(RawReply::Hang),
                Reply::Default => None,
            }
        };
        self.state().handlers.insert(R::API_KEY, Box::new(raw));
    }

    /// Refuses connections to a broker and closes those it has.
    pub(crate) fn take_down(&self, broker: i32) {
        self.state().brokers[&BrokerId(broker)]
            .up
            .send_replace(false);
    }

    pub(crate) fn bring_up(&self, broker: i32) {
        self.state().brokers[&BrokerId(broker)]
            .up
            .send_replace(true);
    }

    /// Leaves requests to a broker without answers, as `SIGSTOP` does.
    pub(crate) fn freeze(&self, broker: i32) {
        self.state().brokers[&BrokerId(broker)]
            .running
            .send_replace(false);
    }

    pub(crate) fn thaw(&self, broker: i32) {
        self.state().brokers[&BrokerId(broker)]
            .running
            .send_replace(true);
    }

    /// The requests received since the last call, without ApiVersions.
    pub(crate) fn take_log(&self) -> Vec<(BrokerId, ApiKey, i16)> {
        let log = std::mem::take(&mut self.state().log);
        log.into_iter()
            .filter(|(_, api, _)| *api != ApiKey::ApiVersions)
            .collect()
    }

    /// How many connections were ever accepted.
    pub(crate) fn connections(&self) -> usize {
        self.state().connections
    }

    async fn serve(self, broker: BrokerId, mut stream: DuplexStream) {
        let (mut up, mut running) = {
            let state = self.state();
            let broker = &state.brokers[&broker];
            (broker.up.subscribe(), broker.running.subscribe())
        };
        let serve = async {
            while let Ok(length) = stream.read_u32().await {
                let mut frame = vec![0; length as usize];
                if stream.read_exact(&mut frame).await.is_err() {
                    return;
                }
                let thawed = running.wait_for(|running| *running).await;
                thawed.expect("the state outlives its brokers");
                match self.reply(broker, frame.into()) {
                    RawReply::Bytes(pause, bytes) => {
                        sleep(pause).await;
                        let _ = stream.write_all(&bytes).await;
                    }
                    RawReply::Cut => {
                        let _ = stream.write_all(&[0, 0, 1, 0, 0, 0]).await;
                        return;
                    }
                    RawReply::Disconnect => return,
                    RawReply::Hang => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            biased;
            _ = up.wait_for(|up| !*up) => {}
            () = serve => {}
        }
    }

    fn reply(&self, broker: BrokerId, frame: Bytes) -> RawReply {
        let mut decoder = Decoder::new(frame);
        let (api, header) = decode_request_header(&mut decoder).expect("a request");
        let (version, id) = (header.request_api_version, header.correlation_id);
        let handler = {
            let mut state = self.state();
            state.log.push_back((broker, api, version));
            state.handlers.remove(&api)
        };
        // Called without the lock, so that handlers can change the cluster.
        if let Some(mut handler) = handler {
            let reply = handler(broker, version, id, &mut decoder.clone());
            self.state().handlers.entry(api).or_insert(handler);
            if let Some(reply) = reply {
                return reply;
            }
        }
        let bytes = match api {
            ApiKey::ApiVersions => return self.api_versions(broker, version, id),
            ApiKey::Metadata => self.metadata(version, id, &mut decoder),
            ApiKey::FindCoordinator => self.find_coordinator(version, id, &mut decoder),
            api => panic!("the test has no handler for {api}"),
        };
        RawReply::Bytes(Duration::ZERO, bytes)
    }

    fn api_versions(&self, broker: BrokerId, version: i16, id: i32) -> RawReply {
        let state = self.state();
        let ranges = &state.brokers[&broker].ranges;
        let mut response = ApiVersionsResponse {
            api_keys: ranges
                .iter()
                .map(|(api, range)| ApiVersion {
                    api_key: api.code(),
                    min_version: range.0,
                    max_version: range.1,
                    ..Default::default()
                })
                .collect(),
            finalized_features_epoch: state.features.0,
            finalized_features: state
                .features
                .1
                .iter()
                .map(|(name, level)| FinalizedFeatureKey {
                    name: name.as_str().into(),
                    max_version_level: *level,
                    min_version_level: *level,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        };
        let mut answered = version;
        match ranges.get(&ApiKey::ApiVersions) {
            None => return RawReply::Disconnect,
            Some((_, newest)) if *newest < version => {
                answered = 0;
                response.error_code = ErrorCode::UNSUPPORTED_VERSION;
                response.api_keys.clear();
            }
            Some(_) => {}
        }
        let frame = encode_response::<ApiVersionsRequest>(&response, answered, id);
        RawReply::Bytes(
            Duration::ZERO,
            frame.expect("a response of that version").to_bytes(),
        )
    }

    fn metadata(&self, version: i16, id: i32, decoder: &mut Decoder) -> Bytes {
        let request = MetadataRequest::decode(decoder, version).expect("a request");
        let state = self.state();
        let up = |broker: &FakeBroker| *broker.up.borrow();
        let names: Vec<String> = match &request.topics {
            None => state.topics.keys().cloned().collect(),
            Some(topics) => topics
                .iter()
                .map(|topic| topic.name.as_deref().unwrap_or("").into())
                .collect(),
        };
        let response = MetadataResponse {
            cluster_id: Some(state.cluster_id.as_str().into()),
            controller_id: state.controller,
            brokers: state
                .brokers
                .iter()
                .filter(|(_, broker)| up(broker))
                .map(|(id, broker)| MetadataResponseBroker {
                    node_id: *id,
                    host: broker.host.as_str().into(),
                    port: 9092,
                    ..Default::default()
                })
                .collect(),
            topics: names
                .iter()
                .map(|name| topic_response(name, state.topics.get(name)))
                .collect(),
            ..Default::default()
        };
        encode_response::<MetadataRequest>(&response, version, id)
            .expect("a response")
            .to_bytes()
    }

    fn find_coordinator(&self, version: i16, id: i32, decoder: &mut Decoder) -> Bytes {
        let request = FindCoordinatorRequest::decode(decoder, version).expect("a request");
        let state = self.state();
        let broker_of = |key: &str| state.coordinators.get(key).copied().unwrap_or(BrokerId(0));
        let host = |broker: BrokerId| state.brokers[&broker].host.as_str().into();
        let mut response = FindCoordinatorResponse::default();
        if version >= 4 {
            response.coordinators = request
                .coordinator_keys
                .iter()
                .map(|key| Coordinator {
                    key: key.clone(),
                    node_id: broker_of(key),
                    host: host(broker_of(key)),
                    port: 9092,
                    ..Default::default()
                })
                .collect();
        } else {
            response.node_id = broker_of(&request.key);
            response.host = host(response.node_id);
            response.port = 9092;
        }
        let frame = encode_response::<FindCoordinatorRequest>(&response, version, id);
        frame.expect("a response").to_bytes()
    }
}

fn topic_response(name: &str, topic: Option<&FakeTopic>) -> MetadataResponseTopic {
    let Some(topic) = topic else {
        return MetadataResponseTopic {
            name: Some(name.into()),
            error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ..Default::default()
        };
    };
    MetadataResponseTopic {
        name: Some(name.into()),
        topic_id: topic.id,
        partitions: topic
            .leaders
            .iter()
            .zip(0..)
            .map(
                |(&(leader_id, leader_epoch), partition)| MetadataResponsePartition {
                    partition_index: PartitionId(partition),
                    leader_id,
                    leader_epoch,
                    ..Default::default()
                },
            )
            .collect(),
        ..Default::default()
    }
}

impl Transport for FakeCluster {
    fn connect<'a>(
        &'a self,
        host: &'a str,
        _port: u16,
    ) -> BoxFuture<'a, io::Result<Box<dyn ByteStream>>> {
        Box::pin(async move {
            let broker = {
                let mut state = self.state();
                let found = state.brokers.iter().find(|(_, broker)| broker.host == host);
                let found = found.map(|(id, broker)| (*id, *broker.up.borrow()));
                state.connections += 1;
                match found {
                    Some((id, true)) => id,
                    Some((_, false)) => return Err(io::ErrorKind::ConnectionRefused.into()),
                    None => return Err(io::Error::other("no such host")),
                }
            };
            let (ours, theirs) = duplex(1 << 16);
            tokio::spawn(self.clone().serve(broker, theirs));
            Ok(Box::new(ours) as Box<dyn ByteStream>)
        })
    }
}

impl std::fmt::Debug for FakeCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeCluster")
    }
}
