//! The way between an app and its brokers, under a test's control: TCP with somebody in between who
//! sees every request and its answer, and may lose, hold or change them.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use thalweg_client::{BoxFuture, ByteStream, ClientConfig, Transport};
use thalweg_protocol::{ApiKey, Decoder, Request, decode_request_header, decode_response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::PATIENCE;

/// A request on its way, without the length in front of it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    frame: Bytes,
}

impl Asked {
    fn read(frame: Bytes) -> io::Result<Self> {
        let mut decoder = Decoder::new(frame.clone());
        let (api, header) = decode_request_header(&mut decoder).map_err(io::Error::other)?;
        Ok(Self {
            api,
            version: header.request_api_version,
            frame,
        })
    }

    /// The request, if it is of this kind.
    pub(crate) fn is<R: Request>(&self) -> Option<R> {
        if self.api != R::API_KEY {
            return None;
        }
        let mut decoder = Decoder::new(self.frame.clone());
        decode_request_header(&mut decoder).expect("it was read before");
        Some(R::decode(&mut decoder, self.version).expect("our own request can be read"))
    }
}

/// A request that was answered. Order is that of one clock for all connections.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) asked: Asked,
    pub(crate) asked_at: u64,
    pub(crate) answered_at: u64,
    answer: Bytes,
}

impl Exchange {
    /// Request and answer, if they are of this kind.
    pub(crate) fn is<R: Request>(&self) -> Option<(R, R::Response)> {
        let request = self.asked.is::<R>()?;
        let (_, answer) = decode_response::<R>(self.answer.clone(), self.asked.version)
            .expect("a broker's answer can be read");
        Some((request, answer))
    }
}

/// What becomes of a request and its answer.
pub(crate) enum Fate {
    Pass,
    /// The connection breaks before the broker hears of it.
    LoseRequest,
    /// The broker does what it is asked, and the connection breaks before its answer is heard.
    LoseAnswer,
    /// The broker hears of it once the gate is open.
    HoldRequest(Gate),
    /// The answer comes as the closure makes it: a frame without its length.
    Change(Box<dyn FnOnce(Bytes) -> Bytes + Send>),
}

/// Something that opens once.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    async fn passed(&self) {
        let mut opened = self.0.subscribe();
        opened
            .wait_for(|open| *open)
            .await
            .expect("the gate is here");
    }
}

type Rule = Box<dyn FnMut(&Asked) -> Fate + Send>;

#[derive(Default)]
struct Watched {
    rule: Option<Rule>,
    clock: u64,
    asked: Vec<Asked>,
    exchanges: Vec<Exchange>,
}

impl Watched {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

/// See the module. Clones are the same wire.
#[derive(Clone, Default)]
pub(crate) struct Wire {
    watched: Arc<Mutex<Watched>>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Transport for Wire {
    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Box<dyn ByteStream>>> {
        Box::pin(async move {
            let far = TcpStream::connect((host, port)).await?;
            far.set_nodelay(true)?;
            let (near, ours) = tokio::io::duplex(1 << 20);
            tokio::spawn(carry(self.clone(), ours, far));
            Ok(Box::new(near) as Box<dyn ByteStream>)
        })
    }
}

impl Wire {
    /// A wire that lets everything pass.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A client that uses it.
    pub(crate) fn client(&self, servers: &str) -> ClientConfig {
        ClientConfig::new(servers).transport(self.clone())
    }

    /// From now on, decides about each request.
    pub(crate) fn rule(&self, rule: impl FnMut(&Asked) -> Fate + Send + 'static) {
        self.watched().rule = Some(Box::new(rule));
    }

    /// What was answered so far, of one kind.
    pub(crate) fn exchanges<R: Request>(&self) -> Vec<(Exchange, R, R::Response)> {
        let exchanges = self.watched().exchanges.clone();
        exchanges
            .into_iter()
            .filter_map(|exchange| {
                let (request, answer) = exchange.is::<R>()?;
                Some((exchange, request, answer))
            })
            .collect()
    }

    /// What was asked so far, of one kind, lost or held or not.
    pub(crate) fn asked<R: Request>(&self) -> Vec<R> {
        self.watched().asked.iter().filter_map(Asked::is).collect()
    }

    /// Waits until an answer of this kind is as it should be.
    pub(crate) async fn seen<R: Request>(&self, wanted: impl Fn(&R, &R::Response) -> bool) {
        let seen = async {
            loop {
                let exchanges = self.exchanges::<R>();
                if exchanges.iter().any(|(_, asked, told)| wanted(asked, told)) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let api = R::API_KEY;
        tokio::time::timeout(PATIENCE, seen)
            .await
            .unwrap_or_else(|_| panic!("{api:?} was not answered as expected"));
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers come in the order of the requests, so a queue says which is whose.
struct Waiting {
    asked: Asked,
    asked_at: u64,
    fate: Fate,
}

type Queue = Arc<Mutex<VecDeque<Waiting>>>;

/// Carries one connection until it ends on either side or is broken.
async fn carry(wire: Wire, near: DuplexStream, far: TcpStream) {
    let (near_read, near_write) = tokio::io::split(near);
    let (far_read, far_write) = far.into_split();
    let queue = Queue::default();
    tokio::select! {
        _ = requests(&wire, &queue, near_read, far_write) => {}
        _ = answers(&wire, &queue, far_read, near_write) => {}
    }
}

async fn requests(
    wire: &Wire,
    queue: &Queue,
    mut near: impl AsyncRead + Unpin,
    mut far: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    loop {
        let frame = read_frame(&mut near).await?;
        let asked = Asked::read(frame.clone())?;
        let (asked_at, fate) = {
            let mut watched = wire.watched();
            let at = watched.tick();
            watched.asked.push(asked.clone());
            let fate = watched
                .rule
                .as_mut()
                .map_or(Fate::Pass, |rule| rule(&asked));
            (at, fate)
        };
        match &fate {
            Fate::LoseRequest => return Ok(()),
            Fate::HoldRequest(gate) => gate.passed().await,
            Fate::Pass | Fate::LoseAnswer | Fate::Change(_) => {}
        }
        queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(Waiting {
                asked,
                asked_at,
                fate,
            });
        write_frame(&mut far, &frame).await?;
    }
}

async fn answers(
    wire: &Wire,
    queue: &Queue,
    mut far: impl AsyncRead + Unpin,
    mut near: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    loop {
        let answer = read_frame(&mut far).await?;
        let waiting = queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let waiting = waiting.expect("brokers answer what they are asked");
        let lost = matches!(waiting.fate, Fate::LoseAnswer);
        let answer = match waiting.fate {
            Fate::Change(change) => change(answer),
            _ => answer,
        };
        {
            let mut watched = wire.watched();
            let answered_at = watched.tick();
            watched.exchanges.push(Exchange {
                asked: waiting.asked,
                asked_at: waiting.asked_at,
                answered_at,
                answer: answer.clone(),
            });
        }
        if lost {
            return Ok(());
        }
        write_frame(&mut near, &answer).await?;
    }
}

async fn read_frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let length = from.read_i32().await?;
    let mut frame = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    from.read_exact(&mut frame).await?;
    Ok(frame.into())
}

async fn write_frame(to: &mut (impl AsyncWrite + Unpin), frame: &Bytes) -> io::Result<()> {
    let length = i32::try_from(frame.len()).map_err(io::Error::other)?;
    to.write_i32(length).await?;
    to.write_all(frame).await
}
