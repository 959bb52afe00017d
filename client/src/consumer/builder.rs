//! How a consumer is to behave.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::budget::Budget;
use super::commit::CommitQueue;
use super::core::{Core, CoreSettings};
use super::shared::{ClosesAtEnd, Group, Shared, WallClock};
use super::start::{OffsetReset, StartAt};
use super::{Consumer, commit, pilot};
use crate::cluster::Cluster;
use crate::config::ConfigError;
use crate::group::{
    Assignor, ClassicMembership, ClassicSettings, CooperativeStickyAssignor, DriverSettings,
    GroupHandle, GroupMetadata, GroupSink, Membership, RangeAssignor, drive,
};
use crate::isolation_level::IsolationLevel;

/// The longest fetch wait that is of use: beyond it a request looks like one that got lost.
const FETCH_WAIT_MAX: Duration = Duration::from_secs(60);

/// Sets up a [`Consumer`]. Names and defaults are Kafka's, unless said otherwise.
#[must_use]
pub struct ConsumerBuilder {
    cluster: Cluster,
    group_id: Option<Arc<str>>,
    group_instance_id: Option<Arc<str>>,
    member_id: Arc<str>,
    assignors: Vec<Box<dyn Assignor>>,
    session_timeout: Duration,
    rebalance_timeout: Duration,
    heartbeat_interval: Duration,
    max_poll_interval: Option<Duration>,
    isolation_level: IsolationLevel,
    auto_offset_reset: OffsetReset,
    out_of_range_reset: Option<OffsetReset>,
    start_assigned: Option<StartAt>,
    fetch_max_bytes: usize,
    max_partition_fetch_bytes: usize,
    fetch_max_wait: Duration,
    prefetch_bytes: usize,
    client_rack: Arc<str>,
    wall_clock: WallClock,
}

impl ConsumerBuilder {
    pub(super) fn new(cluster: &Cluster) -> Self {
        ConsumerBuilder {
            cluster: cluster.scoped(),
            group_id: None,
            group_instance_id: None,
            member_id: Arc::default(),
            assignors: Vec::new(),
            session_timeout: Duration::from_secs(45),
            rebalance_timeout: Duration::from_secs(5 * 60),
            heartbeat_interval: Duration::from_secs(3),
            max_poll_interval: Some(Duration::from_secs(5 * 60)),
            isolation_level: IsolationLevel::default(),
            auto_offset_reset: OffsetReset::default(),
            out_of_range_reset: None,
            start_assigned: Some(StartAt::Committed),
            fetch_max_bytes: 1 << 20,
            max_partition_fetch_bytes: 1 << 20,
            fetch_max_wait: Duration::from_millis(500),
            prefetch_bytes: 16 << 20,
            client_rack: Arc::default(),
            wall_clock: Arc::new(system_time_ms),
        }
    }

    /// The group to be a member of, or to commit offsets for (`group.id`). Default: none; then
    /// partitions are assigned by hand and nothing can be committed.
    pub fn group_id(mut self, group_id: impl Into<Arc<str>>) -> Self {
        self.group_id = Some(group_id.into());
        self
    }

    /// A name of this member that stays the same across restarts (`group.instance.id`, KIP-345).
    /// Such a static member keeps its partitions while it is away for less than the session
    /// time-out, and does not leave the group when it is closed. Needs Kafka 2.3.
    pub fn group_instance_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.group_instance_id = Some(id.into());
        self
    }

    /// The member id to join with first: one that an earlier life of this member was given, and that
    /// may still be known. Default: none. An id that is not known any more does no harm.
    pub fn member_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.member_id = id.into();
        self
    }

    /// Adds an assignor; the group uses the first one that all its members have
    /// (`partition.assignment.strategy`). Default: [`RangeAssignor`], then
    /// [`CooperativeStickyAssignor`], as in Java.
    ///
    /// The member rebalances cooperatively if all its assignors can, else eagerly.
    pub fn assignor(mut self, assignor: impl Assignor + 'static) -> Self {
        self.assignors.push(Box::new(assignor));
        self
    }

    /// How long the group waits for a sign of life (`session.timeout.ms`). Default 45 s. Heartbeats
    /// are sent by a background task, however busy the application is.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// How long the group waits for this member in a rebalance: for the application to release what
    /// is revoked, and for the member to join. Default 5 minutes. (In Java this is
    /// `max.poll.interval.ms` too.)
    pub fn rebalance_timeout(mut self, timeout: Duration) -> Self {
        self.rebalance_timeout = timeout;
        self
    }

    /// How often to send a heartbeat (`heartbeat.interval.ms`). Default 3 s. It is also how soon
    /// members hear of a rebalance.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.heartbeat_interval = interval;
        self
    }

    /// How long the application may stay away from [`Consumer::recv`] before the member leaves the
    /// group (`max.poll.interval.ms`); `None` for ever. Default 5 minutes.
    ///
    /// It is the guard against an application that hangs while its heartbeats go on. The member
    /// joins again when the application comes back.
    pub fn max_poll_interval(mut self, interval: Option<Duration>) -> Self {
        self.max_poll_interval = interval;
        self
    }

    /// Which records of transactions to read (`isolation.level`). Default
    /// [`IsolationLevel::ReadUncommitted`].
    pub fn isolation_level(mut self, level: IsolationLevel) -> Self {
        self.isolation_level = level;
        self
    }

    /// Where to begin without a committed offset, and where to go on from an offset that does not
    /// exist (`auto.offset.reset`). Default [`OffsetReset::Latest`].
    pub fn auto_offset_reset(mut self, reset: OffsetReset) -> Self {
        self.auto_offset_reset = reset;
        self
    }

    /// Where to go on from an offset that does not exist, where records that were read got lost, or
    /// where the topic was created anew. Default: as
    /// [`auto_offset_reset`](Self::auto_offset_reset).
    pub fn out_of_range_reset(mut self, reset: OffsetReset) -> Self {
        self.out_of_range_reset = Some(reset);
        self
    }

    /// Leaves partitions that the group assigns without a position, until [`Consumer::seek`] says
    /// where to begin. Default: they begin at the group's committed offset.
    pub fn start_assigned_by_seek(mut self) -> Self {
        self.start_assigned = None;
        self
    }

    /// The most a broker sends in one answer, in bytes (`fetch.max.bytes`). Default 1 MiB, unlike
    /// Java's 50: smaller answers stay in the processor's cache. A single batch that is larger is
    /// sent all the same.
    pub fn fetch_max_bytes(mut self, bytes: usize) -> Self {
        self.fetch_max_bytes = bytes;
        self
    }

    /// The most a broker sends of one partition in one answer, in bytes
    /// (`max.partition.fetch.bytes`). Default 1 MiB. With many partitions it is less, so that their
    /// shares of [`prefetch_bytes`](Self::prefetch_bytes) are kept.
    pub fn max_partition_fetch_bytes(mut self, bytes: usize) -> Self {
        self.max_partition_fetch_bytes = bytes;
        self
    }

    /// How long a broker holds a fetch back when there is nothing to send (`fetch.max.wait.ms`).
    /// Default 500 ms. What is written meanwhile is sent at once.
    pub fn fetch_max_wait(mut self, wait: Duration) -> Self {
        self.fetch_max_wait = wait;
        self
    }

    /// How many bytes all partitions together may hold: on their way, waiting, and with the
    /// application in [`FetchedRecords`](super::FetchedRecords). Default 16 MiB.
    ///
    /// It is exceeded by at most one batch per partition: a partition of which nothing waits is
    /// always fetched, so that neighbours nobody reads do not starve it.
    pub fn prefetch_bytes(mut self, bytes: usize) -> Self {
        self.prefetch_bytes = bytes;
        self
    }

    /// The rack this consumer runs in (`client.rack`): brokers that are set up for it let it fetch
    /// from the nearest replica (KIP-392), and assignors keep it near its partitions (KIP-881).
    /// Default: not told.
    pub fn client_rack(mut self, rack: impl Into<Arc<str>>) -> Self {
        self.client_rack = rack.into();
        self
    }

    /// The wall clock, in milliseconds since 1970, that [`OffsetReset::ByDuration`] counts back
    /// from. Default: the system's.
    pub fn wall_clock(mut self, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.wall_clock = Arc::new(clock);
        self
    }

    /// Starts the consumer. It reads nothing before [`Consumer::assign`] or
    /// [`Consumer::subscribe`].
    ///
    /// # Errors
    /// A setting that cannot work.
    pub fn build(mut self) -> Result<Consumer, ConfigError> {
        self.check()?;
        let fetch_work = Arc::new(Notify::new());
        let budget = Budget::new(self.prefetch_bytes, Arc::clone(&fetch_work));
        let core = Core::new(
            CoreSettings {
                group_id: self.group_id.clone(),
                isolation: self.isolation_level,
                offset_reset: self.auto_offset_reset,
                out_of_range_reset: self.out_of_range_reset.unwrap_or(self.auto_offset_reset),
                fetch_bytes_max: self.fetch_max_bytes,
                partition_bytes_max: self.max_partition_fetch_bytes,
                fetch_max_wait: self.fetch_max_wait,
                near_replica_max_age: self.cluster.config().metadata_max_age,
                unknown_topic_timeout: self.cluster.config().unknown_topic_timeout,
            },
            budget,
        );
        let member = self.member();
        let group = member.as_ref().map(|(_, handle)| Group {
            handle: Arc::clone(handle),
            start_assigned: self.start_assigned,
            commits: CommitQueue::default(),
        });
        let driver = self.group_id.clone().map(|group_id| DriverSettings {
            group_id,
            rebalance_timeout: self.rebalance_timeout,
            unknown_topic_timeout: self.cluster.config().unknown_topic_timeout,
        });
        let shared = Arc::new(Shared::new(
            self.cluster,
            core,
            fetch_work,
            self.isolation_level,
            self.client_rack,
            self.wall_clock,
            group,
        ));
        let cluster = &shared.cluster;
        cluster.spawn(
            "thalweg consumer",
            Box::pin(pilot::run(Arc::clone(&shared))),
        );
        if let (Some((membership, handle)), Some(settings)) = (member, driver) {
            cluster.spawn(
                "thalweg offset commits",
                Box::pin(commit::run(Arc::clone(&shared))),
            );
            let sink: Arc<dyn GroupSink> = Arc::<Shared>::clone(&shared);
            let driver = drive(membership, cluster.scoped(), settings, handle, sink);
            let guard = ClosesAtEnd(Arc::clone(&shared));
            let member = async move {
                let _guard = guard;
                driver.await;
            };
            cluster.spawn("thalweg group member", Box::pin(member));
        }
        Ok(Consumer::new(shared))
    }

    fn member(&mut self) -> Option<(Box<dyn Membership>, Arc<GroupHandle>)> {
        let group_id = self.group_id.clone()?;
        let mut assignors = std::mem::take(&mut self.assignors);
        if assignors.is_empty() {
            assignors.push(Box::new(RangeAssignor::new()));
            assignors.push(Box::new(CooperativeStickyAssignor::new()));
        }
        let config = self.cluster.config();
        let settings = ClassicSettings {
            group_id: Arc::clone(&group_id),
            group_instance_id: self.group_instance_id.clone(),
            member_id: Arc::clone(&self.member_id),
            rack_id: Some(Arc::clone(&self.client_rack)).filter(|rack| !rack.is_empty()),
            session_timeout: self.session_timeout,
            rebalance_timeout: self.rebalance_timeout,
            heartbeat_interval: self.heartbeat_interval,
            max_poll_interval: self.max_poll_interval,
            retry_backoff: config.retry_backoff,
            retry_backoff_max: config.retry_backoff_max,
        };
        let rng = self.cluster.fork_rng("group member");
        let mut metadata = GroupMetadata::outside(group_id);
        metadata.group_instance_id = self.group_instance_id.clone();
        let handle = Arc::new(GroupHandle::new(metadata, Arc::clone(&self.member_id)));
        Some((
            Box::new(ClassicMembership::new(settings, assignors, rng)),
            handle,
        ))
    }

    fn check(&self) -> Result<(), ConfigError> {
        let invalid = |setting, value: String, expected| ConfigError::Invalid {
            setting,
            value,
            expected,
        };
        for (setting, bytes) in [
            ("fetch_max_bytes", self.fetch_max_bytes),
            ("max_partition_fetch_bytes", self.max_partition_fetch_bytes),
            ("prefetch_bytes", self.prefetch_bytes),
        ] {
            if bytes == 0 || i32::try_from(bytes).is_err() {
                return Err(invalid(setting, bytes.to_string(), "1 to 2147483647 bytes"));
            }
        }
        if self.fetch_max_bytes >= self.cluster.config().frame_bytes_max {
            let value = self.fetch_max_bytes.to_string();
            return Err(invalid(
                "fetch_max_bytes",
                value,
                "less than frame_bytes_max",
            ));
        }
        if self.fetch_max_wait.is_zero() || self.fetch_max_wait > FETCH_WAIT_MAX {
            let value = format!("{:?}", self.fetch_max_wait);
            return Err(invalid(
                "fetch_max_wait",
                value,
                "more than zero, at most a minute",
            ));
        }
        if self.heartbeat_interval.is_zero() || self.heartbeat_interval >= self.session_timeout {
            let value = format!("{:?}", self.heartbeat_interval);
            return Err(invalid(
                "heartbeat_interval",
                value,
                "less than session_timeout",
            ));
        }
        if self
            .group_id
            .as_ref()
            .is_some_and(|group_id| group_id.is_empty())
        {
            return Err(invalid("group_id", "''".into(), "a name"));
        }
        if self.group_id.is_none() && self.group_instance_id.is_some() {
            let value = self.group_instance_id.as_deref().unwrap_or_default().into();
            return Err(invalid("group_instance_id", value, "a group_id beside it"));
        }
        Ok(())
    }
}

impl fmt::Debug for ConsumerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerBuilder")
            .field("group_id", &self.group_id)
            .finish_non_exhaustive()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the default of a seam that simulations replace"
)]
fn system_time_ms() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_1970.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
