//! A partition of a topic, by name: the key of nearly everything a client keeps.

use std::fmt;
use std::sync::Arc;

use thalweg_protocol::PartitionId;

/// A partition of a topic. Cloning costs a reference count.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: PartitionId,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: impl Into<PartitionId>) -> Self {
        TopicPartition {
            topic: topic.into(),
            partition: partition.into(),
        }
    }
}

/// Kafka's own spelling: `topic-3`.
impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition.0)
    }
}
