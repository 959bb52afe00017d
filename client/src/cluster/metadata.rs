//! What is known about the cluster: brokers, topics, partitions and their leaders.
//!
//! A snapshot never changes; a newer one replaces it. Merging an answer into it is pure, so all the
//! rules about which answer to believe are here and tested without a network.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;
use thalweg_protocol::messages::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use thalweg_protocol::{BrokerId, ErrorCode, PartitionId, Uuid};

use crate::config::HostPort;
use crate::error::CallError;
use crate::topic_partition::TopicPartition;

/// What is known about a cluster at one moment.
#[derive(Debug, Clone, Default)]
pub struct MetadataSnapshot {
    cluster_id: Option<Arc<str>>,
    controller: Option<BrokerId>,
    brokers: BTreeMap<BrokerId, Broker>,
    topics: BTreeMap<Arc<str>, Arc<TopicMetadata>>,
    names_by_id: HashMap<Uuid, Arc<str>, foldhash::fast::FixedState>,
    /// Why the brokers say nothing about a topic that was asked for.
    refusals: BTreeMap<Arc<str>, ErrorCode>,
}

/// A broker of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    id: BrokerId,
    address: HostPort,
    rack: Option<Arc<str>>,
}

/// A topic and its partitions.
#[derive(Clone, PartialEq, Eq)]
pub struct TopicMetadata {
    name: Arc<str>,
    id: Uuid,
    internal: bool,
    /// Invariant: entry number `n` is partition `n`.
    partitions: Vec<PartitionMetadata>,
}

/// A partition: who leads it, and where its copies are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// The partition's number.
    pub partition: PartitionId,
    /// The broker that leads it; `None` while there is none.
    pub leader: Option<BrokerId>,
    /// Rises with every change of leader; −1 if the broker is too old to tell.
    pub leader_epoch: i32,
    /// The brokers that hold a copy.
    pub replicas: Vec<BrokerId>,
    /// Those of them whose copy is complete.
    pub in_sync_replicas: Vec<BrokerId>,
    /// Those of them that are down.
    pub offline_replicas: Vec<BrokerId>,
}

/// Who leads a partition, and since which election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leader {
    /// The broker.
    pub broker: BrokerId,
    /// Rises with every change of leader; −1 if the broker is too old to tell.
    pub leader_epoch: i32,
}

impl MetadataSnapshot {
    /// The cluster's id, if the brokers are new enough to have one.
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    /// The controller, or the broker that passes on requests to it.
    pub fn controller(&self) -> Option<BrokerId> {
        self.controller
    }

    /// The brokers that are up, by id.
    pub fn brokers(&self) -> impl ExactSizeIterator<Item = &Broker> {
        self.brokers.values()
    }

    /// One broker; `None` if it is down or does not exist.
    pub fn broker(&self, id: BrokerId) -> Option<&Broker> {
        self.brokers.get(&id)
    }

    /// The topics that were asked for and exist, by name.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &Arc<TopicMetadata>> {
        self.topics.values()
    }

    /// A topic; `None` if it was never asked for, or does not exist.
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicMetadata>> {
        self.topics.get(name)
    }

    /// The topic with an id; `None` as for [`topic`](Self::topic).
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<TopicMetadata>> {
        self.names_by_id
            .get(&id)
            .and_then(|name| self.topics.get(name))
    }

    /// Who leads a partition.
    ///
    /// # Errors
    /// The topic or partition is not known here, or has no leader at the moment.
    pub fn leader(&self, topic: &str, partition: PartitionId) -> Result<Leader, CallError> {
        let no_leader = |topic: &Arc<str>| CallError::NoLeader {
            topic_partition: TopicPartition::new(Arc::clone(topic), partition),
        };
        let Some(known) = self.topics.get(topic) else {
            return Err(no_leader(&topic.into()));
        };
        let Some(metadata) = known.partition(partition) else {
            return Err(CallError::UnknownPartition {
                topic: Arc::clone(&known.name),
                partition,
                partitions: known.partitions.len(),
            });
        };
        let broker = metadata.leader.ok_or_else(|| no_leader(&known.name))?;
        Ok(Leader {
            broker,
            leader_epoch: metadata.leader_epoch,
        })
    }

    /// Why nothing is known about a topic that was asked for.
    pub(crate) fn refusal(&self, topic: &str) -> Option<ErrorCode> {
        self.refusals.get(topic).copied()
    }

    /// Where a broker listens.
    pub(super) fn address(&self, broker: BrokerId) -> Option<&HostPort> {
        self.brokers.get(&broker).map(|broker| &broker.address)
    }

    /// This snapshot with one more broker, learnt from the answer about a coordinator.
    pub(super) fn with_broker(&self, id: BrokerId, address: HostPort) -> MetadataSnapshot {
        let mut next = self.clone();
        next.brokers.entry(id).or_insert(Broker {
            id,
            address,
            rack: None,
        });
        next
    }

    /// This snapshot with a newer leader of one partition, learnt from the answer to a fetch or
    /// produce (KIP-951). `None` if it is not newer.
    pub(super) fn with_leader(
        &self,
        topic: &str,
        partition: PartitionId,
        leader: Leader,
    ) -> Option<MetadataSnapshot> {
        let known = self.topics.get(topic)?;
        let current = known.partition(partition)?;
        if leader.leader_epoch <= current.leader_epoch {
            return None;
        }
        let mut changed = TopicMetadata::clone(known);
        let slot = usize::try_from(partition.0)
            .ok()
            .and_then(|n| changed.partitions.get_mut(n))?;
        slot.leader = Some(leader.broker);
        slot.leader_epoch = leader.leader_epoch;
        let mut next = self.clone();
        next.topics
            .insert(Arc::clone(&known.name), Arc::new(changed));
        Some(next)
    }

    /// This snapshot without a topic that was deleted. `None` if it is not in there.
    pub(super) fn without_topic(&self, name: &str) -> Option<MetadataSnapshot> {
        let gone = self.topics.get(name)?.id;
        let mut next = self.clone();
        next.topics.remove(name);
        next.names_by_id.remove(&gone);
        Some(next)
    }

    /// This snapshot brought up to date by an answer about some topics.
    ///
    /// Topics that were not asked about stay as they are. The answer of a broker that lags behind
    /// never replaces a leader by an older one: its leader epoch tells.
    pub(super) fn merge(&self, response: &MetadataResponse) -> MetadataSnapshot {
        let cluster_id = response.cluster_id.as_deref().map(Arc::from);
        // Another cluster behind the same addresses: nothing known so far holds there.
        let same_cluster = self.cluster_id.is_none() || self.cluster_id == cluster_id;
        let mut next = if same_cluster {
            self.clone()
        } else {
            MetadataSnapshot::default()
        };
        next.cluster_id = cluster_id;
        next.controller = Some(response.controller_id).filter(|id| id.0 >= 0);
        next.brokers = response
            .brokers
            .iter()
            .filter_map(Broker::from_response)
            .collect();
        for topic in &response.topics {
            next.merge_topic(topic);
        }
        next.names_by_id = next
            .topics
            .values()
            .filter(|topic| !topic.id.is_zero())
            .map(|topic| (topic.id, Arc::clone(&topic.name)))
            .collect();
        next
    }

    fn merge_topic(&mut self, topic: &MetadataResponseTopic) {
        let Some(name) = topic.name.as_deref() else {
            return;
        };
        let known = self.topics.get(name);
        let name = known.map_or_else(|| Arc::from(name), |known| Arc::clone(&known.name));
        let code = topic.error_code;
        if code == ErrorCode::LEADER_NOT_AVAILABLE && known.is_some() {
            // The topic exists, its partitions are being set up or moved.
            return;
        }
        if code != ErrorCode::NONE {
            self.topics.remove(&name);
            self.refusals.insert(name, code);
            return;
        }
        self.refusals.remove(&name);
        let merged = TopicMetadata::from_response(&name, topic, known.map(AsRef::as_ref));
        match known {
            // Who compares topics by their pointer sees no change where there is none.
            Some(known) if **known == merged => {}
            _ => {
                self.topics.insert(name, Arc::new(merged));
            }
        }
    }
}

impl Broker {
    fn from_response(broker: &MetadataResponseBroker) -> Option<(BrokerId, Broker)> {
        let port = u16::try_from(broker.port).ok()?;
        let address = HostPort {
            host: Arc::from(&*broker.host),
            port,
        };
        let rack = broker.rack.as_deref().map(Arc::from);
        Some((
            broker.node_id,
            Broker {
                id: broker.node_id,
                address,
                rack,
            },
        ))
    }

    /// The broker's id.
    pub fn id(&self) -> BrokerId {
        self.id
    }

    /// The host it advertises to clients.
    pub fn host(&self) -> &str {
        &self.address.host
    }

    /// The port it advertises to clients.
    pub fn port(&self) -> u16 {
        self.address.port
    }

    /// The rack or zone it stands in, if it says so.
    pub fn rack(&self) -> Option<&str> {
        self.rack.as_deref()
    }
}

impl TopicMetadata {
    /// The topic's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The topic's id, which differs from that of a deleted topic of the same name;
    /// [`Uuid::ZERO`] if the brokers are older than Kafka 2.8.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Whether the topic is Kafka's own, such as `__consumer_offsets`.
    pub fn is_internal(&self) -> bool {
        self.internal
    }

    /// All partitions, in order, from 0.
    pub fn partitions(&self) -> &[PartitionMetadata] {
        &self.partitions
    }

    /// One partition.
    pub fn partition(&self, partition: PartitionId) -> Option<&PartitionMetadata> {
        usize::try_from(partition.0)
            .ok()
            .and_then(|index| self.partitions.get(index))
    }

    pub(crate) fn from_response(
        name: &Arc<str>,
        topic: &MetadataResponseTopic,
        known: Option<&TopicMetadata>,
    ) -> TopicMetadata {
        let id = topic.topic_id;
        // The same name with another id is another topic: its leader epochs start anew.
        let known = known.filter(|known| known.id == id || known.id.is_zero() || id.is_zero());
        let mut answered: Vec<&MetadataResponsePartition> = topic.partitions.iter().collect();
        answered.sort_by_key(|partition| partition.partition_index);
        answered.dedup_by_key(|partition| partition.partition_index);
        let partitions = answered
            .into_iter()
            .zip(0..)
            // Partitions are numbered without gaps; what a broker says beyond one is not usable.
            .take_while(|(partition, number)| partition.partition_index.0 == *number)
            .map(|(partition, _)| {
                let before = known.and_then(|known| known.partition(partition.partition_index));
                PartitionMetadata::from_response(partition, before)
            })
            .collect();
        TopicMetadata {
            name: Arc::clone(name),
            id,
            internal: topic.is_internal,
            partitions,
        }
    }
}

impl fmt::Debug for TopicMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicMetadata")
            .field("name", &self.name)
            .field("id", &self.id)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

impl PartitionMetadata {
    fn from_response(
        partition: &MetadataResponsePartition,
        known: Option<&PartitionMetadata>,
    ) -> PartitionMetadata {
        let outdated = known.filter(|known| {
            partition.leader_epoch >= 0 && partition.leader_epoch < known.leader_epoch
        });
        let (leader, leader_epoch) = match outdated {
            Some(known) => (known.leader, known.leader_epoch),
            None => (
                Some(partition.leader_id).filter(|id| id.0 >= 0),
                partition.leader_epoch,
            ),
        };
        PartitionMetadata {
            partition: partition.partition_index,
            leader,
            leader_epoch,
            replicas: partition.replica_nodes.clone(),
            in_sync_replicas: partition.isr_nodes.clone(),
            offline_replicas: partition.offline_replicas.clone(),
        }
    }
}
