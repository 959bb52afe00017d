//! Which instance has which partitions, for queries from one instance to another.

use std::collections::BTreeSet;

use thalweg_protocol::messages::{StreamsEndpointPartitions, StreamsTopicPartitions};
use thalweg_protocol::{PartitionId, StrBytes};

use super::StreamsGroup;
use super::member::Member;
use super::tasks::TaskSet;
use crate::topic::Topics;

impl StreamsGroup {
    /// The partitions of every member that has an endpoint.
    pub(super) fn endpoints(&self, topics: &Topics) -> Vec<StreamsEndpointPartitions> {
        let members = self.members.values();
        members
            .filter_map(|member| self.endpoint(member, topics))
            .collect()
    }

    fn endpoint(&self, member: &Member, topics: &Topics) -> Option<StreamsEndpointPartitions> {
        Some(StreamsEndpointPartitions {
            user_endpoint: member.user_endpoint.clone()?,
            active_partitions: self.inputs_of(&member.assigned.active_set(), topics),
            standby_partitions: self.inputs_of(&member.assigned.standby, topics),
            ..Default::default()
        })
    }

    /// The partitions that tasks read, for each subtopology by itself as in Kafka.
    fn inputs_of(&self, tasks: &TaskSet, topics: &Topics) -> Vec<StreamsTopicPartitions> {
        let parts = self
            .topology
            .as_ref()
            .map(|topology| &topology.subtopologies);
        let mut all = Vec::new();
        for (id, partitions) in tasks {
            let part = parts.and_then(|parts| parts.get(id));
            let inputs: BTreeSet<&StrBytes> = part.iter().flat_map(|part| part.inputs()).collect();
            for topic in inputs {
                let count = topics
                    .topic(topic)
                    .map_or(0, |topic| topic.partitions.len());
                let exists = |partition: &PartitionId| {
                    usize::try_from(partition.0).is_ok_and(|index| index < count)
                };
                let partitions: Vec<_> = partitions.iter().copied().filter(exists).collect();
                if !partitions.is_empty() {
                    all.push(StreamsTopicPartitions {
                        topic: topic.clone(),
                        partitions,
                        ..Default::default()
                    });
                }
            }
        }
        all
    }
}
