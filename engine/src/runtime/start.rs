//! From a program and its settings to running workers.
//!
//! ```text
//!  state folder (lock, UUID) ─► cluster ─► topics and plan ─► take over transactional ids (E4)
//!      ─► leave the group for a dead predecessor (E6) ─► workers ─► supervisor
//! ```
//!
//! All of this runs where the client's background work runs, so that connections belong to that
//! runtime and not to the caller's.

use std::sync::Arc;
use std::time::Duration;

use thalweg_client::{
    Admin, Cluster, Consumer, CrashPoint, IsolationLevel, OffsetReset, Producer, Spawner,
    TransactionalProducer, watch,
};
use tokio::sync::oneshot;

use super::board::Board;
use super::calls::Calls;
use super::error::AppError;
use super::instance::Instance;
use super::plan::{InternalKind, Plan};
use super::settings::RunSettings;
use super::settler::WorkerProducer;
use super::topics::{self, TopicTable};
use super::until_end;
use super::worker::{Ends, Worker};
use crate::assignor::{GroupAssignor, TaskTopics};
use crate::seams::entropy;
use crate::state_folder::{Predecessor, StateFolder};
use crate::topology::Topology;

/// Heartbeats are also how a worker hears of a rebalance.
const HEARTBEAT_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// Whether an app ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Runs until it is stopped.
    Stopped,
    /// Runs until the ends its source topics had when it was started.
    End,
}

/// A worker that can still be sent to its thread.
pub(crate) struct Seat {
    pub(crate) index: u32,
    consumer: Consumer,
    producer: WorkerProducer,
}

impl Seat {
    /// The worker itself, which stays where it is made.
    pub(crate) fn take(self, instance: Arc<Instance>) -> Worker {
        Worker::new(self.index, instance, self.consumer, self.producer)
    }
}

/// An instance that is ready to run.
pub(crate) struct Prepared {
    pub(crate) instance: Arc<Instance>,
    pub(crate) seats: Vec<Seat>,
    /// To tell the workers of ends found later, when the app runs until there.
    pub(crate) ends: Option<watch::Sender<Arc<Ends>>>,
}

/// Does everything that comes before the first record, on `spawner`.
pub(crate) async fn prepare(
    topology: Topology,
    settings: RunSettings,
    until: Until,
    spawner: Arc<dyn Spawner>,
) -> Result<Prepared, AppError> {
    let (send, receive) = oneshot::channel();
    let on = Arc::clone(&spawner);
    spawner.spawn(
        "thalweg start",
        Box::pin(async move {
            // Nobody waits for the answer when `App::start` was dropped; all is dropped with it.
            let _ = send.send(prepare_here(topology, settings, until, on).point().await);
        }),
    );
    receive.point().await.unwrap_or_else(|_| {
        Err(AppError::Transaction(
            "the runtime of the app was shut down".to_owned(),
        ))
    })
}

async fn prepare_here(
    topology: Topology,
    settings: RunSettings,
    until: Until,
    spawner: Arc<dyn Spawner>,
) -> Result<Prepared, AppError> {
    let application_id = topology.application_id().to_owned();
    let seed = settings.seed.unwrap_or_else(entropy);
    let (folder, predecessor) = StateFolder::open(
        settings.storage(&application_id),
        &application_id,
        settings.workers,
        || uuid(seed),
    )?;
    tracing::info!(
        application = application_id,
        instance = folder.instance_uuid(),
        workers = settings.workers,
        "starting"
    );
    let client = settings
        .client
        .clone()
        .client_id(application_id.as_str())
        .spawner(SharedSpawner(Arc::clone(&spawner)))
        .seed(seed);
    let cluster = Cluster::connect(client)
        .point()
        .await
        .map_err(|error| AppError::cluster("connecting to the cluster", error))?;
    let admin = Admin::new(&cluster);
    let (plan, table) = topics::prepare(&admin, &topology, settings.replication_factor)
        .point()
        .await?;
    let calls = Calls::new(admin, application_id.as_str().into());
    let task_topics = task_topics(&topology);
    let limits = calls
        .all_limits(&written_topics(&topology, &table))
        .point()
        .await;
    let board = Arc::new(Board::new(settings.workers, Arc::clone(&settings.clock)));
    let (ends, known_ends) = match until {
        Until::Stopped => (None, None),
        Until::End => {
            let (send, receive) = watch::channel(Arc::new(Ends::new()));
            (Some(send), Some(receive))
        }
    };
    let instance = Arc::new(Instance {
        repartition_topics: repartition_topics(&plan),
        settings,
        topology,
        plan,
        task_topics,
        topics: table,
        limits,
        cluster,
        calls,
        spawner,
        board,
        folder,
        ends: known_ends,
    });
    if let Some(ends) = &ends {
        // No crash point: the ends are looked up before anything is taken over.
        ends.send_replace(Arc::new(until_end::source_ends(&instance).await?));
    }
    let producers = take_over_producers(&instance, &predecessor).point().await?;
    leave_for_the_dead(&instance, &predecessor).point().await;
    let mut seats = Vec::new();
    for (index, producer) in (0..).zip(producers) {
        seats.push(Seat {
            index,
            consumer: consumer(&instance)?,
            producer,
        });
    }
    Ok(Prepared {
        instance,
        seats,
        ends,
    })
}

/// E4: a producer for every worker. Ids of workers there are none of any more are taken over as
/// well, which aborts what they left open.
async fn take_over_producers(
    instance: &Instance,
    predecessor: &Predecessor,
) -> Result<Vec<WorkerProducer>, AppError> {
    let workers = usize::try_from(instance.settings.workers).unwrap_or(usize::MAX);
    let mut producers = Vec::new();
    if !instance.settings.exactly_once() {
        for _ in 0..workers {
            let producer = Producer::builder(&instance.cluster)
                .build()
                .map_err(|error| AppError::cluster("making a producer", error))?;
            producers.push(WorkerProducer::AtLeastOnce(Box::new(producer)));
        }
        return Ok(producers);
    }
    for (index, id) in predecessor.transactional_ids.iter().enumerate() {
        let doing = || format!("taking over the transactional id {id}");
        let mut producer = TransactionalProducer::builder(&instance.cluster)
            .transaction_timeout(instance.settings.transaction_timeout)
            .build_transactional(id.as_str())
            .map_err(|error| AppError::cluster(doing(), error))?;
        producer
            .init()
            .point()
            .await
            .map_err(|error| AppError::cluster(doing(), error))?;
        if index < workers {
            producers.push(WorkerProducer::ExactlyOnce(Box::new(producer)));
        }
    }
    Ok(producers)
}

/// E6: members of a process that is dead for sure, as this one holds its lock. Without this the
/// group would wait for them until their session times out; so a failure costs time, nothing else.
async fn leave_for_the_dead(instance: &Instance, predecessor: &Predecessor) {
    if predecessor.member_ids.is_empty() {
        return;
    }
    match instance
        .calls
        .leave_group(&predecessor.member_ids)
        .point()
        .await
    {
        Ok(()) => tracing::info!(
            members = predecessor.member_ids.len(),
            "left the group for the instance that ran here before"
        ),
        Err(error) => tracing::info!("the group does not know our predecessor: {error}"),
    }
}

fn consumer(instance: &Instance) -> Result<Consumer, AppError> {
    let settings = &instance.settings;
    let uuid = u128::from_str_radix(&instance.folder.instance_uuid(), 16).unwrap_or_default();
    let assignor = GroupAssignor::new(instance.task_topics.clone(), uuid);
    let heartbeat_interval = (settings.session_timeout / 3).min(HEARTBEAT_INTERVAL_MAX);
    let mut consumer = Consumer::builder(&instance.cluster)
        .group_id(instance.topology.application_id())
        .assignor(assignor)
        .isolation_level(IsolationLevel::ReadCommitted)
        .auto_offset_reset(OffsetReset::None)
        .start_assigned_by_seek()
        .session_timeout(settings.session_timeout)
        .heartbeat_interval(heartbeat_interval)
        .rebalance_timeout(settings.rebalance_timeout)
        .max_poll_interval(Some(settings.rebalance_timeout))
        .prefetch_bytes(settings.prefetch_bytes)
        .build()
        .map_err(|error| AppError::cluster("making a consumer", error))?;
    consumer
        .subscribe(instance.task_topics.topics())
        .map_err(|error| AppError::cluster("joining the group", error))?;
    Ok(consumer)
}

fn task_topics(topology: &Topology) -> TaskTopics {
    let topics = topology.sub_topologies().iter().map(|sub_topology| {
        sub_topology
            .inputs
            .iter()
            .map(|input| input.topic.to_string())
            .collect()
    });
    TaskTopics::new(topics.collect())
}

fn written_topics(topology: &Topology, table: &TopicTable) -> Vec<String> {
    let mut topics: Vec<String> = topology
        .outputs()
        .iter()
        .map(|output| output.topic.to_string())
        .filter(|topic| table.contains_key(topic))
        .collect();
    topics.sort();
    topics.dedup();
    topics
}

fn repartition_topics(plan: &Plan) -> std::collections::BTreeSet<String> {
    plan.internal
        .iter()
        .filter(|topic| topic.kind == InternalKind::Repartition)
        .map(|topic| topic.topic.clone())
        .collect()
}

/// A UUID from a seed: two steps of splitmix64, with the version and variant of a random one.
fn uuid(seed: u64) -> u128 {
    let high = mix(seed);
    let low = mix(high ^ seed.rotate_left(32));
    let random = u128::from(high) << 64 | u128::from(low);
    random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62
}

fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// A spawner that several clients use.
struct SharedSpawner(Arc<dyn Spawner>);

impl Spawner for SharedSpawner {
    fn spawn(&self, name: &'static str, future: thalweg_client::BoxFuture<'static, ()>) {
        self.0.spawn(name, future);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_differ_and_are_of_the_random_kind() {
        let (one, two) = (uuid(1), uuid(2));
        assert_ne!(one, two);
        assert_eq!(one >> 76 & 0xf, 4);
        assert_eq!(one >> 62 & 0x3, 2);
    }
}
