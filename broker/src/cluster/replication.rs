//! How replication is modelled: the high watermark trails the log end.
//!
//! Followers hold no logs of their own. What was appended is with its leader alone until a delay has
//! passed, and then with all replicas in sync: the high watermark says which is which. A leader that
//! dies takes with it what is above.

use std::time::Duration;

use thalweg_protocol::{BrokerId, PartitionId, StrBytes, Uuid};

use super::{Cluster, CoordinatorKind, Timer};

/// How long replication takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReplicationDelay {
    pub(crate) min: Duration,
    /// At least `min`. Each append draws from between the two.
    pub(crate) max: Duration,
}

impl ReplicationDelay {
    /// Between the two, in either order.
    pub(crate) fn new(one: Duration, other: Duration) -> Self {
        ReplicationDelay {
            min: one.min(other),
            max: one.max(other),
        }
    }

    pub(crate) fn draw(self, random: &mut fastrand::Rng) -> Duration {
        let spread = u64::try_from((self.max - self.min).as_micros()).unwrap_or(u64::MAX - 1);
        self.min + Duration::from_micros(random.u64(..=spread))
    }
}

/// A high watermark that is to rise.
#[derive(Debug)]
pub(crate) struct Replicated {
    topic_id: Uuid,
    partition: PartitionId,
    leader_epoch: i32,
    offset: i64,
}

impl Cluster {
    /// Something was appended to a partition: replicates it, now or later.
    pub(crate) fn appended(&mut self, topic: &StrBytes, index: PartitionId) {
        let delay = self.replication_delay;
        let Some(found) = self.topics.topic_mut(topic) else {
            return;
        };
        let topic_id = found.id;
        let Some(partition) = found.partition_mut(index) else {
            return;
        };
        let end = partition.log.end();
        if partition.in_sync.len() < 2 || delay.max.is_zero() {
            partition.log.raise_high_watermark(end);
            self.touch(topic, index);
            return;
        }
        let replicated = Replicated {
            topic_id,
            partition: index,
            leader_epoch: partition.leader_epoch,
            offset: end,
        };
        let delay = delay.draw(&mut self.random);
        self.set_timer(delay, Timer::Replicated(replicated));
    }

    /// The followers have what was appended.
    pub(super) fn replicated(&mut self, replicated: &Replicated) {
        let Some(topic) = self.topics.name_of(&replicated.topic_id).cloned() else {
            return;
        };
        let index = replicated.partition;
        let Some(partition) = self.topics.partition_mut(&topic, index) else {
            return;
        };
        // What was appended under another leader may be gone.
        if partition.leader_epoch == replicated.leader_epoch
            && partition.log.raise_high_watermark(replicated.offset)
        {
            self.touch(&topic, index);
        }
    }

    /// A broker died. What it led is led by others, without what they do not have; with `loss` it
    /// takes everything above the high watermark with it, else its followers have it all.
    pub(crate) fn node_died(&mut self, node: BrokerId, loss: bool) {
        if let Some(dead) = self.nodes.node_mut(node) {
            dead.alive = false;
        }
        let places = self.all_places();
        for (topic, index) in places {
            let now_ms = self.now.wall_ms;
            let Some(partition) = self.topics.partition_mut(&topic, index) else {
                continue;
            };
            if !partition.replicas.contains(&node) {
                continue;
            }
            // The last one in sync stays so, for it alone may lead again.
            if partition.in_sync.len() > 1 {
                partition.in_sync.retain(|id| *id != node);
            }
            if partition.leader == Some(node) {
                if loss && partition.replicas.len() > 1 {
                    let kept = partition.log.high_watermark();
                    partition.log.truncate(kept, now_ms);
                }
                partition.leader = None;
                partition.leader_epoch += 1;
            }
            self.elect(&topic, index);
        }
    }

    /// A broker is back. It is in sync at once, and leads what nobody else can.
    pub(crate) fn node_started(&mut self, node: BrokerId) {
        if let Some(back) = self.nodes.node_mut(node) {
            back.alive = true;
        }
        for (topic, index) in self.all_places() {
            let Some(partition) = self.topics.partition_mut(&topic, index) else {
                continue;
            };
            if partition.replicas.contains(&node) && !partition.in_sync.contains(&node) {
                partition.in_sync.push(node);
            }
            self.elect(&topic, index);
        }
    }

    /// Gives a partition a leader if it has none, and lets go of what waited for the old one.
    pub(crate) fn elect(&mut self, topic: &StrBytes, index: PartitionId) {
        let Some(partition) = self.topics.partition_mut(topic, index) else {
            return;
        };
        if partition.leader.is_none() {
            let eligible = partition.replicas.iter().copied();
            let mut eligible = eligible.filter(|id| partition.in_sync.contains(id));
            partition.leader = eligible.find(|id| self.nodes.is_alive(*id));
        }
        // A new leader's log is what all replicas in sync have.
        if partition.leader.is_some() {
            let end = partition.log.end();
            partition.log.raise_high_watermark(end);
            partition.log.lead(partition.leader_epoch);
        }
        self.touch(topic, index);
        if **topic == *CoordinatorKind::Group.topic() {
            crate::group::leader_elected(self, index);
        }
    }

    /// Lets another replica in sync lead. Whether it does now.
    pub(crate) fn move_leader(
        &mut self,
        topic: &StrBytes,
        index: PartitionId,
        to: BrokerId,
    ) -> bool {
        let alive = self.nodes.is_alive(to);
        let Some(partition) = self.topics.partition_mut(topic, index) else {
            return false;
        };
        if !alive || !partition.in_sync.contains(&to) {
            return false;
        }
        if partition.leader != Some(to) {
            partition.leader = Some(to);
            partition.leader_epoch += 1;
            self.elect(topic, index);
        }
        true
    }

    /// Every partition there is.
    pub(crate) fn all_places(&self) -> Vec<(StrBytes, PartitionId)> {
        let topics = self.topics.iter();
        let places = topics.flat_map(|(name, topic)| {
            let indexes = (0..).take(topic.partitions.len());
            indexes.map(|index| (name.clone(), PartitionId(index)))
        });
        places.collect()
    }
}
