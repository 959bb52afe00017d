//! Operations on several things that different brokers are responsible for: each thing is sent to
//! its broker, many in one request, and those that could not be served are sent again.
//!
//! Which broker that is, and what the request looks like, is all an operation has to say.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::{ApiKey, BrokerId, ErrorCode, PartitionId};
use tokio::time::timeout_at;

use super::outcomes::Outcomes;
use crate::cluster::{Broker, BrokerConnection, Cluster, Purpose, Target};
use crate::concurrently::concurrently;
use crate::crash_point::CrashPoint;
use crate::error::{CallError, Disposition};
use crate::topic_partition::TopicPartition;

/// What a broker said about each of several things.
pub(super) type Answers<O> = Vec<(
    <O as RoutedOperation>::Key,
    Result<<O as RoutedOperation>::Value, CallError>,
)>;

/// An operation on several things.
pub(super) trait RoutedOperation: Sync {
    /// What it is done to.
    type Key: Ord + Clone + Send + Sync;
    /// What is learnt for each.
    type Value: Send;

    /// What it is called in errors.
    const OPERATION: &'static str;
    /// The request it consists of.
    const API_KEY: ApiKey;

    /// Who is responsible for a thing.
    fn route<'k>(&self, key: &'k Self::Key) -> Route<'k>;

    /// Whether an error for one thing may be gone when it is asked for again.
    fn is_worth_repeating(&self, _: &Self::Key, error: &CallError) -> bool {
        error.disposition() == Disposition::Retry
    }

    /// Asks one broker about the things it is responsible for. A thing the broker does not mention
    /// counts as failed.
    fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<Answers<Self>, CallError>> + Send
    where
        Self: Sized;
}

/// Who is responsible for a thing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Route<'k> {
    /// The leader of a partition.
    Leader(&'k TopicPartition),
    /// One of [`Target`]'s.
    To(Target<'k>),
}

/// Performs an operation on all keys.
pub(super) async fn perform<O: RoutedOperation>(
    cluster: &Cluster,
    operation: &O,
    keys: impl IntoIterator<Item = O::Key>,
) -> Outcomes<O::Key, O::Value> {
    let mut done = BTreeMap::new();
    let mut open: Vec<O::Key> = keys.into_iter().collect();
    open.sort_unstable();
    open.dedup();
    let mut retry = cluster.retry(O::OPERATION);
    loop {
        let attempt = attempt(cluster, operation, &open);
        let Ok(answers) = timeout_at(retry.deadline(), attempt).point().await else {
            let late = |key| {
                (
                    key,
                    Err(retry.exhausted(CallError::TooSlow { api: O::API_KEY })),
                )
            };
            done.extend(open.into_iter().map(late));
            return Outcomes::new(done);
        };
        let mut failed: Option<CallError> = None;
        let mut again = BTreeMap::new();
        for (key, answer) in answers {
            match answer {
                Err(error) if operation.is_worth_repeating(&key, &error) => {
                    let target = match operation.route(&key) {
                        Route::Leader(_) => Target::Any,
                        Route::To(target) => target,
                    };
                    cluster.reroute(&error, target);
                    failed.get_or_insert_with(|| error.clone());
                    again.insert(key, error);
                }
                answer => {
                    done.insert(key, answer);
                }
            }
        }
        let Some(failed) = failed else {
            return Outcomes::new(done);
        };
        if retry.pause(failed).point().await.is_err() {
            let failures = again.into_iter();
            done.extend(failures.map(|(key, error)| (key, Err(retry.exhausted(error)))));
            return Outcomes::new(done);
        }
        open = again.into_keys().collect();
    }
}

/// Performs an operation on every broker that is up.
pub(super) async fn from_all_brokers<O: RoutedOperation<Key = BrokerId>>(
    cluster: &Cluster,
    operation: &O,
) -> Result<Vec<O::Value>, CallError> {
    let mut retry = cluster.retry(O::OPERATION);
    loop {
        // Which brokers there are may have changed: one that is down has handed over what it had.
        // No crash point: for administrators, not on the engine's paths.
        let answers = match cluster.refresh_metadata().await {
            Ok(snapshot) => {
                let brokers: Vec<BrokerId> = snapshot.brokers().map(Broker::id).collect();
                // No crash point: for administrators, not on the engine's paths.
                attempt(cluster, operation, &brokers).await
            }
            Err(error) => {
                // No crash point: for administrators, not on the engine's paths.
                retry.pause(error).await?;
                continue;
            }
        };
        match answers.into_iter().map(|(_, answer)| answer).collect() {
            Ok(values) => return Ok(values),
            // No crash point: for administrators, not on the engine's paths.
            Err(error) => retry.again(error, Target::Any).await?,
        }
    }
}

/// Asks every responsible broker once, all at the same time.
async fn attempt<O: RoutedOperation>(
    cluster: &Cluster,
    operation: &O,
    keys: &[O::Key],
) -> Answers<O> {
    let mut answers = Vec::with_capacity(keys.len());
    let mut by_broker: BTreeMap<BrokerId, Vec<O::Key>> = BTreeMap::new();
    let targets = keys.iter().filter_map(|key| match operation.route(key) {
        Route::To(target) => Some(target),
        Route::Leader(_) => None,
    });
    cluster.look_up_coordinators(targets).point().await;
    for key in keys {
        match find(cluster, operation.route(key)).point().await {
            Ok(broker) => by_broker.entry(broker).or_default().push(key.clone()),
            Err(error) => answers.push((key.clone(), Err(error))),
        }
    }
    let asked = by_broker.iter().map(|(broker, keys)| async move {
        let to = Target::Broker(*broker);
        let connection = cluster.connection(to, Purpose::Control).point().await?;
        operation.ask(&connection, keys).point().await
    });
    for (result, keys) in concurrently(asked)
        .point()
        .await
        .into_iter()
        .zip(by_broker.values())
    {
        match result {
            Ok(mentioned) => {
                let mut mentioned: BTreeMap<_, _> = mentioned.into_iter().collect();
                answers.extend(keys.iter().map(|key| {
                    let answer = mentioned
                        .remove(key)
                        .unwrap_or(Err(CallError::NotMentioned { api: O::API_KEY }));
                    (key.clone(), answer)
                }));
            }
            Err(error) => answers.extend(keys.iter().map(|key| (key.clone(), Err(error.clone())))),
        }
    }
    answers
}

async fn find(cluster: &Cluster, route: Route<'_>) -> Result<BrokerId, CallError> {
    match route {
        Route::Leader(TopicPartition { topic, partition }) => {
            // Once for its time-out: a topic that is known costs nothing here.
            cluster.topic(topic).point().await?;
            Ok(cluster.leader_of(topic, *partition)?.broker)
        }
        Route::To(target) => cluster.resolve(target).point().await,
    }
}

/// Whether to repeat what failed with `error` where a missing topic is an answer, unless the topic
/// is so new that the broker may not have heard of it.
pub(super) fn repeats_missing_only_if(is_new: bool, error: &CallError) -> bool {
    error.disposition() == Disposition::Retry
        && (is_new || error.code() != Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
}

/// Groups partitions by topic, as requests want them.
pub(super) fn by_topic(partitions: &[TopicPartition]) -> BTreeMap<&Arc<str>, Vec<PartitionId>> {
    let mut topics: BTreeMap<&Arc<str>, Vec<PartitionId>> = BTreeMap::new();
    for TopicPartition { topic, partition } in partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    topics
}

/// How long a broker may take, in the unit of requests.
pub(super) fn milliseconds(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}
