//! One connection through the simulated network, frame by frame.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use thalweg_protocol::{ApiKey, Decoder, decode_request_header, peek_correlation_id};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, split};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use super::groups::Exchange;
use super::life::Life;
use super::network::{Fate, Network};

/// How long a broker waits for a machine that is not there any more.
const UNPLUGGED: Duration = Duration::from_secs(120);
/// Frames of one direction that may be on their way.
const ON_THE_WAY: usize = 256;
/// How often a frame that is held up by a partition looks whether it may go on.
const CUT_TICK: Duration = Duration::from_millis(100);

/// Between whom a connection is.
pub(super) struct Link {
    pub(super) network: Network,
    pub(super) origin: String,
    pub(super) node: u16,
    pub(super) number: u64,
    pub(super) life: Option<Life>,
    pub(super) opened: Instant,
}

/// A request that is not answered yet.
struct Asked {
    fate: Fate,
    exchange: Exchange,
}

struct Relay {
    link: Link,
    asked: Mutex<BTreeMap<i32, Asked>>,
    /// The connection is at its end.
    over: Notify,
}

/// A frame and when it arrives.
type Travelling = (Instant, Bytes);

/// Relays until either side closes, or the weather does.
pub(super) async fn run(link: Link, client: DuplexStream, broker: DuplexStream) {
    let (from_client, to_client) = split(client);
    let (from_broker, to_broker) = split(broker);
    let relay = Arc::new(Relay {
        link,
        asked: Mutex::new(BTreeMap::new()),
        over: Notify::new(),
    });
    let (send_up, receive_up) = mpsc::channel(ON_THE_WAY);
    let (send_down, receive_down) = mpsc::channel(ON_THE_WAY);
    let up = async {
        let _ = tokio::join!(
            relay.depart(from_client, send_up),
            relay.arrive(receive_up, to_broker, Direction::Up)
        );
        // A machine that lost its power does not close its connections.
        if relay.link.life.as_ref().is_some_and(Life::is_unplugged) {
            sleep(UNPLUGGED).await;
        }
    };
    let down = async {
        let _ = tokio::join!(
            relay.depart(from_broker, send_down),
            relay.arrive(receive_down, to_client, Direction::Down)
        );
    };
    tokio::select! {
        biased;
        () = relay.over.notified() => {}
        () = up => {}
        () = down => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Relay {
    /// Reads frames and sends them on their way.
    async fn depart(
        &self,
        mut from: impl AsyncRead + Unpin,
        to: mpsc::Sender<Travelling>,
    ) -> io::Result<()> {
        let mut last = self.link.opened;
        loop {
            let frame = read_frame(&mut from).await?;
            last = last.max(Instant::now() + self.link.network.latency());
            if to.send((last, frame)).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Hands over frames when their time has come.
    async fn arrive(
        &self,
        mut frames: mpsc::Receiver<Travelling>,
        mut to: impl AsyncWrite + Unpin,
        direction: Direction,
    ) -> io::Result<()> {
        while let Some((at, frame)) = frames.recv().await {
            sleep_until(at).await;
            while self.link.network.is_cut(&self.link.origin, self.link.node) {
                sleep(CUT_TICK).await;
            }
            let whole = match direction {
                Direction::Up => self.request_arrives(&frame),
                Direction::Down => self.answer_arrives(&frame),
            };
            match whole {
                Some(true) => {
                    to.write_i32(frame.len() as i32).await?;
                    to.write_all(&frame).await?;
                }
                Some(false) => {
                    to.write_i32(frame.len() as i32).await?;
                    let half = frame.get(..frame.len() / 2).unwrap_or_default();
                    to.write_all(half).await?;
                    self.over.notify_one();
                    std::future::pending::<()>().await;
                }
                None => {
                    self.over.notify_one();
                    std::future::pending::<()>().await;
                }
            }
        }
        Ok(())
    }

    /// `None`: the connection ends here.
    fn request_arrives(&self, frame: &Bytes) -> Option<bool> {
        let mut decoder = Decoder::new(frame.clone());
        let Ok((api, header)) = decode_request_header(&mut decoder) else {
            return Some(true);
        };
        let fate = match self.link.life.as_ref().is_some_and(Life::is_crashed) {
            true => Fate::Arrives,
            false => self
                .link
                .network
                .fate(&self.link.origin, self.link.node, api),
        };
        self.note(
            format_args!("→ {} {}", self.link.node, api.name()),
            fate,
            api,
        );
        let exchange = Exchange::asked(api, header.request_api_version, decoder);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(header.correlation_id, Asked { fate, exchange });
        (fate != Fate::LostBefore).then_some(true)
    }

    /// `Some(false)`: it ends within the answer.
    fn answer_arrives(&self, frame: &Bytes) -> Option<bool> {
        let Ok(correlation_id) = peek_correlation_id(frame) else {
            return Some(true);
        };
        let asked = self
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&correlation_id);
        let Some(Asked { fate, exchange }) = asked else {
            return Some(true);
        };
        let mut state = self.link.network.lock();
        if let Some(said) = exchange.answered(&self.link.origin, frame, &mut state.groups) {
            drop(state);
            self.link.network.trace.note(format_args!(
                "{}#{} ← {} {said}",
                self.link.origin, self.link.number, self.link.node
            ));
        }
        match fate {
            Fate::Arrives | Fate::LostBefore => Some(true),
            Fate::LostWithin => Some(false),
            Fate::LostAfter => None,
        }
    }

    fn note(&self, what: std::fmt::Arguments<'_>, fate: Fate, api: ApiKey) {
        let said = match fate {
            Fate::Arrives if matches!(api, ApiKey::Fetch | ApiKey::Heartbeat) => return,
            Fate::Arrives => "",
            Fate::LostBefore => ": the connection is cut before it arrives",
            Fate::LostAfter => ": the connection is to be cut before its answer",
            Fate::LostWithin => ": the connection is to be cut within its answer",
        };
        self.link.network.trace.note(format_args!(
            "{}#{} {what}{said}",
            self.link.origin, self.link.number
        ));
    }
}

async fn read_frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let length = from.read_i32().await?;
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut frame = vec![0; length];
    from.read_exact(&mut frame).await?;
    Ok(frame.into())
}
