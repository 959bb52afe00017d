//! The one background task of a producer: it owns everything that is in flight.
//!
//! The task is a hand-written future around the [`Core`]: each poll takes in what has come, sends
//! what can be sent, and sets one timer. Nothing in it is a partial state that a dropped future
//! could lose.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, TryLockError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use thalweg_protocol::messages::{ProduceRequest, ProduceResponse};
use thalweg_protocol::{BrokerId, Uuid};
use tokio::time::{Instant, Sleep};

use crate::TopicPartition;
use crate::cluster::{
    BrokerConnection, Cluster, MetadataChanges, MetadataSnapshot, PendingResponse, PendingWrite,
    Purpose, Target, TopicMetadata,
};
use crate::error::{CallError, Disposition};
use crate::spawn::BoxFuture;

use super::core::{Core, CoreOptions, Outbound};
use super::handle::Shared;
use super::lane::{Answer, Numbering};
use super::requests::{
    PRODUCE_BY_TOPIC_ID, TransactionalId, failed_request, init_idempotent, perform,
    produce_answers, produce_request, produce_version_max, topic_ids_known,
};
use super::sequence::Identity;
use super::transactions::{CallAnswer, Protocol};

/// How often the open batches are asked for while their owner is using the accumulator.
const ACCUMULATOR_RETRY: Duration = Duration::from_millis(1);

pub(super) struct Sender {
    cluster: Cluster,
    shared: Arc<Shared>,
    core: Core,
    acks: i16,
    transactional_id: Option<TransactionalId>,
    links: BTreeMap<BrokerId, Link>,
    /// Calls to coordinators, by their number.
    calls: Vec<(u64, BoxFuture<'static, CallAnswer>)>,
    /// Without transactions: the request for a producer id.
    identity: Option<BoxFuture<'static, Result<Identity, CallError>>>,
    identity_failures: u32,
    /// Topics being looked up.
    lookups: BTreeMap<Arc<str>, BoxFuture<'static, Result<Arc<TopicMetadata>, CallError>>>,
    changes: BoxFuture<'static, (MetadataChanges, Option<Arc<MetadataSnapshot>>)>,
    metadata: Arc<MetadataSnapshot>,
    /// The accumulator has not heard of the latest metadata.
    accumulator_lags: bool,
    /// The owner is gone, and so are its commands.
    closing: bool,
    timer: Pin<Box<Sleep>>,
}

/// The way to a broker.
enum Link {
    Connecting(BoxFuture<'static, Result<Arc<BrokerConnection>, CallError>>),
    Connected {
        connection: Arc<BrokerConnection>,
        pending: VecDeque<InFlight>,
    },
}

struct InFlight {
    request: u64,
    response: Pending,
    topics: Vec<(TopicPartition, Uuid)>,
}

enum Pending {
    Response(PendingResponse<ProduceRequest>),
    /// Nothing will be answered (`acks=0`): that it is written is all there is to know.
    Write(PendingWrite),
}

impl Pending {
    /// The answer, and whether it names topics by their ids.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<(ProduceResponse, bool)>, CallError>> {
        match self {
            Pending::Response(response) => {
                let by_id = response.version() >= PRODUCE_BY_TOPIC_ID;
                let answer = ready!(Pin::new(response).poll(cx));
                Poll::Ready(answer.map(|answer| Some((answer, by_id))))
            }
            Pending::Write(write) => Pin::new(write).poll(cx).map_ok(|()| None),
        }
    }
}

impl Sender {
    pub(super) fn new(
        cluster: Cluster,
        shared: Arc<Shared>,
        options: CoreOptions,
        acks: i16,
        transactional_id: Option<TransactionalId>,
    ) -> Self {
        let metadata = cluster.metadata();
        let changes = next_change(cluster.metadata_changes());
        Sender {
            cluster,
            shared,
            core: Core::new(options),
            acks,
            transactional_id,
            links: BTreeMap::new(),
            calls: Vec::new(),
            identity: None,
            identity_failures: 0,
            lookups: BTreeMap::new(),
            changes,
            metadata,
            accumulator_lags: false,
            closing: false,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        }
    }

    /// What a transaction that begins now speaks.
    fn protocol(&self) -> Protocol {
        let level = self.cluster.finalized_feature_level("transaction.version");
        // An older release that was pinned does not know protocol Two, whatever the cluster does.
        let pinned = self.cluster.config().broker_version.as_deref();
        let major = pinned.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        if level >= 2 && major.is_none_or(|major| major >= 4) {
            Protocol::Two
        } else {
            Protocol::One
        }
    }

    fn poll_commands(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        loop {
            let takes = self.core.takes_commands() && !self.closing;
            match self.shared.mailbox.poll_next(cx, takes) {
                Poll::Ready(Some(tagged)) => {
                    progress = true;
                    let protocol = self.protocol();
                    let metadata = &self.metadata;
                    self.core
                        .handle_command(tagged, protocol, |tp| leader(metadata, tp));
                }
                Poll::Ready(None) => {
                    self.closing = true;
                    return true;
                }
                Poll::Pending => return progress,
            }
        }
    }

    /// Takes over open batches that have lingered long enough. Returns when to look again.
    fn poll_due(&mut self, now: Instant) -> (bool, Option<Instant>) {
        let lags = self.accumulator_lags;
        let Some(due) = self.shared.mailbox.due().or(lags.then_some(now)) else {
            return (false, None);
        };
        if due > now && !lags {
            return (false, Some(due));
        }
        let mut accumulator = match self.shared.accumulator.try_lock() {
            Ok(accumulator) => accumulator,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.shared.mailbox.ask_for_overdue();
                return (false, Some(now + ACCUMULATOR_RETRY));
            }
        };
        if lags {
            self.accumulator_lags = false;
            accumulator.handle_snapshot(&self.metadata);
        }
        let core = &self.core;
        let next = accumulator.close_due(now, |topic_partition| core.has_room(topic_partition));
        self.shared.mailbox.set_due(next);
        let progress = self.shared.hand_over(&mut accumulator);
        (progress, next)
    }

    fn poll_metadata(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        while let Poll::Ready((changes, snapshot)) = self.changes.as_mut().poll(cx) {
            let Some(snapshot) = snapshot else {
                // The cluster is gone; so will this task be.
                self.changes = Box::pin(std::future::pending());
                break;
            };
            self.changes = next_change(changes);
            self.metadata = snapshot;
            self.accumulator_lags = true;
            let metadata = &self.metadata;
            self.core
                .handle_metadata(|topic_partition| leader(metadata, topic_partition));
            progress = true;
        }
        let mut done = Vec::new();
        for (topic, lookup) in &mut self.lookups {
            if let Poll::Ready(found) = lookup.as_mut().poll(cx) {
                done.push((Arc::clone(topic), found));
            }
        }
        for (topic, found) in done {
            progress = true;
            self.lookups.remove(&topic);
            match found {
                Ok(_) => {
                    self.metadata = self.cluster.metadata();
                    let metadata = &self.metadata;
                    self.core
                        .handle_metadata(|topic_partition| leader(metadata, topic_partition));
                }
                Err(error) => self
                    .core
                    .handle_unknown_topic(&topic, &error.to_string().into()),
            }
        }
        for topic in self.core.topics_wanted() {
            if !self.lookups.contains_key(&topic) {
                let is_known = self.metadata.topic(&topic).is_some();
                let lookup = look_up(self.cluster.clone(), Arc::clone(&topic), is_known);
                self.lookups.insert(topic, Box::pin(lookup));
                progress = true;
            }
        }
        if self.core.take_refresh_metadata() {
            self.cluster.request_metadata_refresh();
        }
        progress
    }

    fn poll_links(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut progress = false;
        for broker in self.core.brokers_wanted() {
            if !self.links.contains_key(&broker) {
                let connecting = Box::pin(connect(self.cluster.clone(), broker));
                self.links.insert(broker, Link::Connecting(connecting));
                progress = true;
            }
        }
        let mut ended = Vec::new();
        for (&broker, link) in &mut self.links {
            match link {
                Link::Connecting(connecting) => match connecting.as_mut().poll(cx) {
                    Poll::Pending => {}
                    Poll::Ready(Ok(connection)) => {
                        *link = Link::Connected {
                            connection,
                            pending: VecDeque::new(),
                        };
                        self.core.handle_connected(broker);
                        progress = true;
                    }
                    Poll::Ready(Err(error)) => {
                        self.core
                            .handle_unreachable(broker, &error.to_string().into());
                        ended.push(broker);
                        progress = true;
                    }
                },
                Link::Connected {
                    connection,
                    pending,
                } => {
                    while let Some(oldest) = pending.front_mut() {
                        let Poll::Ready(answer) = oldest.response.poll(cx) else {
                            break;
                        };
                        let InFlight {
                            request, topics, ..
                        } = oldest;
                        let (answers, otherwise) = match answer {
                            Ok(Some((answer, by_id))) => {
                                let answers =
                                    produce_answers(&answer, topics, by_id, &self.cluster);
                                let reason = "the broker's answer leaves the partition out".into();
                                (answers, Answer::Lost { reason })
                            }
                            Ok(None) => (Vec::new(), Answer::NoneExpected),
                            Err(error) => (Vec::new(), failed_request(&error)),
                        };
                        let (cluster, request) = (&self.cluster, *request);
                        self.core
                            .handle_response(now, broker, request, answers, &otherwise, |n| {
                                cluster.backoff(n)
                            });
                        pending.pop_front();
                        progress = true;
                    }
                    if connection.ended().is_some() && pending.is_empty() {
                        self.core.handle_disconnected(broker);
                        ended.push(broker);
                        progress = true;
                    }
                }
            }
        }
        for broker in ended {
            self.links.remove(&broker);
        }
        progress
    }

    fn poll_requests(&mut self, now: Instant) -> bool {
        let mut progress = false;
        while let Some(outbound) = self.core.poll_request(now) {
            progress = true;
            self.send(now, outbound);
        }
        progress
    }

    fn send(&mut self, now: Instant, outbound: Outbound) {
        let Outbound { id, broker, .. } = outbound;
        let cluster = &self.cluster;
        let Some(Link::Connected {
            connection,
            pending,
        }) = self.links.get_mut(&broker)
        else {
            let otherwise = Answer::NotSent {
                reason: "the connection is gone".into(),
            };
            return self
                .core
                .handle_response(now, broker, id, Vec::new(), &otherwise, |n| {
                    cluster.backoff(n)
                });
        };
        let protocol = self.core.protocol();
        let max = produce_version_max(protocol, topic_ids_known(&outbound, &self.metadata));
        let transactional_id = self.transactional_id.as_ref().map(|of| &*of.id);
        let timeout = self.cluster.config().request_timeout;
        let request = produce_request(
            &outbound,
            &self.metadata,
            transactional_id,
            self.acks,
            timeout,
        );
        let acks = self.acks;
        let sent = connection
            .version_at_most::<ProduceRequest>(max)
            .and_then(|version| {
                Ok(match acks {
                    0 => Pending::Write(connection.send_unanswered(&request, version)?),
                    _ => Pending::Response(connection.send(&request, version)?),
                })
            });
        match sent {
            Ok(response) => {
                let metadata = &self.metadata;
                let topics = outbound
                    .parcels
                    .into_iter()
                    .map(|(topic_partition, _)| {
                        let topic = metadata.topic(&topic_partition.topic);
                        let id = topic.map_or(Uuid::ZERO, |topic| topic.id());
                        (topic_partition, id)
                    })
                    .collect();
                pending.push_back(InFlight {
                    request: id,
                    response,
                    topics,
                });
            }
            Err(error) => {
                let otherwise = failed_request(&error);
                self.core
                    .handle_response(now, broker, id, Vec::new(), &otherwise, |n| {
                        cluster.backoff(n)
                    });
            }
        }
    }

    fn poll_calls(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut progress = false;
        if let Some(of) = &self.transactional_id {
            while let Some((id, call)) = self.core.poll_call(now) {
                tracing::trace!(?call, "transaction call");
                let call = perform(self.cluster.clone(), of.clone(), call);
                self.calls.push((id, Box::pin(call)));
                progress = true;
            }
        }
        let mut index = 0;
        while let Some((id, call)) = self.calls.get_mut(index) {
            let Poll::Ready(answer) = call.as_mut().poll(cx) else {
                index += 1;
                continue;
            };
            let id = *id;
            drop(self.calls.swap_remove(index));
            tracing::trace!(?answer, "transaction answer");
            let cluster = &self.cluster;
            self.core
                .handle_call_answer(now, id, answer, |attempt| cluster.backoff(attempt));
            progress = true;
        }
        if let Some((transaction, error)) = self.core.take_failure() {
            self.shared.mailbox.publish_failure(transaction, &error);
        }
        progress
    }

    fn poll_identity(&mut self, cx: &mut Context<'_>) -> bool {
        if self.identity.is_none() && self.core.wants_identity() {
            let cluster = self.cluster.clone();
            let pause = match self.identity_failures {
                0 => Duration::ZERO,
                failures => cluster.backoff(failures - 1),
            };
            self.identity = Some(Box::pin(async move {
                tokio::time::sleep(pause).await;
                init_idempotent(&cluster).await
            }));
        }
        let Some(asked) = &mut self.identity else {
            return false;
        };
        let Poll::Ready(answer) = asked.as_mut().poll(cx) else {
            return false;
        };
        self.identity = None;
        match answer {
            Ok(identity) => {
                self.identity_failures = 0;
                self.core.handle_identity(identity);
                self.core.wants_identity();
            }
            Err(error) => {
                self.identity_failures = self.identity_failures.saturating_add(1);
                match (error.disposition(), error.code()) {
                    (Disposition::Retry, _) | (_, None) => {
                        tracing::debug!(%error, "no producer id yet, asking again");
                    }
                    (_, Some(code)) => self.core.handle_no_identity(code),
                }
            }
        }
        true
    }

    /// Once the owner is gone: finishes what was handed over, and aborts what was not committed.
    fn poll_closed(&mut self) -> bool {
        self.closing && self.core.close_gracefully()
    }
}

impl Future for Sender {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            let now = Instant::now();
            this.core.handle_timeouts(now);
            let (mut progress, due) = this.poll_due(now);
            progress |= this.poll_commands(cx);
            progress |= this.poll_metadata(cx);
            progress |= this.poll_identity(cx);
            progress |= this.poll_links(cx, now);
            progress |= this.poll_calls(cx, now);
            progress |= this.poll_requests(now);
            if this.poll_closed() {
                return Poll::Ready(());
            }
            if progress {
                continue;
            }
            let timeout = this.core.next_timeout(now);
            let Some(wake) = [due, timeout].into_iter().flatten().min() else {
                return Poll::Pending;
            };
            if this.timer.deadline() != wake {
                this.timer.as_mut().reset(wake);
            }
            if this.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.core.close();
        self.shared.mailbox.drain();
    }
}

/// A topic that is known is looked up because it has no leader: one is being elected, or its broker
/// has just started. Nobody else would ask for it before the metadata is old.
async fn look_up(
    cluster: Cluster,
    name: Arc<str>,
    is_known: bool,
) -> Result<Arc<TopicMetadata>, CallError> {
    if is_known {
        tokio::time::sleep(cluster.backoff(0)).await;
        cluster.refresh_metadata().await?;
    }
    cluster.topic(&name).await
}

/// Attempts are paced by the cluster, once it knows where the broker is.
async fn connect(cluster: Cluster, broker: BrokerId) -> Result<Arc<BrokerConnection>, CallError> {
    let target = Target::Broker(broker);
    let connected = cluster.connection(target, Purpose::Produce).await;
    if let Err(CallError::UnknownBroker { .. } | CallError::Closed) = connected {
        cluster.request_metadata_refresh();
        tokio::time::sleep(cluster.backoff(0)).await;
    }
    connected
}

fn next_change(
    mut changes: MetadataChanges,
) -> BoxFuture<'static, (MetadataChanges, Option<Arc<MetadataSnapshot>>)> {
    Box::pin(async move {
        let snapshot = changes.next().await;
        (changes, snapshot)
    })
}

fn leader(metadata: &MetadataSnapshot, topic_partition: &TopicPartition) -> Option<BrokerId> {
    metadata
        .leader(&topic_partition.topic, topic_partition.partition)
        .ok()
        .map(|leader| leader.broker)
}

/// What numbers the batches of a producer.
pub(super) fn numbering(idempotent: bool, transactional: bool) -> Numbering {
    match (transactional, idempotent) {
        (true, _) => Numbering::Transactional,
        (false, true) => Numbering::Idempotent,
        (false, false) => Numbering::Plain,
    }
}
