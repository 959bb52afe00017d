//! The consumer without sockets, tasks or a clock: partitions, what waits, what to do next.
//!
//! Everything that happens to a consumer is a call of a method here, with the time as an argument;
//! the async shell around it holds the lock, carries requests and answers, and waits. Work is per
//! batch and per answer, never per record.
//!
//! ```text
//!  assign, seek, pause ──►┌───────────┐◄── handle_fetch, handle_answer, handle_failure
//!                         │   Core    │
//!   poll_delivery ◄───────└───────────┘──► poll_questions, poll_fetch
//! ```

mod answers;
mod fetching;
mod partition;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::{Offset, Uuid};

use super::budget::Budget;
use super::error::{ConsumeError, NotAssigned};
use super::event::RebalanceEvent;
use super::fetched::FetchedRecords;
use super::start::{OffsetReset, StartAt};
use crate::isolation_level::IsolationLevel;
use crate::topic_partition::TopicPartition;

pub(super) use answers::{Answer, Asked};
pub(super) use fetching::{FetchPlan, LANES, Lanes, MemberOfFetch};
pub(super) use partition::Question;
use partition::{Parcel, Partition, Stage};

/// How a consumer fetches.
#[derive(Debug, Clone)]
pub(super) struct CoreSettings {
    pub(super) group_id: Option<Arc<str>>,
    pub(super) isolation: IsolationLevel,
    /// Without a committed offset.
    pub(super) offset_reset: OffsetReset,
    /// With a position that does not exist.
    pub(super) out_of_range_reset: OffsetReset,
    pub(super) fetch_bytes_max: usize,
    pub(super) partition_bytes_max: usize,
    pub(super) fetch_max_wait: Duration,
    pub(super) near_replica_max_age: Duration,
    pub(super) unknown_topic_timeout: Duration,
}

/// Names an assigned partition for as long as its version is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) key: usize,
    pub(super) version: u64,
}

/// What the application gets next.
#[derive(Debug)]
pub(super) enum Delivery {
    Records(FetchedRecords),
    Rebalance(RebalanceEvent),
    Error(ConsumeError),
}

/// What is known about an assigned partition at one moment.
///
/// Fetch answers without records bring it up to date too: with all three of `position`,
/// `high_watermark` and `last_stable_offset` equal there is nothing left to read, and nothing open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionProgress {
    /// The offset of the next record the application gets; `None` while it is being looked up.
    pub position: Option<Offset>,
    /// The leader epoch of the record before `position`; −1 if not known. To be committed with it.
    pub leader_epoch: i32,
    /// The end of what is replicated; `None` before the first answer.
    pub high_watermark: Option<Offset>,
    /// Where the first open transaction begins, else the high watermark; `None` before the first
    /// answer, or from old brokers.
    pub last_stable_offset: Option<Offset>,
    /// The first offset of the partition; `None` before the first answer.
    pub log_start_offset: Option<Offset>,
    /// How many bytes of it wait to be received.
    pub waiting_bytes: usize,
    /// Whether the application paused it.
    pub paused: bool,
}

pub(super) struct Core {
    settings: CoreSettings,
    budget: Arc<Budget>,
    keys: BTreeMap<TopicPartition, usize>,
    /// Invariant: `keys` holds exactly the indices of those that are some.
    partitions: Vec<Option<Partition>>,
    vacant: Vec<usize>,
    /// Partitions with something to deliver, the one that waits longest first.
    /// Invariant: a partition stands here once if it is `queued`.
    ready: VecDeque<usize>,
    /// What comes before all records: rebalances and errors that concern no partition.
    notices: VecDeque<Delivery>,
    last_version: u64,
    /// What deliveries since it was last asked for make possible.
    made_possible: MadePossible,
}

/// What can go on now that something has been delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MadePossible {
    /// A question that what waited came before.
    pub(super) asking: bool,
    /// A fetch of a partition of which nothing waits any more.
    pub(super) fetching: bool,
}

impl Core {
    pub(super) fn new(settings: CoreSettings, budget: Arc<Budget>) -> Self {
        Core {
            settings,
            budget,
            keys: BTreeMap::new(),
            partitions: Vec::new(),
            vacant: Vec::new(),
            ready: VecDeque::new(),
            notices: VecDeque::new(),
            last_version: 0,
            made_possible: MadePossible::default(),
        }
    }

    /// Adds partitions; those that are there already stay as they are. `start` of `None` leaves them
    /// without a position until a seek.
    pub(super) fn add(
        &mut self,
        partitions: impl IntoIterator<Item = (TopicPartition, Option<StartAt>)>,
    ) {
        for (name, start) in partitions {
            if self.keys.contains_key(&name) {
                continue;
            }
            let key = self.vacant.pop().unwrap_or(self.partitions.len());
            self.keys.insert(name.clone(), key);
            let mut partition = Partition::new(name);
            partition.version = self.next_version();
            partition.assignment = partition.version;
            if let Some(start) = start {
                partition.start(start);
            }
            match self.partitions.get_mut(key) {
                Some(slot) => *slot = Some(partition),
                None => self.partitions.push(Some(partition)),
            }
        }
    }

    /// Removes partitions with everything that waits of them.
    pub(super) fn remove<'p>(&mut self, partitions: impl IntoIterator<Item = &'p TopicPartition>) {
        for name in partitions {
            if let Some(key) = self.keys.remove(name) {
                if let Some(slot) = self.partitions.get_mut(key) {
                    *slot = None;
                }
                self.ready.retain(|&ready| ready != key);
                self.vacant.push(key);
            }
        }
    }

    /// Marks partitions as about to be given up: nothing more of them is fetched or delivered, their
    /// positions stay readable.
    pub(super) fn begin_leaving<'p>(
        &mut self,
        partitions: impl IntoIterator<Item = &'p TopicPartition>,
    ) {
        for name in partitions {
            let version = self.next_version();
            if let Some(partition) = self.partition_mut(name) {
                partition.leaving = true;
                partition.reset(version);
            }
        }
    }

    /// Puts a notice in front of all records.
    pub(super) fn notify(&mut self, notice: Delivery) {
        self.notices.push_back(notice);
    }

    /// All assigned partitions, in order.
    pub(super) fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.keys.keys()
    }

    pub(super) fn seek(
        &mut self,
        name: &TopicPartition,
        start: StartAt,
    ) -> Result<(), NotAssigned> {
        let version = self.next_version();
        let Some(partition) = self.partition_mut(name) else {
            return Err(NotAssigned {
                topic_partition: name.clone(),
            });
        };
        partition.reset(version);
        // A seek is how an application takes note of a topic created anew.
        partition.topic_id = Uuid::ZERO;
        partition.position = None;
        partition.position_epoch = -1;
        partition.start(start);
        Ok(())
    }

    pub(super) fn set_paused(
        &mut self,
        name: &TopicPartition,
        paused: bool,
    ) -> Result<(), NotAssigned> {
        let key = self.keys.get(name).copied();
        let Some(partition) = self.partition_mut(name) else {
            return Err(NotAssigned {
                topic_partition: name.clone(),
            });
        };
        partition.paused = paused;
        if let Some(key) = key {
            self.queue(key);
        }
        Ok(())
    }

    pub(super) fn progress(&self, name: &TopicPartition) -> Option<PartitionProgress> {
        let partition = self.partition(*self.keys.get(name)?)?;
        Some(PartitionProgress {
            position: partition.position,
            leader_epoch: partition.position_epoch,
            high_watermark: partition.high_watermark,
            last_stable_offset: partition.last_stable_offset,
            log_start_offset: partition.log_start_offset,
            waiting_bytes: partition.waiting_bytes,
            paused: partition.paused,
        })
    }

    pub(super) fn charged_bytes(&self) -> usize {
        self.budget.charged()
    }

    /// The next thing for the application. Records of partitions come in turn.
    pub(super) fn poll_delivery(&mut self) -> Option<Delivery> {
        if let Some(notice) = self.notices.pop_front() {
            return Some(notice);
        }
        while let Some(key) = self.ready.pop_front() {
            let Some(partition) = self.partitions.get_mut(key).and_then(Option::as_mut) else {
                continue;
            };
            partition.queued = false;
            if !partition.may_deliver() {
                continue;
            }
            let Some(parcel) = partition.parcels.pop_front() else {
                continue;
            };
            let delivery = match parcel {
                Parcel::Records(records) => {
                    partition.waiting_bytes = partition
                        .waiting_bytes
                        .saturating_sub(records.charged_bytes());
                    partition.position = Some(records.next_offset());
                    if records.leader_epoch >= 0 {
                        partition.position_epoch = records.leader_epoch;
                    }
                    Delivery::Records(records)
                }
                Parcel::Fault(error) => Delivery::Error(error),
            };
            if partition.parcels.is_empty() {
                self.made_possible.asking |= matches!(partition.stage, Stage::Asking { .. });
                self.made_possible.fetching |= partition.may_fetch();
            }
            self.queue(key);
            return Some(delivery);
        }
        None
    }

    /// What deliveries have made possible since the last call.
    pub(super) fn take_made_possible(&mut self) -> MadePossible {
        std::mem::take(&mut self.made_possible)
    }

    /// Takes all notices, so that nobody waits for what an application does about them.
    pub(super) fn take_notices(&mut self) -> VecDeque<Delivery> {
        std::mem::take(&mut self.notices)
    }

    /// A number that a partition has for as long as it stays assigned; `None` if it is not.
    pub(super) fn assignment_number(&self, name: &TopicPartition) -> Option<u64> {
        Some(self.partition(*self.keys.get(name)?)?.assignment)
    }

    /// The [assignment numbers](Self::assignment_number) of several, in their order.
    pub(super) fn assignment_numbers<'p>(
        &self,
        names: impl Iterator<Item = &'p TopicPartition>,
    ) -> Vec<Option<u64>> {
        names.map(|name| self.assignment_number(name)).collect()
    }

    /// Lets a partition take part in delivery, if it has something to deliver.
    fn queue(&mut self, key: usize) {
        let Some(partition) = self.partitions.get_mut(key).and_then(Option::as_mut) else {
            return;
        };
        if partition.may_deliver() && !partition.queued {
            partition.queued = true;
            self.ready.push_back(key);
        }
    }

    fn next_version(&mut self) -> u64 {
        self.last_version += 1;
        self.last_version
    }

    fn partition(&self, key: usize) -> Option<&Partition> {
        self.partitions.get(key).and_then(Option::as_ref)
    }

    fn partition_mut(&mut self, name: &TopicPartition) -> Option<&mut Partition> {
        let key = *self.keys.get(name)?;
        self.partitions.get_mut(key).and_then(Option::as_mut)
    }

    /// The partition of a ticket, unless it has moved on since.
    fn current(&mut self, ticket: Ticket) -> Option<&mut Partition> {
        self.partitions
            .get_mut(ticket.key)
            .and_then(Option::as_mut)
            .filter(|partition| partition.version == ticket.version)
    }

    fn all(&self) -> impl Iterator<Item = (usize, &Partition)> {
        // In the order of names, so that requests do not depend on the order of assignment.
        self.keys
            .values()
            .filter_map(|&key| Some((key, self.partition(key)?)))
    }
}
