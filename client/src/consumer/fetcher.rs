//! The task that fetches from one broker, over its lanes.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use thalweg_protocol::messages::{FetchRequest, FetchResponse};
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode, StrBytes};
use tokio::time::{Instant, sleep_until};

use super::budget::Charge;
use super::core::{FetchPlan, LANES, Lanes, MemberOfFetch};
use super::fetch_session::{FetchSession, TOPIC_IDS_SINCE};
use super::shared::Shared;
use crate::cluster::{BrokerConnection, Cluster, Purpose, Target};
use crate::error::CallError;

/// From this version on a fetch says which leader epoch the last record had, and the broker notices
/// a truncated log.
const EPOCHS_CHECKED_SINCE: i16 = 12;

/// How long a fetcher without partitions stays.
const LINGER: Duration = Duration::from_secs(30);

/// One lane: a connection with a fetch session, and what is under way on it.
struct Lane {
    /// The cluster with connections of this lane alone.
    cluster: Cluster,
    connection: Option<Arc<BrokerConnection>>,
    session: FetchSession,
    under_way: UnderWay,
}

enum UnderWay {
    Nothing,
    Connecting(Pin<Box<dyn Future<Output = Result<Arc<BrokerConnection>, CallError>> + Send>>),
    Fetching(Box<Fetching>),
}

struct Fetching {
    answer: Pin<Box<dyn Future<Output = Result<FetchResponse, CallError>> + Send>>,
    members: Vec<MemberOfFetch>,
    /// Set aside of the budget until the answer is there.
    _reserved: Charge,
}

/// What ended in a lane.
enum Ended {
    Connected(Result<Arc<BrokerConnection>, CallError>),
    Fetched(Vec<MemberOfFetch>, Result<FetchResponse, CallError>),
}

pub(super) async fn run(shared: Arc<Shared>, broker: BrokerId) {
    let mut fetcher = Fetcher {
        broker,
        lanes: std::array::from_fn(|_| Lane {
            cluster: shared.cluster.scoped(),
            connection: None,
            session: FetchSession::default(),
            under_way: UnderWay::Nothing,
        }),
        flights: Lanes::default(),
        failures: 0,
        retry_at: None,
        idle_since: None,
        shared,
    };
    while fetcher.step().await {}
}

struct Fetcher {
    shared: Arc<Shared>,
    broker: BrokerId,
    lanes: [Lane; LANES],
    flights: Lanes,
    /// How many connections and requests failed in a row.
    failures: u32,
    retry_at: Option<Instant>,
    idle_since: Option<Instant>,
}

impl Fetcher {
    /// Sends what can be sent and waits for something to happen; `false` when it is time to go.
    async fn step(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        // Registered before looking, so that nothing that happens meanwhile is missed.
        let work = shared.fetch_work().notified();
        if shared.is_closed() {
            return false;
        }
        let now = Instant::now();
        let mut wake = self.send_what_can_be_sent(now);
        if self.is_quiet() {
            let since = *self.idle_since.get_or_insert(now);
            if now >= since + LINGER && self.retire(now) {
                return false;
            }
            wake = Some(wake.map_or(since + LINGER, |wake| wake.min(since + LINGER)));
        } else {
            self.idle_since = None;
        }
        tokio::select! {
            biased;
            (lane, ended) = ended(&mut self.lanes) => self.handle(lane, ended, Instant::now()),
            () = work => {}
            () = sleep_or_never(wake) => {}
        }
        true
    }

    fn is_quiet(&self) -> bool {
        self.lanes
            .iter()
            .all(|lane| matches!(lane.under_way, UnderWay::Nothing))
    }

    /// Ends this fetcher unless partitions have come to its broker again.
    fn retire(&mut self, now: Instant) -> bool {
        // With the list locked, the pilot cannot count on this fetcher at the same time.
        let mut fetchers = self.shared.fetchers();
        let metadata = self.shared.cluster.metadata();
        if self
            .shared
            .core()
            .brokers(&metadata, now)
            .contains(&self.broker)
        {
            self.idle_since = None;
            return false;
        }
        fetchers.remove(&self.broker);
        true
    }

    /// Starts requests in free lanes; when to look again.
    fn send_what_can_be_sent(&mut self, now: Instant) -> Option<Instant> {
        if let Some(retry_at) = self.retry_at.filter(|&retry_at| retry_at > now) {
            return Some(retry_at);
        }
        let metadata = self.shared.cluster.metadata();
        let mut wake = None;
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if !matches!(lane.under_way, UnderWay::Nothing) {
                continue;
            }
            let connection = lane.connection.take().filter(|c| c.ended().is_none());
            let checks_epochs = connection.as_ref().is_none_or(|c| {
                c.version::<FetchRequest>()
                    .is_ok_and(|version| version >= EPOCHS_CHECKED_SINCE)
            });
            let mut core = self.shared.core();
            let planned = core.poll_fetch(
                self.broker,
                index,
                &self.flights,
                checks_epochs,
                &metadata,
                now,
            );
            drop(core);
            let plan = match planned {
                Ok(plan) => plan,
                Err(at) => {
                    lane.connection = connection;
                    wake = at;
                    break;
                }
            };
            let Some(connection) = connection else {
                // Nothing is under way yet; another lane may be faster.
                self.shared.core().fetch_again(&plan.members);
                plan.reserved.undo();
                lane.connect(self.broker);
                break;
            };
            let deadline = now + plan.max_wait;
            match lane.send(&self.shared, connection, plan) {
                Ok(()) => self.flights.begin(index, deadline),
                Err((members, error)) => {
                    self.fail(&members, &error, now);
                    return self.retry_at;
                }
            }
        }
        wake
    }

    fn handle(&mut self, index: usize, ended: Ended, now: Instant) {
        match ended {
            Ended::Connected(Ok(connection)) => {
                if let Some(lane) = self.lanes.get_mut(index) {
                    lane.connection = Some(connection);
                }
            }
            Ended::Connected(Err(error)) => {
                let metadata = self.shared.cluster.metadata();
                self.shared
                    .core()
                    .handle_unreachable(self.broker, &error, &metadata, now);
                self.fail(&[], &error, now);
            }
            Ended::Fetched(members, Ok(response)) => {
                self.flights.end(index);
                let Some(lane) = self.lanes.get_mut(index) else {
                    return;
                };
                let was_full = lane.session.is_full();
                if lane.session.answered(&response) {
                    self.failures = 0;
                    self.take(members, response, now);
                    return;
                }
                let code = response.error_code;
                tracing::debug!(
                    broker = self.broker.0,
                    code = code.name(),
                    "fetch session ended"
                );
                if ends_session(code) && !was_full {
                    self.shared.core().fetch_again(&members);
                } else {
                    // Asked at once, it would say the same.
                    let subject = format!("broker {}", self.broker.0);
                    let error = CallError::refused(ApiKey::Fetch, subject, code, None);
                    self.fail(&members, &error, now);
                }
            }
            Ended::Fetched(members, Err(error)) => {
                self.flights.end(index);
                if let Some(lane) = self.lanes.get_mut(index) {
                    lane.session.restart();
                }
                self.fail(&members, &error, now);
            }
        }
    }

    fn take(&mut self, members: Vec<MemberOfFetch>, response: FetchResponse, now: Instant) {
        let cluster = &self.shared.cluster;
        let outcome =
            self.shared
                .core()
                .handle_fetch(self.broker, members, response, now, |failures| {
                    cluster.backoff(failures)
                });
        self.shared.wake_application();
        for (partition, leader) in &outcome.leaders {
            cluster.learn_leader(&partition.topic, partition.partition, *leader);
        }
        if outcome.refresh_metadata {
            cluster.request_metadata_refresh();
        }
        if outcome.asks || outcome.moved {
            self.shared.wake_pilot();
        }
        if outcome.moved {
            self.shared.wake_fetchers();
        }
    }

    fn fail(&mut self, members: &[MemberOfFetch], error: &CallError, now: Instant) {
        tracing::debug!(broker = self.broker.0, %error, "cannot fetch");
        let pause = self.shared.cluster.backoff(self.failures);
        self.failures = self.failures.saturating_add(1);
        if self.failures == 5 {
            tracing::warn!(broker = self.broker.0, %error, "cannot fetch yet, still trying");
        }
        let retry_at = now + pause;
        self.retry_at = Some(retry_at);
        self.shared
            .core()
            .handle_failed_fetch(members, error, retry_at);
        self.shared.wake_application();
        // What came from a near replica goes back to its leader.
        self.shared.wake_pilot();
        self.shared
            .cluster
            .reroute(error, Target::Broker(self.broker));
    }
}

impl Lane {
    fn connect(&mut self, broker: BrokerId) {
        let cluster = self.cluster.clone();
        // What the broker remembers of the last connection's session is of no use.
        self.session.restart();
        self.under_way = UnderWay::Connecting(Box::pin(async move {
            cluster
                .connection(Target::Broker(broker), Purpose::Fetch)
                .await
        }));
    }

    fn send(
        &mut self,
        shared: &Shared,
        connection: Arc<BrokerConnection>,
        plan: FetchPlan,
    ) -> Result<(), (Vec<MemberOfFetch>, CallError)> {
        let cap = if plan.ids_known {
            i16::MAX
        } else {
            TOPIC_IDS_SINCE - 1
        };
        let mut request = FetchRequest {
            max_wait_ms: i32::try_from(plan.max_wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: 1,
            max_bytes: i32::try_from(plan.bytes_max).unwrap_or(i32::MAX),
            isolation_level: shared.isolation.code(),
            rack_id: StrBytes::from(&*shared.rack_id),
            ..FetchRequest::default()
        };
        let sent = connection
            .version_at_most::<FetchRequest>(cap)
            .and_then(|version| {
                self.session.fill(plan.wanted, version, &mut request);
                connection.send_holding(&request, version, plan.max_wait)
            });
        match sent {
            Ok(answer) => {
                self.connection = Some(connection);
                self.under_way = UnderWay::Fetching(Box::new(Fetching {
                    answer: Box::pin(answer),
                    members: plan.members,
                    _reserved: plan.reserved,
                }));
                Ok(())
            }
            Err(error) => {
                self.session.restart();
                Err((plan.members, error))
            }
        }
    }
}

/// Whether the broker only says that it does not go on with a session, which a new one cures.
fn ends_session(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND
            | ErrorCode::INVALID_FETCH_SESSION_EPOCH
            | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR
    )
}

/// Waits for something to end in one of the lanes; for ever if nothing is under way. Cancel-safe.
async fn ended(lanes: &mut [Lane; LANES]) -> (usize, Ended) {
    std::future::poll_fn(|cx| {
        for (index, lane) in lanes.iter_mut().enumerate() {
            let ended = match &mut lane.under_way {
                UnderWay::Nothing => continue,
                UnderWay::Connecting(connecting) => match connecting.as_mut().poll(cx) {
                    Poll::Ready(connected) => Ended::Connected(connected),
                    Poll::Pending => continue,
                },
                UnderWay::Fetching(fetching) => match fetching.answer.as_mut().poll(cx) {
                    Poll::Ready(answer) => {
                        Ended::Fetched(std::mem::take(&mut fetching.members), answer)
                    }
                    Poll::Pending => continue,
                },
            };
            lane.under_way = UnderWay::Nothing;
            return Poll::Ready((index, ended));
        }
        Poll::Pending
    })
    .await
}

async fn sleep_or_never(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => pending().await,
    }
}
