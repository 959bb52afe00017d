//! Changes to which topics and replicas there are.

use thalweg_protocol::{BrokerId, PartitionId, StrBytes};

use super::Cluster;

impl Cluster {
    /// Ends a topic, and lets go of what waited for it.
    pub(crate) fn delete_topic(&mut self, name: &StrBytes) {
        let Some(topic) = self.topics.remove(name) else {
            return;
        };
        crate::group::topic_deleted(self, name);
        self.forget_shared_topic(topic.id);
        for index in (0..).map(PartitionId).take(topic.partitions.len()) {
            self.touch(name, index);
        }
    }

    /// Makes a broker the leader of a partition it has a replica of, in sync or not.
    pub(crate) fn lead_by(&mut self, topic: &StrBytes, index: PartitionId, leader: BrokerId) {
        let Some(partition) = self.topics.partition_mut(topic, index) else {
            return;
        };
        if !partition.in_sync.contains(&leader) {
            partition.in_sync = vec![leader];
        }
        self.move_leader(topic, index, leader);
    }

    /// Gives a partition other replicas, at once. Its leader stays where it can.
    pub(crate) fn replicate_by(
        &mut self,
        topic: &StrBytes,
        index: PartitionId,
        replicas: Vec<BrokerId>,
    ) {
        let alive = |id: &BrokerId| self.nodes.is_alive(*id);
        let in_sync: Vec<BrokerId> = replicas.iter().copied().filter(alive).collect();
        let Some(partition) = self.topics.partition_mut(topic, index) else {
            return;
        };
        let leader = partition.leader.filter(|leader| in_sync.contains(leader));
        partition.replicas = replicas;
        partition.in_sync = in_sync;
        partition.leader = leader;
        partition.leader_epoch += 1;
        self.elect(topic, index);
    }
}
