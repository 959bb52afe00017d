//! Reading topics: from partitions chosen by hand, or as a member of a group.
//!
//! ```text
//!   Consumer (application)
//!      │ recv, seek, pause                       builder, event, fetched, start, error, commit
//!      ▼
//!   Shared { Core, notices }                     shared
//!      ▲          ▲            ▲
//!   pilot      fetcher      group driver         one task; one per broker; one
//!   where to   lanes and    who owns what
//!   begin      sessions
//!      │          │
//!   lookup     fetch_session                     requests about offsets; KIP-227
//!
//!   core/      partitions, deliveries, what to ask and fetch: no I/O
//!   aborted    what read_committed must not see
//!   budget     how many bytes may wait
//! ```

mod aborted;
mod budget;
mod builder;
mod commit;
mod core;
mod error;
mod event;
mod fetch_session;
mod fetched;
mod fetcher;
mod lookup;
mod pilot;
mod shared;
mod start;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::Offset;
use tokio::time::Instant;

use self::core::Delivery;
use self::event::RebalanceEvent;
use self::shared::Shared;
use crate::admin::Admin;
use crate::cluster::Cluster;
use crate::error::CallError;
use crate::group::{ApplicationWaits, GroupMetadata};
use crate::offset_and_metadata::OffsetAndMetadata;
use crate::topic_partition::TopicPartition;

pub use self::builder::ConsumerBuilder;
pub use self::commit::OffsetCommitError;
pub use self::core::PartitionProgress;
pub use self::error::{ConsumeError, CorruptBatch, NotAssigned};
pub use self::event::{Event, Revocation};
pub use self::fetched::{Batches, FetchedBatch, FetchedRecords, RecordDecoder};
pub use self::start::{OffsetReset, StartAt};

/// After how many bytes that were there already `recv` lets other tasks run.
const YIELD_BYTES: usize = 256 << 10;
/// What each delivery counts at least, in bytes.
const YIELD_BYTES_MIN: usize = 4 << 10;

/// Reads records of topics.
///
/// Records are fetched in the background, from all brokers at once, and handed out as
/// [`FetchedRecords`]: whole batches of one partition, in order, not copied. Partitions come
/// in turn. How much waits is bounded by `prefetch_bytes`.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use thalweg_client::{ClientConfig, Cluster, Consumer, OffsetReset, RecordDecoder};
///
/// let cluster = Cluster::connect(ClientConfig::new("localhost:9092")).await?;
/// let mut consumer = Consumer::builder(&cluster)
///     .group_id("readers")
///     .auto_offset_reset(OffsetReset::Earliest)
///     .build()?;
/// consumer.subscribe(["events"])?;
/// let mut decoder = RecordDecoder::new();
/// loop {
///     let fetched = consumer.recv().await?;
///     for batch in fetched.batches() {
///         for record in batch.decode(&mut decoder)? {
///             println!("{} {:?}", record.offset, record.value);
///         }
///     }
///     consumer.commit_fetched(&fetched).await?;
/// }
/// # }
/// ```
///
/// Dropping a consumer ends its tasks without waiting for anything; a member of a group then leaves
/// it in the background. [`close`](Self::close) waits for that.
pub struct Consumer {
    shared: Arc<Shared>,
    /// How much was delivered without waiting since the last pause.
    undisturbed_bytes: usize,
    subscribed: bool,
}

/// Partitions cannot be both assigned by hand and subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// A subscription needs a group.
    #[error("to subscribe, a consumer needs a group_id; without one, assign partitions")]
    NoGroup,
    /// Partitions were assigned by hand.
    #[error("partitions are assigned by hand; unassign them before subscribing")]
    Assigned,
    /// The group assigns the partitions.
    #[error("the group assigns the partitions; unsubscribe before assigning some by hand")]
    Subscribed,
}

impl Consumer {
    /// Sets up a consumer of a cluster.
    pub fn builder(cluster: &Cluster) -> ConsumerBuilder {
        ConsumerBuilder::new(cluster)
    }

    fn new(shared: Arc<Shared>) -> Self {
        Consumer {
            shared,
            undisturbed_bytes: 0,
            subscribed: false,
        }
    }

    /// The next records. Rebalances are dealt with by themselves: partitions to be given up are
    /// released at once.
    ///
    /// Who has to settle something before partitions are given up calls
    /// [`next_event`](Self::next_event) instead.
    ///
    /// # Errors
    /// See [`ConsumeError`]. After an error about a partition the others go on with the next call.
    ///
    /// # Cancel-safety
    /// Dropping the future loses no records.
    pub async fn recv(&mut self) -> Result<FetchedRecords, ConsumeError> {
        loop {
            match self.next_event().await? {
                Event::Records(records) => return Ok(records),
                Event::Revoked(revocation) => revocation.release(),
                Event::Assigned(_) | Event::Lost(_) => {}
            }
        }
    }

    /// The next records, or what becomes of this member's partitions.
    ///
    /// # Errors
    /// See [`ConsumeError`]. After an error about a partition the others go on with the next call.
    ///
    /// # Cancel-safety
    /// Dropping the future loses no records and no event.
    pub async fn next_event(&mut self) -> Result<Event, ConsumeError> {
        if self.undisturbed_bytes >= YIELD_BYTES {
            // An application that always finds something would otherwise keep the tasks that fetch
            // from running, on a runtime of one thread.
            self.undisturbed_bytes = 0;
            tokio::task::yield_now().await;
        }
        if let Some(event) = self.try_next_event() {
            return event;
        }
        self.undisturbed_bytes = 0;
        let _waits: Option<ApplicationWaits> = self
            .shared
            .group
            .as_ref()
            .map(|group| group.handle.application_waits());
        event(self.shared.delivery().await)
    }

    /// What [`next_event`](Self::next_event) would give without waiting; `None` if it would wait.
    ///
    /// Who calls this in a loop must let other tasks run now and then: fetching is one of them.
    pub fn try_next_event(&mut self) -> Option<Result<Event, ConsumeError>> {
        if let Some(group) = &self.shared.group {
            group.handle.application_passes(Instant::now());
        }
        let delivery = self.shared.poll_delivery()?;
        if let Delivery::Records(records) = &delivery {
            self.undisturbed_bytes += records.charged_bytes().max(YIELD_BYTES_MIN);
        }
        Some(event(delivery))
    }

    /// Joins the group to read topics; their partitions are shared out among all members. Replaces
    /// an earlier subscription.
    ///
    /// # Errors
    /// There is no group, or partitions are assigned by hand. That a topic does not exist is told by
    /// [`recv`](Self::recv).
    pub fn subscribe<T: Into<Arc<str>>>(
        &mut self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<(), SubscribeError> {
        let Some(group) = &self.shared.group else {
            return Err(SubscribeError::NoGroup);
        };
        if !self.subscribed && self.shared.core().assignment().next().is_some() {
            return Err(SubscribeError::Assigned);
        }
        let mut topics: Vec<Arc<str>> = topics.into_iter().map(Into::into).collect();
        topics.sort_unstable();
        topics.dedup();
        self.subscribed = !topics.is_empty();
        group.handle.subscribe(topics);
        Ok(())
    }

    /// Gives all partitions up and leaves the group.
    ///
    /// They are revoked first, as in any rebalance: the events of [`next_event`](Self::next_event)
    /// tell.
    pub fn unsubscribe(&mut self) {
        self.subscribed = false;
        if let Some(group) = &self.shared.group {
            group.handle.subscribe(Vec::new());
        }
    }

    /// Reads exactly these partitions from now on. Those that were assigned before and still are go
    /// on where they are.
    ///
    /// # Errors
    /// The group assigns the partitions. That a topic or partition does not exist is told by
    /// [`recv`](Self::recv).
    pub fn assign(
        &mut self,
        partitions: impl IntoIterator<Item = (TopicPartition, StartAt)>,
    ) -> Result<(), SubscribeError> {
        if self.subscribed {
            return Err(SubscribeError::Subscribed);
        }
        let wanted: BTreeMap<TopicPartition, StartAt> = partitions.into_iter().collect();
        self.shared
            .cluster
            .track_topics(wanted.keys().map(|partition| &*partition.topic));
        let mut core = self.shared.core();
        let gone: Vec<TopicPartition> = core
            .assignment()
            .filter(|assigned| !wanted.contains_key(assigned))
            .cloned()
            .collect();
        core.remove(&gone);
        core.add(
            wanted
                .into_iter()
                .map(|(partition, start)| (partition, Some(start))),
        );
        drop(core);
        self.shared.wake_workers();
        Ok(())
    }

    /// The partitions this consumer reads, in order; those that are revoked and not released yet
    /// included.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.shared.core().assignment().cloned().collect()
    }

    /// Goes on reading a partition elsewhere. What waits of it is forgotten; nothing fetched before
    /// is delivered any more. It also starts a partition again that an error had stopped.
    ///
    /// # Errors
    /// The partition is not assigned to this consumer.
    pub fn seek(&mut self, partition: &TopicPartition, start: StartAt) -> Result<(), NotAssigned> {
        let sought = self.shared.core().seek(partition, start);
        self.shared.wake_workers();
        sought
    }

    /// Holds back the records of a partition until [`resume`](Self::resume). What waits already is
    /// kept, and no more is fetched.
    ///
    /// # Errors
    /// The partition is not assigned to this consumer.
    pub fn pause(&mut self, partition: &TopicPartition) -> Result<(), NotAssigned> {
        self.shared.core().set_paused(partition, true)
    }

    /// Ends a [`pause`](Self::pause).
    ///
    /// # Errors
    /// The partition is not assigned to this consumer.
    pub fn resume(&mut self, partition: &TopicPartition) -> Result<(), NotAssigned> {
        let resumed = self.shared.core().set_paused(partition, false);
        self.shared.wake_workers();
        resumed
    }

    /// The offset of the next record of a partition that will be received; `None` while it is being
    /// looked up, or if the partition is not assigned.
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        self.progress(partition)?.position
    }

    /// What is known about an assigned partition right now: position, high watermark and more.
    /// Costs a lock, no request.
    pub fn progress(&self, partition: &TopicPartition) -> Option<PartitionProgress> {
        self.shared.core().progress(partition)
    }

    /// How many bytes of `prefetch_bytes` are in use: waiting, with the application, or set aside
    /// for answers under way.
    pub fn prefetched_bytes(&self) -> usize {
        self.shared.core().charged_bytes()
    }

    /// The offsets the group has committed for partitions, assigned or not; one without any is not
    /// in the answer.
    ///
    /// With `require_stable`, partitions with offsets in open transactions are waited for (KIP-447),
    /// for up to `default_api_timeout`. Needs Kafka 2.5.
    ///
    /// # Errors
    /// There is no group, no answer in time, or the group may not be read.
    ///
    /// # Cancel-safety
    /// Nothing is changed by asking.
    pub async fn committed(
        &self,
        partitions: &[TopicPartition],
        require_stable: bool,
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>, CallError> {
        let Some(group) = &self.shared.group else {
            return Ok(BTreeMap::new());
        };
        let group_id = group.handle.metadata().group_id;
        Admin::new(&self.shared.cluster)
            .committed_offsets(&group_id, partitions, require_stable)
            .await
    }

    /// Commits offsets for the group: for each partition that of the next record to be processed.
    ///
    /// While the group is between two generations, it waits for the next one.
    ///
    /// # Errors
    /// See [`OffsetCommitError`].
    ///
    /// # Cancel-safety
    /// Once polled, the offsets are committed even if the future is dropped, and before those of any
    /// later call.
    pub async fn commit(
        &self,
        offsets: impl IntoIterator<Item = (TopicPartition, OffsetAndMetadata)>,
    ) -> Result<(), OffsetCommitError> {
        let Some(group) = &self.shared.group else {
            return Err(OffsetCommitError::NoGroup);
        };
        let offsets: commit::Offsets = offsets.into_iter().collect();
        let assignments = self.shared.core().assignment_numbers(offsets.keys());
        group.commits.commit(offsets, assignments).await
    }

    /// Commits that all records up to the end of `fetched` are processed.
    ///
    /// # Errors
    /// See [`OffsetCommitError`].
    ///
    /// # Cancel-safety
    /// As [`commit`](Self::commit).
    pub async fn commit_fetched(&self, fetched: &FetchedRecords) -> Result<(), OffsetCommitError> {
        let offset = OffsetAndMetadata {
            leader_epoch: Some(fetched.leader_epoch()).filter(|epoch| *epoch >= 0),
            ..OffsetAndMetadata::new(fetched.next_offset())
        };
        self.commit([(fetched.topic_partition().clone(), offset)])
            .await
    }

    /// Who this member is, for a transactional producer that commits its offsets (KIP-447); `None`
    /// without a group.
    ///
    /// The generation is the last one in which the member got an assignment, also when it has been
    /// thrown out since: then the coordinator refuses the offsets, as it should.
    pub fn group_metadata(&self) -> Option<GroupMetadata> {
        self.shared
            .group
            .as_ref()
            .map(|group| group.handle.metadata())
    }

    /// The id the group coordinator knows this member by right now; `None` before it has one. A
    /// restart can use it to have its dead predecessor leave, see
    /// [`Admin::remove_members`](crate::Admin::remove_members).
    pub fn member_id(&self) -> Option<Arc<str>> {
        let group = self.shared.group.as_ref()?;
        Some(group.handle.member_id()).filter(|id| !id.is_empty())
    }

    /// Makes the commits that wait, leaves the group, and ends. Waits at most for `deadline`; what is
    /// not done by then goes on in the background.
    ///
    /// # Cancel-safety
    /// Dropping the future is like dropping the consumer.
    pub async fn close(self, deadline: Duration) {
        if let Some(group) = self.shared.group.as_ref() {
            let handle = Arc::clone(&group.handle);
            let closing = async {
                group.commits.settled().await;
                handle.close(true);
                handle.ended().await;
            };
            let _ = tokio::time::timeout(deadline, closing).await;
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(group) = &self.shared.group {
            // Makes the commits that wait, and then has the member leave.
            commit::wake(&group.commits);
        }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field(
                "group",
                &self.group_metadata().map(|metadata| metadata.group_id),
            )
            .field("assignment", &self.assignment().len())
            .finish_non_exhaustive()
    }
}

fn event(delivery: Delivery) -> Result<Event, ConsumeError> {
    match delivery {
        Delivery::Records(records) => Ok(Event::Records(records)),
        Delivery::Rebalance(event) => Ok(RebalanceEvent::into(event)),
        Delivery::Error(error) => Err(error),
    }
}
