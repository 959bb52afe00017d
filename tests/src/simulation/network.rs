//! The network between clients and brokers: every frame takes its time, and may not arrive.
//!
//! ```text
//!   client ══ duplex ══ relay ══ in-memory connection ══ broker
//!                        │ up: latency, cut before the request, stalls, partitions
//!                        └ down: latency, cut after the request was applied, or within its answer
//! ```
//!
//! Frames of a connection stay in order; those of different connections overtake one another.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thalweg_broker::EmbeddedBroker;
use thalweg_client::{BoxFuture, ByteStream, Rng, Transport};
use thalweg_protocol::ApiKey;
use tokio::time::{Instant, sleep};

use super::groups::GroupLog;
use super::life::Life;
use super::relay::{self, Link};
use super::trace::Trace;

/// The port of broker 0; the others follow.
pub const FIRST_PORT: u16 = 9092;

/// What the network does with frames while it is in this mood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weather {
    /// Every frame takes at least this long.
    pub latency: Duration,
    /// And up to this much more.
    pub jitter: Duration,
    /// Of this many requests one is lost with its connection before it arrives. 0: none.
    pub cut_before_one_in: u64,
    /// Of this many requests one is applied, and its answer lost with the connection. 0: none.
    pub cut_after_one_in: u64,
    /// Of this many frames one takes seconds. 0: none.
    pub stall_one_in: u64,
}

impl Weather {
    /// Nothing goes wrong.
    pub const CALM: Weather = Weather {
        latency: Duration::from_millis(1),
        jitter: Duration::from_millis(2),
        cut_before_one_in: 0,
        cut_after_one_in: 0,
        stall_one_in: 0,
    };
}

/// One request that is to be struck, counted from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    /// Requests of this kind.
    pub api: ApiKey,
    /// So many of them are let pass.
    pub after: u64,
    /// Whether it is applied before its connection ends.
    pub applied: bool,
    /// What does not reach one another from then on.
    pub silence: Option<Silence>,
}

/// Who of a client and the brokers does not reach whom after a strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// With what the names of the clients begin that are struck.
    pub of: &'static str,
    /// For how long.
    pub millis: u64,
    /// Not only the broker that was asked, but none.
    pub everywhere: bool,
}

impl Silence {
    /// Instances do not reach the broker that was asked.
    #[must_use]
    pub fn of_broker(millis: u64) -> Self {
        Silence {
            of: "app-",
            millis,
            everywhere: false,
        }
    }

    /// Instances reach no broker.
    #[must_use]
    pub fn of_all(millis: u64) -> Self {
        Silence {
            everywhere: true,
            ..Silence::of_broker(millis)
        }
    }
}

pub(super) struct State {
    pub(super) rng: Rng,
    pub(super) weather: Weather,
    strikes: Vec<Strike>,
    /// Who does not reach which broker, and until when.
    cut: BTreeMap<(String, u16), Instant>,
    next_connection: u64,
    brokers: u16,
    pub(super) groups: GroupLog,
    /// How often each kind of fault struck.
    pub(super) struck: BTreeMap<&'static str, u64>,
}

/// See the module. Clones are the same.
#[derive(Clone)]
pub struct Network {
    kafka: Arc<EmbeddedBroker>,
    pub(super) trace: Trace,
    state: Arc<Mutex<State>>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    /// Lost, and the connection with it.
    LostBefore,
    /// Applied; the connection ends instead of its answer.
    LostAfter,
    /// Applied; the connection ends within its answer.
    LostWithin,
}

impl Network {
    /// A calm network in front of so many brokers.
    #[must_use]
    pub fn new(kafka: Arc<EmbeddedBroker>, brokers: u16, trace: Trace, rng: Rng) -> Self {
        let state = State {
            rng,
            weather: Weather::CALM,
            strikes: Vec::new(),
            cut: BTreeMap::new(),
            next_connection: 1,
            brokers,
            groups: GroupLog::default(),
            struck: BTreeMap::new(),
        };
        Self {
            kafka,
            trace,
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way to the brokers for a client called `origin`; one that is part of an instance dies
    /// with it.
    #[must_use]
    pub fn transport(&self, origin: &str, life: Option<Life>) -> SimulatedTransport {
        SimulatedTransport {
            network: self.clone(),
            origin: origin.to_owned(),
            life,
        }
    }

    /// Changes the weather.
    pub fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// Strikes a request to come.
    pub fn strike(&self, strike: Strike) {
        self.lock().strikes.push(strike);
    }

    /// Nothing passes between a client and a broker for a while: what is sent waits.
    pub fn cut(&self, origin: &str, node: u16, millis: u64) {
        self.lock().cut(origin, node, millis);
    }

    /// Everybody reaches every broker again, and no request is struck any more.
    pub fn mend(&self) {
        let mut state = self.lock();
        state.cut.clear();
        state.strikes.clear();
    }

    /// What the network has seen of groups.
    #[must_use]
    pub fn groups(&self) -> GroupLog {
        self.lock().groups.clone()
    }

    /// How often each kind of fault struck.
    #[must_use]
    pub fn struck(&self) -> BTreeMap<&'static str, u64> {
        self.lock().struck.clone()
    }

    /// Whether a client does not reach a broker just now.
    pub(super) fn is_cut(&self, origin: &str, node: u16) -> bool {
        let state = self.lock();
        let until = match state.cut.is_empty() {
            true => None,
            false => state.cut.get(&(origin.to_owned(), node)),
        };
        until.is_some_and(|until| Instant::now() < *until)
    }

    /// How long a frame takes.
    pub(super) fn latency(&self) -> Duration {
        let mut state = self.lock();
        let Weather {
            latency,
            jitter,
            stall_one_in,
            ..
        } = state.weather;
        let spread = u64::try_from(jitter.as_micros()).unwrap_or(u64::MAX);
        let mut takes = latency + Duration::from_micros(state.rng.below(spread + 1));
        if one_in(&mut state.rng, stall_one_in) {
            *state.struck.entry("stalled").or_default() += 1;
            takes += Duration::from_millis(500 + state.rng.below(8_000));
        }
        takes
    }

    pub(super) fn fate(&self, origin: &str, node: u16, api: ApiKey) -> Fate {
        let mut state = self.lock();
        let Weather {
            cut_before_one_in,
            cut_after_one_in,
            ..
        } = state.weather;
        let mut struck = None;
        state.strikes.retain_mut(|strike| {
            let spared = strike
                .silence
                .is_some_and(|silence| !origin.starts_with(silence.of));
            if strike.api != api || struck.is_some() || spared {
                return true;
            }
            if strike.after > 0 {
                strike.after -= 1;
                return true;
            }
            struck = Some(*strike);
            false
        });
        if let Some(silence) = struck.and_then(|strike| strike.silence) {
            *state.struck.entry("silent").or_default() += 1;
            for other in 0..state.brokers {
                if silence.everywhere || other == node {
                    // Not all come back at once.
                    let millis = silence.millis + state.rng.below(1_500);
                    state.cut(origin, other, millis);
                }
            }
        }
        let fate = match struck {
            Some(Strike { applied: true, .. }) => Fate::LostAfter,
            Some(_) => Fate::LostBefore,
            None if one_in(&mut state.rng, cut_before_one_in) => Fate::LostBefore,
            None if one_in(&mut state.rng, cut_after_one_in) => match state.rng.below(3) {
                0 => Fate::LostWithin,
                _ => Fate::LostAfter,
            },
            None => Fate::Arrives,
        };
        let kind = match fate {
            Fate::Arrives => return fate,
            Fate::LostBefore => "cut before",
            Fate::LostAfter => "cut after",
            Fate::LostWithin => "cut within",
        };
        *state.struck.entry(kind).or_default() += 1;
        fate
    }
}

impl State {
    fn cut(&mut self, origin: &str, node: u16, millis: u64) {
        let until = Instant::now() + Duration::from_millis(millis);
        let known = self.cut.entry((origin.to_owned(), node)).or_insert(until);
        *known = until.max(*known);
    }
}

fn one_in(rng: &mut Rng, count: u64) -> bool {
    count > 0 && rng.below(count) == 0
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

/// See [`Network::transport`].
#[derive(Clone)]
pub struct SimulatedTransport {
    network: Network,
    origin: String,
    life: Option<Life>,
}

impl fmt::Debug for SimulatedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimulatedTransport")
            .field(&self.origin)
            .finish()
    }
}

impl Transport for SimulatedTransport {
    fn connect<'a>(
        &'a self,
        _host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Box<dyn ByteStream>>> {
        Box::pin(async move {
            if self.life.as_ref().is_some_and(Life::is_crashed) {
                return Err(io::ErrorKind::NetworkDown.into());
            }
            let node = port.saturating_sub(FIRST_PORT);
            sleep(self.network.latency()).await;
            while self.network.is_cut(&self.origin, node) {
                sleep(Duration::from_millis(100)).await;
            }
            let broker = self.network.kafka.connect(port)?;
            let (theirs, ours) = tokio::io::duplex(1 << 18);
            let number = {
                let mut state = self.network.lock();
                state.next_connection += 1;
                state.next_connection
            };
            let link = Link {
                network: self.network.clone(),
                origin: self.origin.clone(),
                node,
                number,
                life: self.life.clone(),
                opened: Instant::now(),
            };
            tokio::spawn(relay::run(link, ours, broker));
            Ok(Box::new(theirs) as Box<dyn ByteStream>)
        })
    }
}
