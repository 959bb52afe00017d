//! The cluster's whole state: brokers, topics, transactions, groups. No I/O, no clock, no async.
//!
//! ```text
//!  connection ──► api: decode ──► Cluster, under its lock ──► Reply ──► connection
//!                                   │   ▲
//!                          Timers ──┘   └── handle_timers, whenever one is due
//! ```
//! A request is handled in one go, at one moment ([`Cluster::now`]). What has to wait keeps its
//! [`Reply`] and sets a timer. All brokers share this one state: what makes them several is that
//! each leads some partitions only, and that any of them can be stopped.

mod caller;
mod coordinators;
mod features;
pub(crate) mod fetch_sessions;
pub(crate) mod new_topic;
mod nodes;
mod now;
mod placement;
mod replication;
mod reply;
mod timers;
mod upkeep;
mod waiting;

pub(crate) use caller::{Caller, Principal};
pub(crate) use coordinators::{
    CoordinatorKind, check_coordinator, coordinator_of, coordinator_partition,
    create_coordinator_topic,
};
pub(crate) use features::{Features, UpgradeType};
pub(crate) use nodes::{Node, Nodes};
pub(crate) use now::{Clock, Now};
pub(crate) use replication::ReplicationDelay;
pub(crate) use reply::{Outcome, Reply};
pub(crate) use timers::{TimerId, Timers};
pub(crate) use upkeep::{Memory, Upkeep};
pub(crate) use waiting::Wait;

use fetch_sessions::FetchSessions;
use replication::Replicated;
use waiting::{WaitId, Waiting};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thalweg_protocol::messages::NodeEndpoint;
use thalweg_protocol::{BrokerId, ErrorCode, StrBytes, Uuid};
use tokio::time::Instant;

use crate::acl::Acls;
use crate::group::{GroupTimer, Groups};
use crate::quota::Quotas;
use crate::release::Release;
use crate::security::Security;
use crate::settings::{Layers, Settings};
use crate::share::{ShareTimer, Shares};
use crate::store::Store;
use crate::topic::Topics;
use crate::transaction::{TransactionTimer, Transactions};

/// What went wrong, and what to say about it.
pub(crate) type Fault = (ErrorCode, String);

/// What a timer was set for.
#[derive(Debug)]
pub(crate) enum Timer {
    /// Something of a group.
    Group(GroupTimer),
    /// Something of a transaction.
    Transaction(TransactionTimer),
    /// A request waited as long as it may.
    Waited(WaitId),
    /// Followers have what was appended.
    Replicated(Replicated),
    /// Logs are to be looked after.
    Upkeep(Upkeep),
    /// Something of a share group's reading.
    Share(ShareTimer),
}

/// The state of all brokers.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) id: StrBytes,
    pub(crate) release: Release,
    pub(crate) settings: Settings,
    /// Where [`settings`](Self::settings) come from, and those of groups.
    pub(crate) layers: Layers,
    pub(crate) nodes: Nodes,
    pub(crate) topics: Topics,
    pub(crate) groups: Groups,
    pub(crate) transactions: Transactions,
    pub(crate) shares: Shares,
    pub(crate) features: Features,
    pub(crate) fetch_sessions: BTreeMap<BrokerId, FetchSessions>,
    pub(crate) waiting: Waiting,
    pub(crate) replication_delay: ReplicationDelay,
    /// How long a transaction's marker takes to a partition.
    pub(crate) marker_delay: ReplicationDelay,
    pub(crate) acls: Acls,
    pub(crate) security: Security,
    pub(crate) quotas: Quotas,
    /// What all logs may take.
    pub(crate) memory: Memory,
    /// Where everything is kept that has to outlive the process, if anywhere.
    pub(crate) store: Option<Store>,
    /// Nothing that was asked since may be answered.
    pub(crate) storage_failed: bool,
    pub(crate) timers: Timers<Timer>,
    pub(crate) random: fastrand::Rng,
    /// The moment of what is being handled.
    pub(crate) now: Now,
}

impl Cluster {
    /// A cluster without brokers and topics.
    pub(crate) fn new(release: Release, seed: u64, now: Now) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        Cluster {
            id: StrBytes::from(random_uuid(&mut random).to_string()),
            release,
            settings: Settings::of_broker(),
            layers: Layers::new(Settings::of_broker()),
            nodes: Nodes::default(),
            topics: Topics::default(),
            groups: Groups::default(),
            transactions: Transactions::default(),
            shares: Shares::default(),
            features: Features::of(release),
            fetch_sessions: BTreeMap::new(),
            waiting: Waiting::default(),
            replication_delay: ReplicationDelay::default(),
            marker_delay: ReplicationDelay::default(),
            acls: Acls::default(),
            security: Security::default(),
            quotas: Quotas::default(),
            memory: Memory::UNLIMITED,
            store: None,
            storage_failed: false,
            timers: Timers::new(),
            random,
            now,
        }
    }

    /// Sets a timer `after` now.
    pub(crate) fn set_timer(&mut self, after: Duration, timer: Timer) -> TimerId {
        self.timers.set(self.now.instant + after, timer)
    }

    /// Does all that is due at `now`, in the order of time. Whether anything was.
    pub(crate) fn handle_timers(&mut self, now: Now) -> bool {
        let mut any = false;
        while let Some(timer) = self.timers.poll(now.instant) {
            any = true;
            self.now = now;
            match timer {
                Timer::Group(timer) => crate::group::handle_timer(self, timer),
                Timer::Transaction(timer) => crate::transaction::handle_timer(self, timer),
                Timer::Waited(id) => self.waited_long_enough(id),
                Timer::Replicated(replicated) => self.replicated(&replicated),
                Timer::Upkeep(what) => self.look_after(what),
                Timer::Share(timer) => crate::share::handle_timer(self, timer),
            }
            self.settle();
        }
        self.now = now;
        any
    }

    /// When [`handle_timers`](Self::handle_timers) is wanted next.
    pub(crate) fn next_timer_at(&self) -> Option<Instant> {
        self.timers.next_at()
    }

    /// An id that nothing has had, as the seed decides.
    pub(crate) fn new_uuid(&mut self) -> Uuid {
        random_uuid(&mut self.random)
    }

    /// Where brokers listen, each once.
    pub(crate) fn endpoints(&self, brokers: impl Iterator<Item = BrokerId>) -> Vec<NodeEndpoint> {
        let distinct: BTreeSet<BrokerId> = brokers.filter(|id| id.0 >= 0).collect();
        let endpoint = |node_id: BrokerId| {
            let node = self.nodes.node(node_id)?;
            Some(NodeEndpoint {
                node_id,
                host: node.host.clone(),
                port: i32::from(node.port),
                rack: node.rack.clone(),
                ..Default::default()
            })
        };
        distinct.into_iter().filter_map(endpoint).collect()
    }
}

/// A random id of version 4. Kafka's text form must not begin with a dash, which command lines
/// would take for an option.
fn random_uuid(random: &mut fastrand::Rng) -> Uuid {
    loop {
        let mut bytes = random.u128(..).to_be_bytes();
        let [.., sixth, _, eighth, _, _, _, _, _, _, _] = &mut bytes;
        *sixth = *sixth & 0x0f | 0x40;
        *eighth = *eighth & 0x3f | 0x80;
        let uuid = Uuid(bytes);
        if !uuid.to_string().starts_with('-') {
            return uuid;
        }
    }
}
