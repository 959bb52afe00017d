//! The background task of a membership: carries its requests, tells it the time, applies what it
//! decides. It runs however busy the application is.

use std::collections::BTreeSet;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};
use thalweg_protocol::{ApiKey, ErrorCode, StrBytes};
use tokio::time::{Instant, sleep_until, timeout};

use super::assignor::TopicToAssign;
use super::handle::GroupHandle;
use super::membership::{Change, Membership, Reply, Request, Step};
use crate::cluster::{Cluster, MetadataSnapshot, Purpose, Target};
use crate::error::{CallError, Disposition};
use crate::topic_partition::TopicPartition;

/// From this version on LeaveGroup names members in a list.
const LEAVE_BATCHED_SINCE: i16 = 3;
/// What the coordinator may take beyond the rebalance time-out to answer a join (as in Java).
const JOIN_LAPSE: Duration = Duration::from_secs(5);
/// How long to wait for the answer when leaving.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often to ask again for topics that do not exist yet.
const MISSING_TOPICS_INTERVAL: Duration = Duration::from_secs(1);

/// Whom the decisions of a membership concern.
pub(crate) trait GroupSink: Send + Sync {
    /// Applies a change of what this member has.
    fn apply(&self, change: Change);

    /// This member has given partitions up.
    fn released(&self, partitions: &BTreeSet<TopicPartition>);

    /// A topic subscribed to cannot be found.
    fn missing(&self, topic: &Arc<str>, error: CallError);
}

/// How a membership speaks to its coordinator.
pub(crate) struct DriverSettings {
    pub(crate) group_id: Arc<str>,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) unknown_topic_timeout: Duration,
}

/// Something under way.
type Pending = Pin<Box<dyn Future<Output = Outcome> + Send>>;

enum Outcome {
    Replied(Reply),
    LookedUp(Vec<TopicToAssign>),
}

/// Runs a membership until it is done. `cluster` has connections of its own: a coordinator answers
/// nothing else on a connection while it holds back a join.
pub(crate) async fn drive(
    mut membership: Box<dyn Membership>,
    cluster: Cluster,
    settings: DriverSettings,
    handle: Arc<GroupHandle>,
    sink: Arc<dyn GroupSink>,
) {
    let _guard = Ends(&handle);
    let mut metadata_changes = cluster.metadata_changes();
    let mut under_way: Option<Pending> = None;
    let mut subscription = MissingTopics::default();
    loop {
        let now = Instant::now();
        let wishes = handle.take_wishes();
        if let Some(topics) = wishes.subscription {
            cluster.track_topics(topics.iter().map(|topic| &**topic));
            subscription.begin(&topics, now);
            membership.handle_subscription(topics);
        }
        for revocation in wishes.released {
            sink.released(&membership.handle_released(revocation));
        }
        if let Some(polled_at) = handle.polled_at(now) {
            membership.handle_polled(polled_at);
        }
        if let Some(leave) = wishes.close {
            under_way = None;
            membership.handle_close(leave);
        }
        let wake = match membership.poll(now) {
            Step::Send(request) => {
                under_way = Some(Box::pin(send(cluster.clone(), request, &settings)));
                continue;
            }
            Step::LookUpTopics(topics) => {
                under_way = Some(Box::pin(look_up(cluster.clone(), topics)));
                continue;
            }
            Step::Emit(change) => {
                // What was decided is published first: the application may act upon the change at
                // once.
                handle.publish(membership.metadata(), membership.member_id());
                sink.apply(change);
                continue;
            }
            Step::Wait(wake) => wake,
            Step::Done => break,
        };
        let missing = subscription.poll(&cluster.metadata(), &settings, now, &*sink);
        if missing.is_some() {
            cluster.request_metadata_refresh();
        }
        let wake = wake.into_iter().chain(missing).min();
        tokio::select! {
            biased;
            () = handle.woken() => {}
            outcome = running(&mut under_way) => {
                under_way = None;
                match outcome {
                    Outcome::Replied(reply) => {
                        membership.handle_reply(reply, Instant::now());
                        handle.publish(membership.metadata(), membership.member_id());
                    }
                    Outcome::LookedUp(topics) => membership.handle_topics(topics),
                }
            }
            snapshot = metadata_changes.next() => {
                let Some(snapshot) = snapshot else { break };
                let watched = membership.watched_topics();
                if !watched.is_empty() {
                    let topics = topics_to_assign(&snapshot, watched);
                    membership.handle_topics_changed(topics);
                }
            }
            () = sleep_or_never(wake) => {}
        }
    }
}

/// Says that a membership has ended, also when its task is dropped or a user's assignor panics.
struct Ends<'h>(&'h GroupHandle);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

async fn running(under_way: &mut Option<Pending>) -> Outcome {
    match under_way {
        Some(future) => future.await,
        None => pending().await,
    }
}

async fn sleep_or_never(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => pending().await,
    }
}

/// Topics subscribed to that do not exist.
#[derive(Default)]
struct MissingTopics {
    topics: Vec<Arc<str>>,
    since: Option<Instant>,
    reported: Vec<Arc<str>>,
}

impl MissingTopics {
    fn begin(&mut self, topics: &[Arc<str>], now: Instant) {
        self.topics = topics.to_vec();
        self.since = Some(now);
        self.reported.clear();
    }

    /// When to look again, if some are missing. Each is reported once.
    fn poll(
        &mut self,
        metadata: &MetadataSnapshot,
        settings: &DriverSettings,
        now: Instant,
        sink: &dyn GroupSink,
    ) -> Option<Instant> {
        let since = self.since?;
        let missing = self
            .topics
            .iter()
            .filter(|topic| metadata.topic(topic).is_none());
        let missing: Vec<Arc<str>> = missing.cloned().collect();
        if missing.is_empty() {
            return None;
        }
        let waited = now.duration_since(since);
        self.reported.retain(|topic| missing.contains(topic));
        for topic in missing {
            let error = why_missing(metadata, &topic, waited);
            // Waiting helps against what is not there yet, not against what is denied.
            let is_final = !matches!(error, CallError::UnknownTopic { .. })
                && error.disposition() == Disposition::Fatal;
            // A broker has to have said so: a client that was stopped, or reached none, knows nothing.
            let is_said = metadata.refusal(&topic).is_some();
            let is_due = is_final || (is_said && waited >= settings.unknown_topic_timeout);
            if is_due && !self.reported.contains(&topic) {
                sink.missing(&topic, error);
                self.reported.push(topic);
            }
        }
        Some(now + MISSING_TOPICS_INTERVAL)
    }
}

fn why_missing(metadata: &MetadataSnapshot, topic: &Arc<str>, waited: Duration) -> CallError {
    match metadata.refusal(topic) {
        Some(code) if code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
            CallError::refused(ApiKey::Metadata, format!("topic '{topic}'"), code, None)
        }
        _ => CallError::UnknownTopic {
            topic: Arc::clone(topic),
            waited,
        },
    }
}

fn send(
    cluster: Cluster,
    request: Request,
    settings: &DriverSettings,
) -> impl Future<Output = Outcome> + Send + use<> {
    let group_id = Arc::clone(&settings.group_id);
    let held = settings.rebalance_timeout.saturating_add(JOIN_LAPSE);
    async move {
        let to = Target::GroupCoordinator(&group_id);
        let reply = match request {
            Request::Join(request) => Reply::Join(call(&cluster, to, &request, held).await),
            Request::Sync(request) => Reply::Sync(call(&cluster, to, &request, held).await),
            Request::Heartbeat(request) => {
                Reply::Heartbeat(call(&cluster, to, &request, Duration::ZERO).await)
            }
            Request::Leave(request) => {
                let left = timeout(LEAVE_TIMEOUT, leave(&cluster, to, request)).await;
                let too_slow = CallError::TooSlow {
                    api: ApiKey::LeaveGroup,
                };
                return Outcome::Replied(Reply::Leave(left.unwrap_or(Err(too_slow))));
            }
        };
        match reply.code() {
            Ok(ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE) => {
                cluster.coordinator_moved(to);
            }
            Ok(_) => {}
            Err(error) => cluster.reroute(error, to),
        }
        Outcome::Replied(reply)
    }
}

async fn call<R: thalweg_protocol::Request>(
    cluster: &Cluster,
    to: Target<'_>,
    request: &R,
    held: Duration,
) -> Result<R::Response, CallError> {
    let connection = cluster.connection(to, Purpose::Group).await?;
    let version = connection.version::<R>()?;
    connection.send_holding(request, version, held)?.await
}

/// Tells the coordinator that members are gone. On the shared connection: on a member's own, a join
/// may be held back.
async fn leave(
    cluster: &Cluster,
    to: Target<'_>,
    mut request: LeaveGroupRequest,
) -> Result<LeaveGroupResponse, CallError> {
    let connection = cluster.connection(to, Purpose::Control).await?;
    let version = connection.version::<LeaveGroupRequest>()?;
    if version >= LEAVE_BATCHED_SINCE {
        request.member_id = StrBytes::new();
    } else {
        request.members.clear();
    }
    connection.send(&request, version)?.await
}

/// Looks topics up with metadata asked for now, so that the leader assigns what there is.
async fn look_up(cluster: Cluster, topics: Vec<Arc<str>>) -> Outcome {
    cluster.track_topics(topics.iter().map(|topic| &**topic));
    let snapshot = match cluster.refresh_metadata().await {
        Ok(snapshot) => snapshot,
        Err(error) => {
            tracing::debug!(%error, "assigning with the metadata there is");
            cluster.metadata()
        }
    };
    Outcome::LookedUp(topics_to_assign(&snapshot, &topics))
}

fn topics_to_assign(metadata: &MetadataSnapshot, names: &[Arc<str>]) -> Vec<TopicToAssign> {
    let rack = |broker| {
        metadata
            .broker(broker)
            .and_then(|broker| broker.rack())
            .map(Arc::from)
    };
    let known = names.iter().filter_map(|name| metadata.topic(name));
    let topics = known
        .filter(|topic| !topic.partitions().is_empty())
        .map(|topic| {
            let mut replica_racks: Vec<Vec<Arc<str>>> = topic
                .partitions()
                .iter()
                .map(|partition| {
                    partition
                        .replicas
                        .iter()
                        .copied()
                        .filter_map(rack)
                        .collect()
                })
                .collect();
            if replica_racks.iter().all(Vec::is_empty) {
                replica_racks.clear();
            }
            TopicToAssign {
                name: Arc::clone(topic.name()),
                partition_count: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
                replica_racks,
            }
        });
    topics.collect()
}

impl Reply {
    fn code(&self) -> Result<ErrorCode, &CallError> {
        match self {
            Reply::Join(reply) => reply.as_ref().map(|response| response.error_code),
            Reply::Sync(reply) => reply.as_ref().map(|response| response.error_code),
            Reply::Heartbeat(reply) => reply.as_ref().map(|response| response.error_code),
            Reply::Leave(reply) => reply.as_ref().map(|response| response.error_code),
        }
    }
}
