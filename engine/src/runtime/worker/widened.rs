//! Partitions that came to a source topic after the app was started.

use thalweg_protocol::PartitionId;

use super::Worker;
use crate::runtime::error::AppError;
use crate::runtime::topics::TopicFacts;

impl Worker {
    /// What is known of a topic, for the task of this partition. More partitions than there were at
    /// the start are fine for a program that keeps nothing; with state or repartition topics, which
    /// are laid out for a number of partitions, keys would meet the wrong state.
    ///
    /// # Errors
    /// The topic has become wider, and this program cannot follow.
    pub(super) fn facts_for(
        &self,
        topic: &str,
        partition: PartitionId,
    ) -> Result<Option<TopicFacts>, AppError> {
        let Some(known) = self.instance.topics.get(topic).copied() else {
            return Ok(None);
        };
        // Inputs of one sub-topology may have different widths by themselves.
        let metadata = self.instance.cluster.metadata();
        let found = metadata
            .topic(topic)
            .map_or(0, |found| found.partitions().len());
        let found = u32::try_from(found).unwrap_or(u32::MAX);
        let own = u32::try_from(partition.0).unwrap_or(u32::MAX);
        if own < known.partitions || found <= known.partitions {
            return Ok(Some(known));
        }
        if self.instance.plan.internal.is_empty() {
            return Ok(Some(TopicFacts {
                partitions: found,
                ..known
            }));
        }
        Err(AppError::Takeover(format!(
            "the topic {topic} now has {found} partitions; it had {} when the application was \
             started, and its state and internal topics are laid out for that many, so keys would \
             meet the wrong state. Begin anew under another application id, or restore the number \
             of partitions",
            known.partitions
        )))
    }
}
