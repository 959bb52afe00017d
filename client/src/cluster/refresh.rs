//! Keeps the metadata up to date: one task, one question at a time, however many ask for it.
//!
//! Everyone who wants newer metadata takes a number. A question covers all numbers taken before it
//! was sent, so a caller never gets an answer older than its wish, and a hundred wishes at once cost
//! one question.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use thalweg_protocol::messages::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode, PartitionId};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::connections::open;
use super::metadata::{Leader, MetadataSnapshot, TopicMetadata};
use super::{Broker, Cluster, Inner, Purpose, bootstrap_address};
use crate::config::HostPort;
use crate::error::{CallError, ConnectError, Disposition};
use crate::watch;

/// How long to wait for one broker before asking another as well.
const HEDGE: Duration = Duration::from_secs(1);

/// The shortest time from one question to the next: a backstop against callers that ask without
/// pause.
const GAP_MIN: Duration = Duration::from_millis(20);

/// The state of the metadata.
#[derive(Default)]
pub(super) struct Refresh {
    state: watch::Sender<State>,
    wishes: Mutex<Wishes>,
    /// Tells the task that there is a wish, or that nobody is left.
    wished: Arc<Notify>,
}

#[derive(Clone, Default)]
struct State {
    snapshot: Arc<MetadataSnapshot>,
    /// All wishes up to this number have been fulfilled.
    fulfilled: u64,
    /// The last failure, and up to which number it concerns wishes.
    failed: Option<(u64, CallError)>,
}

#[derive(Default)]
struct Wishes {
    /// The number given to the last wish.
    last: u64,
    /// The topics that every question is about.
    topics: BTreeSet<Arc<str>>,
    /// The topics that this client has created not long ago, and when.
    created: BTreeMap<Arc<str>, Instant>,
}

impl Drop for Refresh {
    fn drop(&mut self) {
        self.wished.notify_one();
    }
}

impl Refresh {
    pub(super) fn snapshot(&self) -> Arc<MetadataSnapshot> {
        Arc::clone(&self.state.borrow().snapshot)
    }

    /// Adds a broker that an answer about a coordinator mentions.
    pub(super) fn learn_broker(&self, broker: BrokerId, address: HostPort) {
        self.state.send_if_modified(|state| {
            let is_new = state.snapshot.address(broker).is_none();
            if is_new {
                state.snapshot = Arc::new(state.snapshot.with_broker(broker, address));
            }
            is_new
        });
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wish(&self) -> u64 {
        let mut wishes = self.wishes();
        wishes.last += 1;
        self.wished.notify_one();
        wishes.last
    }
}

impl Cluster {
    /// Asks for newer metadata without waiting for it.
    pub(crate) fn request_metadata_refresh(&self) {
        self.inner.refresh.wish();
    }

    /// Metadata that was asked for after this call.
    ///
    /// # Errors
    /// The one attempt made for it failed; attempts go on in the background.
    pub(crate) async fn refresh_metadata(&self) -> Result<Arc<MetadataSnapshot>, CallError> {
        let mut state = self.inner.refresh.state.subscribe();
        let wish = self.inner.refresh.wish();
        let reached = |state: &State| {
            state.fulfilled >= wish || state.failed.as_ref().is_some_and(|(upto, _)| *upto >= wish)
        };
        let state = state
            .wait_for(reached)
            .await
            .map_err(|_| CallError::Closed)?;
        match &state.failed {
            Some((_, error)) if state.fulfilled < wish => Err(error.clone()),
            _ => Ok(Arc::clone(&state.snapshot)),
        }
    }

    /// Sees every change of the metadata.
    pub(crate) fn metadata_changes(&self) -> MetadataChanges {
        MetadataChanges {
            state: self.inner.refresh.state.subscribe(),
        }
    }

    /// Keeps topics in the metadata from now on, without waiting.
    pub(crate) fn track_topics<'t>(&self, topics: impl IntoIterator<Item = &'t str>) {
        let mut wishes = self.inner.refresh.wishes();
        let before = wishes.topics.len();
        wishes.topics.extend(topics.into_iter().map(Arc::from));
        let added = wishes.topics.len() > before;
        drop(wishes);
        if added {
            self.request_metadata_refresh();
        }
    }

    /// Remembers that a topic was created just now.
    pub(crate) fn topic_created(&self, name: &Arc<str>) {
        let now = Instant::now();
        let mut wishes = self.inner.refresh.wishes();
        wishes
            .created
            .retain(|_, at| now - *at < self.inner.config.unknown_topic_timeout);
        wishes.created.insert(Arc::clone(name), now);
    }

    /// Stops asking about a topic that was deleted, and forgets it: another of that name has to be
    /// asked for, and kept up to date again.
    pub(crate) fn topic_deleted(&self, name: &str) {
        let mut wishes = self.inner.refresh.wishes();
        wishes.created.remove(name);
        wishes.topics.remove(name);
        drop(wishes);
        self.inner.refresh.state.send_if_modified(|state| {
            let next = state.snapshot.without_topic(name);
            let changed = next.is_some();
            if let Some(next) = next {
                state.snapshot = Arc::new(next);
            }
            changed
        });
    }

    /// Whether this client created a topic so recently that brokers may not know it yet.
    pub(crate) fn is_topic_new(&self, name: &str) -> bool {
        let created = self.inner.refresh.wishes().created.get(name).copied();
        created.is_some_and(|at| at.elapsed() < self.inner.config.unknown_topic_timeout)
    }

    /// Takes a newer leader from an answer that mentions it (KIP-951), without asking for it.
    pub(crate) fn learn_leader(&self, topic: &str, partition: PartitionId, leader: Leader) {
        self.inner.refresh.state.send_if_modified(|state| {
            let next = state.snapshot.with_leader(topic, partition, leader);
            let changed = next.is_some();
            if let Some(next) = next {
                state.snapshot = Arc::new(next);
            }
            changed
        });
    }

    /// A topic and its partitions; asked for if it is not known yet, and kept up to date from then
    /// on.
    ///
    /// # Errors
    /// [`CallError::UnknownTopic`] if no broker knows it for `unknown_topic_timeout`; a new topic
    /// takes a moment to be known everywhere. Otherwise why the brokers do not tell.
    ///
    /// # Cancel-safety
    /// Dropping the future loses nothing.
    pub async fn topic(&self, name: &str) -> Result<Arc<TopicMetadata>, CallError> {
        // Also what is known: an answer under way when it was deleted may have brought it back.
        self.inner.refresh.wishes().topics.insert(Arc::from(name));
        if let Some(topic) = self.metadata().topic(name) {
            return Ok(Arc::clone(topic));
        }
        let started = Instant::now();
        let mut retry = self.retry("look up a topic");
        loop {
            let error = match self.refresh_metadata().await {
                Ok(snapshot) => match (snapshot.topic(name), snapshot.refusal(name)) {
                    (Some(topic), _) => return Ok(Arc::clone(topic)),
                    (None, Some(code)) => {
                        CallError::refused(ApiKey::Metadata, format!("topic '{name}'"), code, None)
                    }
                    // Another wish's answer, sent before this topic was added.
                    (None, None) => continue,
                },
                Err(error) => error,
            };
            let unknown = error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            let waited = started.elapsed();
            if unknown && waited >= self.inner.config.unknown_topic_timeout {
                self.inner.refresh.wishes().topics.remove(name);
                return Err(CallError::UnknownTopic {
                    topic: name.into(),
                    waited,
                });
            }
            if error.disposition() != Disposition::Retry {
                self.inner.refresh.wishes().topics.remove(name);
            }
            retry.pause(error).await?;
        }
    }
}

/// Sees changes of the metadata.
pub(crate) struct MetadataChanges {
    state: watch::Receiver<State>,
}

impl MetadataChanges {
    /// Waits for the next change and gives what is known then. `None` when the cluster is gone.
    ///
    /// Cancel-safe: a change is seen by the next call.
    pub(crate) async fn next(&mut self) -> Option<Arc<MetadataSnapshot>> {
        self.state.changed().await.ok()?;
        Some(Arc::clone(&self.state.borrow_and_update().snapshot))
    }
}

/// Reaches one of the bootstrap servers.
pub(super) async fn bootstrap(inner: &Arc<Inner>) -> Result<(), ConnectError> {
    let started = Instant::now();
    let deadline = started + inner.config.bootstrap_timeout;
    let mut failures = 0;
    loop {
        let error = match ask(inner).await {
            Ok(response) => {
                inner.publish(&response, 0);
                return Ok(());
            }
            Err(error) => error,
        };
        let pause = inner.retry_backoff(failures);
        failures += 1;
        if error.disposition() != Disposition::Retry || Instant::now() + pause >= deadline {
            return Err(error.into());
        }
        if failures == 3 {
            tracing::warn!(%error, "cannot reach the cluster yet, still trying");
        }
        sleep(pause).await;
    }
}

/// Renews the metadata whenever somebody wishes it or it has grown old, until nobody is left.
pub(super) fn keep_fresh(inner: &Arc<Inner>) -> impl Future<Output = ()> + Send + 'static {
    let max_age = inner.config.metadata_max_age;
    let wished = Arc::clone(&inner.refresh.wished);
    let inner = Arc::downgrade(inner);
    async move {
        let mut renewed = Instant::now();
        let mut failures = 0;
        while inner.strong_count() > 0 {
            let due = renewed + max_age;
            tokio::select! {
                biased;
                () = wished.notified() => {}
                () = sleep_until(due) => {}
            }
            match renew(&inner).await {
                Some(Ok(())) => failures = 0,
                Some(Err(error)) => {
                    failures += 1;
                    if failures == 3 {
                        tracing::warn!(%error, "cannot renew the metadata, still trying");
                    }
                    let Some(pause) = pause_after(&inner, failures) else {
                        return;
                    };
                    sleep(pause).await;
                    // The wish is still open, as is the need when it was age.
                    wished.notify_one();
                }
                None => return,
            }
            renewed = Instant::now();
            sleep(GAP_MIN).await;
        }
    }
}

fn pause_after(inner: &Weak<Inner>, failures: u32) -> Option<Duration> {
    Some(inner.upgrade()?.retry_backoff(failures - 1))
}

/// Asks once. `None` when nobody is left who could want the answer.
async fn renew(inner: &Weak<Inner>) -> Option<Result<(), CallError>> {
    let inner = inner.upgrade()?;
    let wish = inner.refresh.wishes().last;
    Some(match ask(&inner).await {
        Ok(response) => {
            inner.publish(&response, wish);
            Ok(())
        }
        Err(error) => {
            let failed = Some((wish, error.clone()));
            inner
                .refresh
                .state
                .send_modify(|state| state.failed = failed);
            Err(error)
        }
    })
}

/// Someone who can be asked for metadata.
enum Source {
    Broker(BrokerId, HostPort),
    Bootstrap(HostPort),
}

/// Asks brokers, one after the other but not waiting long for any, until one answers. When none of
/// the known ones does, the bootstrap servers are asked again (KIP-899).
async fn ask(inner: &Arc<Inner>) -> Result<MetadataResponse, CallError> {
    let request = Arc::new(inner.metadata_request());
    let mut sources = inner.metadata_sources().into_iter();
    let (answered, mut answers) = mpsc::channel(sources.len().max(1));
    let mut tried = Vec::new();
    let mut underway = 0_usize;
    loop {
        let next = sources.next();
        let last = next.is_none();
        if let Some(source) = next {
            let (asker, request) = (Arc::clone(inner), Arc::clone(&request));
            let answered = answered.clone();
            underway += 1;
            inner.spawner.spawn(
                "thalweg ask for metadata",
                Box::pin(async move {
                    let answer = ask_one(&asker, source, &request).await;
                    // Another one may have been faster.
                    let _ = answered.send(answer).await;
                }),
            );
        } else if underway == 0 {
            return Err(CallError::NoBrokerReachable {
                tried: tried.into(),
            });
        }
        let answer = if last {
            answers.recv().await
        } else {
            match timeout(HEDGE, answers.recv()).await {
                Ok(answer) => answer,
                Err(_) => continue,
            }
        };
        match answer {
            Some(Ok(response)) => return Ok(response),
            Some(Err(error)) => {
                underway -= 1;
                tried.push(error);
            }
            None => return Err(CallError::Closed),
        }
    }
}

async fn ask_one(
    inner: &Arc<Inner>,
    source: Source,
    request: &MetadataRequest,
) -> Result<MetadataResponse, CallError> {
    let connection = match source {
        Source::Broker(broker, address) => {
            inner
                .control
                .connection(inner, broker, &address, Purpose::Control)
                .await?
        }
        Source::Bootstrap(server) => Arc::new(open(inner, bootstrap_address(&server)).await?),
    };
    let version = connection.version::<MetadataRequest>()?;
    let response = connection.send(request, version)?.await?;
    let subject = || connection.address().to_string();
    let code = response.error_code;
    if code != ErrorCode::NONE {
        return Err(CallError::refused(ApiKey::Metadata, subject(), code, None));
    }
    if response.brokers.is_empty() {
        // A broker that has just started knows nobody, not even itself.
        let code = ErrorCode::BROKER_NOT_AVAILABLE;
        let message = Some("the broker does not know the cluster yet");
        return Err(CallError::refused(
            ApiKey::Metadata,
            subject(),
            code,
            message,
        ));
    }
    Ok(response)
}

impl Inner {
    fn metadata_request(&self) -> MetadataRequest {
        let wishes = self.refresh.wishes();
        let topics = wishes.topics.iter().map(|topic| MetadataRequestTopic {
            name: Some((&**topic).into()),
            ..Default::default()
        });
        MetadataRequest {
            topics: Some(topics.collect()),
            allow_auto_topic_creation: self.config.allow_auto_create_topics,
            ..Default::default()
        }
    }

    /// Connected brokers first, then the other known ones, then the bootstrap servers.
    fn metadata_sources(&self) -> Vec<Source> {
        let snapshot = self.refresh.snapshot();
        let mut brokers: Vec<&Broker> = snapshot.brokers().collect();
        let mut servers = self.bootstrap.clone();
        let mut rng = self.rng();
        rng.shuffle(&mut brokers);
        rng.shuffle(&mut servers);
        drop(rng);
        brokers.sort_by_key(|broker| !self.control.is_connected(broker.id(), Purpose::Control));
        let known = brokers.iter().filter_map(|broker| {
            let address = snapshot.address(broker.id())?;
            Some(Source::Broker(broker.id(), address.clone()))
        });
        known
            .chain(servers.into_iter().map(Source::Bootstrap))
            .collect()
    }

    fn publish(&self, response: &MetadataResponse, wish: u64) {
        self.refresh.state.send_modify(|state| {
            let next = state.snapshot.merge(response);
            if let (Some(before), Some(now)) = (state.snapshot.cluster_id(), next.cluster_id())
                && before != now
            {
                tracing::warn!(
                    before,
                    now,
                    "the bootstrap servers lead to another cluster now"
                );
            }
            state.snapshot = Arc::new(next);
            state.fulfilled = state.fulfilled.max(wish);
        });
    }
}
