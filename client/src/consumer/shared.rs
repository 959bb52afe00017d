//! What a consumer and its background tasks have in common.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thalweg_protocol::BrokerId;
use tokio::sync::Notify;

use super::commit::CommitQueue;
use super::core::{Core, Delivery};
use super::error::ConsumeError;
use super::event::{RebalanceEvent, Revocation};
use super::start::StartAt;
use crate::cluster::Cluster;
use crate::error::CallError;
use crate::group::{Change, GroupHandle, GroupSink};
use crate::isolation_level::IsolationLevel;
use crate::topic_partition::TopicPartition;

/// The wall clock, in milliseconds since 1970.
pub(super) type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;

pub(super) struct Shared {
    pub(super) cluster: Cluster,
    pub(super) isolation: IsolationLevel,
    pub(super) rack_id: Arc<str>,
    pub(super) wall_clock: WallClock,
    pub(super) group: Option<Group>,
    core: Mutex<Core>,
    /// Tells the application that there is something to deliver.
    deliverable: Notify,
    /// Tells the pilot to look again.
    pilot_work: Notify,
    /// Tells fetchers to look again.
    fetch_work: Arc<Notify>,
    /// The brokers that a fetcher is at work for.
    fetchers: Mutex<BTreeSet<BrokerId>>,
    closed: AtomicBool,
}

/// The group a consumer commits for, and may be a member of.
pub(super) struct Group {
    pub(super) handle: Arc<GroupHandle>,
    /// Where newly assigned partitions begin; `None` leaves that to the application.
    pub(super) start_assigned: Option<StartAt>,
    pub(super) commits: CommitQueue,
}

impl Shared {
    pub(super) fn new(
        cluster: Cluster,
        core: Core,
        fetch_work: Arc<Notify>,
        isolation: IsolationLevel,
        rack_id: Arc<str>,
        wall_clock: WallClock,
        group: Option<Group>,
    ) -> Self {
        Shared {
            cluster,
            isolation,
            rack_id,
            wall_clock,
            group,
            core: Mutex::new(core),
            deliverable: Notify::new(),
            pilot_work: Notify::new(),
            fetch_work,
            fetchers: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// The state. Never held across an await, nor while decoding records.
    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There may be something to deliver.
    pub(super) fn wake_application(&self) {
        self.deliverable.notify_one();
    }

    /// There may be something to ask or fetch.
    pub(super) fn wake_workers(&self) {
        self.pilot_work.notify_waiters();
        self.fetch_work.notify_waiters();
    }

    /// There may be something to fetch.
    pub(super) fn wake_fetchers(&self) {
        self.fetch_work.notify_waiters();
    }

    /// There may be something to ask.
    pub(super) fn wake_pilot(&self) {
        self.pilot_work.notify_waiters();
    }

    pub(super) fn pilot_work(&self) -> &Notify {
        &self.pilot_work
    }

    pub(super) fn fetch_work(&self) -> &Notify {
        &self.fetch_work
    }

    pub(super) fn fetchers(&self) -> MutexGuard<'_, BTreeSet<BrokerId>> {
        self.fetchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next thing for the application, if there is one.
    pub(super) fn poll_delivery(&self) -> Option<Delivery> {
        let mut core = self.core();
        let delivery = core.poll_delivery()?;
        let possible = core.take_made_possible();
        drop(core);
        if possible.asking {
            self.wake_pilot();
        }
        if possible.fetching {
            self.wake_fetchers();
        }
        Some(delivery)
    }

    pub(super) async fn delivery(&self) -> Delivery {
        loop {
            // One application waits at a time, so a permit left by an earlier wake costs one more
            // look and loses nothing.
            if let Some(delivery) = self.poll_delivery() {
                return delivery;
            }
            if self.is_closed() {
                return Delivery::Error(ConsumeError::Closed);
            }
            self.deliverable.notified().await;
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends the background tasks.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        // Dropped with the lock released: a revocation among them is released by that.
        let notices = self.core().take_notices();
        drop(notices);
        self.wake_workers();
        self.wake_application();
    }

    fn rebalance(&self, change: impl FnOnce(&mut Core) -> Delivery) {
        let mut core = self.core();
        // In one step, so that no record comes between a change and the word of it.
        let notice = change(&mut core);
        let nobody_is_there = self.is_closed();
        if !nobody_is_there {
            core.notify(notice);
            drop(core);
        } else {
            // The group must not wait for an application that is gone.
            drop(core);
            drop(notice);
        }
        self.wake_application();
        self.wake_workers();
    }
}

impl GroupSink for Shared {
    fn apply(&self, change: Change) {
        let Some(group) = &self.group else { return };
        match change {
            Change::Assigned(added) => {
                let topics = added.iter().map(|partition| &*partition.topic);
                self.cluster.track_topics(topics);
                self.rebalance(|core| {
                    core.add(
                        added
                            .iter()
                            .map(|added| (added.clone(), group.start_assigned)),
                    );
                    Delivery::Rebalance(RebalanceEvent::Assigned(added.into_iter().collect()))
                });
            }
            Change::Revoked {
                revocation,
                partitions,
            } => self.rebalance(|core| {
                core.begin_leaving(&partitions);
                Delivery::Rebalance(RebalanceEvent::Revoked(Revocation {
                    partitions: partitions.into_iter().collect(),
                    number: revocation,
                    group: Arc::clone(&group.handle),
                }))
            }),
            Change::Lost(lost) => self.rebalance(|core| {
                core.remove(&lost);
                Delivery::Rebalance(RebalanceEvent::Lost(lost.into_iter().collect()))
            }),
            Change::Failed(error) => {
                self.rebalance(|_| Delivery::Error(ConsumeError::Group(error)));
            }
        }
    }

    fn released(&self, partitions: &BTreeSet<TopicPartition>) {
        self.core().remove(partitions);
        self.wake_workers();
    }

    fn missing(&self, topic: &Arc<str>, error: CallError) {
        let topic = Arc::clone(topic);
        self.rebalance(|_| Delivery::Error(ConsumeError::Subscription { topic, error }));
    }
}

/// Closes a consumer when a task it cannot do without ends, however that comes: its runtime is gone,
/// or user code in it panicked. Whoever waits for records would wait for ever.
pub(super) struct ClosesAtEnd(pub(super) Arc<Shared>);

impl Drop for ClosesAtEnd {
    fn drop(&mut self) {
        self.0.close();
    }
}
