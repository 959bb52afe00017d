//! A worker: a future that owns some tasks, one consumer and one producer.
//!
//! ```text
//!   consumer ──records──► process ──► Outputs ──seal──► Settler (background): one transaction
//!      │ rebalances          ▲                             │
//!      ▼                     │ slots                       ▼ settlements
//!   rebalance ──► Restorer ──┘                        CommitCycle ──► what to do next
//! ```
//!
//! The loop does what [`CommitCycle::poll_work`] says, then waits for the next event. Between two
//! turns it processes at most one fetched record set of one partition, so that rebalances,
//! settlements and orders are seen soon. Nothing here is `Send`, and nothing is locked per batch.

mod corrupt;
mod ends;
mod generation;
mod meters;
mod processing;
mod purged;
mod rebalance;
mod refusals;
mod report;
mod stalls;
mod widened;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use thalweg_client::{
    ConsumeError, Consumer, CrashPoint, Event, FetchedRecords, GroupMetadata, RecordDecoder,
    Revocation, TopicPartition, watch,
};
use tokio::time::Instant;

use super::board::Order;
use super::cycle::{CommitCycle, CycleFailure, CycleSettings, WorkStep};
use super::error::AppError;
use super::idle::IdleWatch;
use super::instance::Instance;
use super::restore::{Restored, Restorer};
use super::settler::{Sealed, Settlement, Settler, WorkerProducer};
use super::slot::Slot;
use super::status::{Health, WorkerMetrics};
use crate::assignor::TaskId;
use crate::task::{OutputLimits, OutputTopicPartitions, Outputs};
use ends::EndMarks;
pub(crate) use ends::Ends;
use meters::Meters;
use refusals::Refusals;
use stalls::StallSight;

/// How often a worker looks at the time: idle inputs, processing time, reports.
const TICK: Duration = Duration::from_millis(100);
/// Fetched record sets taken while none are to be processed.
const HELD_MAX: usize = 8;
/// How long a worker that fails waits for the transaction under way.
const LAST_SETTLEMENT: Duration = Duration::from_secs(5);
/// How long leaving the group may take.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// See the module.
pub(crate) struct Worker {
    index: u32,
    instance: Arc<Instance>,
    consumer: Consumer,
    settler: Settler,
    restorer: Restorer,
    cycle: CommitCycle,
    slots: BTreeMap<TaskId, Slot>,
    /// Which task reads a partition, and as which of its slots.
    routes: hashbrown::HashMap<TopicPartition, (TaskId, usize), foldhash::fast::FixedState>,
    idle: BTreeMap<TopicPartition, IdleWatch>,
    outputs: Outputs,
    decoder: RecordDecoder,
    orders: watch::Receiver<Order>,
    ends: EndMarks,
    /// Partitions whose next records may begin anywhere, as their source says.
    relocated: BTreeSet<TopicPartition>,
    /// Partitions whose next records are gone, and since when that is known.
    purged: BTreeMap<TopicPartition, Instant>,
    /// Partitions that were read up to their ends.
    finished: BTreeSet<TopicPartition>,
    /// What was sealed and is to be handed to the settler.
    sealed: Option<Sealed>,
    sealed_at: Instant,
    /// Records that came while none were to be processed, in their order.
    held: VecDeque<FetchedRecords>,
    /// Who this worker is in its group, as of the last assignment it has seen. Never newer: a
    /// membership that is newer than what the worker owns would commit what it does not own.
    group: GroupMetadata,
    next_tick: Instant,
    /// Restores and records take turns.
    restore_first: bool,
    /// What the group asked for, to be let go of once it is settled.
    revocations: Vec<Revocation>,
    /// The group has told what this worker owns.
    joined: bool,
    stalled: Option<String>,
    stall: StallSight,
    meters: Meters,
    refusals: Refusals,
    metrics: WorkerMetrics,
}

enum Happened {
    Order,
    Settled(Option<Settlement>),
    Restored(Result<Restored, AppError>),
    Received(Result<Event, ConsumeError>),
    Time,
}

impl Worker {
    /// A worker that has not joined yet.
    pub(crate) fn new(
        index: u32,
        instance: Arc<Instance>,
        consumer: Consumer,
        producer: WorkerProducer,
    ) -> Self {
        let settings = &instance.settings;
        let cycle = CommitCycle::new(CycleSettings {
            exactly_once: settings.exactly_once(),
            commit_interval: settings.commit_interval,
            open_bytes_max: settings.commit_bytes_max,
            open_records_max: settings.commit_records_max,
            transaction_timeout: settings.transaction_timeout,
            transactional_id: instance.folder.transactional_id(index),
        });
        let spawner = Arc::clone(&instance.spawner);
        let settler = Settler::start(producer, instance.calls.clone(), &*spawner);
        let restorer = Restorer::new(
            instance.cluster.clone(),
            instance.calls.clone(),
            spawner,
            settings.transaction_timeout + Duration::from_secs(20),
        );
        let topics = instance
            .topology
            .outputs()
            .iter()
            .map(|output| OutputTopicPartitions {
                topic: Arc::clone(&output.topic),
                partitions: instance
                    .topics
                    .get(&*output.topic)
                    .map_or(0, |facts| facts.partitions),
            })
            .collect();
        let now = instance.settings.clock.monotonic();
        let mut outputs = Outputs::new(topics, OutputLimits::default());
        for (topic, limits) in &instance.limits {
            outputs.limit(topic, limits);
        }
        Self {
            index,
            consumer,
            settler,
            restorer,
            cycle,
            slots: BTreeMap::new(),
            routes: hashbrown::HashMap::default(),
            idle: BTreeMap::new(),
            outputs,
            decoder: RecordDecoder::new(),
            orders: instance.board.orders(),
            ends: EndMarks::new(instance.ends.clone()),
            relocated: BTreeSet::new(),
            purged: BTreeMap::new(),
            finished: BTreeSet::new(),
            sealed: None,
            sealed_at: now,
            held: VecDeque::new(),
            group: GroupMetadata::outside(instance.topology.application_id()),
            next_tick: now,
            restore_first: false,
            revocations: Vec::new(),
            joined: false,
            stalled: None,
            stall: StallSight::default(),
            meters: Meters::new(instance.topology.application_id(), index),
            refusals: Refusals::default(),
            metrics: WorkerMetrics::default(),
            instance,
        }
    }

    /// Works until told to stop, or until it cannot go on. Leaves the group at its end.
    pub(crate) async fn run(mut self) -> Result<(), AppError> {
        let result = self.work().point().await;
        match &result {
            Ok(()) => self.instance.board.set_health(self.index, Health::Stopped),
            Err(error) => {
                tracing::error!(worker = self.index, "{error}");
                self.settle_last().point().await;
                let reason = error.to_string();
                self.instance
                    .board
                    .set_health(self.index, Health::Failed { reason });
            }
        }
        self.report();
        self.consumer.close(CLOSE_DEADLINE).point().await;
        if let Err(error) = self.instance.folder.forget_member(self.index) {
            // The next start asks the group to forget a member it does not know: no harm.
            tracing::debug!(worker = self.index, "{error}");
        }
        result
    }

    async fn work(&mut self) -> Result<(), AppError> {
        loop {
            let now = self.instance.settings.clock.monotonic();
            self.cycle.handle_tick(now);
            self.instance.board.beat(self.index, now, None);
            if now >= self.next_tick {
                self.tick(now)?;
            }
            self.poll_settle(now)?;
            let reading = match self.cycle.poll_work(now) {
                WorkStep::Settled => {
                    self.settled(now);
                    continue;
                }
                WorkStep::Undo { retake } => {
                    self.undo(retake)?;
                    continue;
                }
                WorkStep::Seal => {
                    self.seal(now)?;
                    continue;
                }
                WorkStep::GiveUp(tasks) => {
                    self.give_up(&tasks);
                    continue;
                }
                WorkStep::Leave => return Ok(()),
                WorkStep::Fail(failure) => return Err(failed(failure)),
                WorkStep::Process => true,
                WorkStep::Wait(_) => false,
            };
            if reading && let Some(fetched) = self.held.pop_front() {
                self.process(now, &fetched)?;
                continue;
            }
            match self.next_event(now).point().await {
                Happened::Time => {}
                Happened::Order => match *self.orders.borrow_and_update() {
                    Order::Run => {}
                    Order::Stop => {
                        self.instance.board.set_health(self.index, Health::Stopping);
                        self.restorer.give_up_all();
                        self.cycle.handle_stop();
                    }
                    Order::Drop => return Ok(()),
                },
                Happened::Settled(settlement) => self.handle_settlement(settlement)?,
                Happened::Restored(restored) => match restored? {
                    Restored::Done(slot) => self.take(*slot)?,
                    Restored::Outdated(task) => self.take_over(&BTreeSet::from([task]))?,
                    Restored::Progress => {}
                },
                Happened::Received(received) => self.handle_received(now, received, reading)?,
            }
        }
    }

    async fn next_event(&mut self, now: Instant) -> Happened {
        let wake = self
            .cycle
            .wake(now)
            .map_or(self.next_tick, |wake| wake.min(self.next_tick));
        let restoring = self.restorer.is_active();
        // More is taken even while none is to be processed, since rebalances come the same way.
        let receiving = self.held.len() < HELD_MAX;
        self.restore_first = !self.restore_first;
        let restore_first = restoring && self.restore_first;
        if restore_first {
            tokio::select! {
                biased;
                _ = self.orders.changed().point() => Happened::Order,
                settled = self.settler.settlement().point(), if self.settler.is_busy() => {
                    Happened::Settled(settled)
                }
                restored = self.restorer.next().point() => Happened::Restored(restored),
                received = self.consumer.next_event().point(), if receiving => Happened::Received(received),
                () = tokio::time::sleep_until(wake).point() => Happened::Time,
            }
        } else {
            tokio::select! {
                biased;
                _ = self.orders.changed().point() => Happened::Order,
                settled = self.settler.settlement().point(), if self.settler.is_busy() => {
                    Happened::Settled(settled)
                }
                received = self.consumer.next_event().point(), if receiving => Happened::Received(received),
                restored = self.restorer.next().point(), if restoring => Happened::Restored(restored),
                () = tokio::time::sleep_until(wake).point() => Happened::Time,
            }
        }
    }

    fn handle_received(
        &mut self,
        now: Instant,
        received: Result<Event, ConsumeError>,
        reading: bool,
    ) -> Result<(), AppError> {
        match received {
            Ok(Event::Records(fetched)) if reading => self.process(now, &fetched),
            Ok(Event::Records(fetched)) => {
                self.held.push_back(fetched);
                Ok(())
            }
            Ok(Event::Assigned(partitions)) => self.handle_assigned(&partitions),
            Ok(Event::Revoked(revocation)) => self.handle_revoked(revocation),
            Ok(Event::Lost(partitions)) => {
                self.handle_lost(&partitions);
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => self.handle_consume_error(now, error),
        }
    }

    /// Before it ends by an error: lets the transaction under way end, so that it holds nobody up.
    async fn settle_last(&mut self) {
        if self.settler.is_busy() {
            let _ = tokio::time::timeout(LAST_SETTLEMENT, self.settler.settlement())
                .point()
                .await;
        }
    }
}

fn failed(failure: CycleFailure) -> AppError {
    AppError::Transaction(failure.to_string())
}
