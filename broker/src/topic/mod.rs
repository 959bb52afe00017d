//! Topics and their partitions.

mod config;
mod partition;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use thalweg_protocol::{ErrorCode, PartitionId, StrBytes, Uuid};

pub(crate) use config::{StoredAs, TopicConfig, broker_key_of_topic_key};
pub(crate) use partition::Partition;

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) config: TopicConfig,
    pub(crate) partitions: Vec<Partition>,
    /// Whether it is Kafka's own.
    pub(crate) is_internal: bool,
}

impl Topic {
    pub(crate) fn partition(&self, index: PartitionId) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index.0).ok()?)
    }

    pub(crate) fn partition_mut(&mut self, index: PartitionId) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(index.0).ok()?)
    }
}

/// All topics, by name.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: BTreeMap<StrBytes, Topic>,
    /// Only looked up by id, never walked.
    names: HashMap<Uuid, StrBytes>,
    /// What was handed out to be changed, where somebody wants to know.
    changes: Option<TopicChanges>,
    created: u64,
}

/// What may have changed.
#[derive(Debug, Default)]
pub(crate) struct TopicChanges {
    /// Topics as a whole.
    pub(crate) topics: BTreeSet<StrBytes>,
    /// Partitions of other topics.
    pub(crate) partitions: BTreeSet<(StrBytes, PartitionId)>,
}

impl Topics {
    /// Notes from now on what may change.
    pub(crate) fn note_changes(&mut self) {
        self.changes = Some(TopicChanges::default());
    }

    /// What may have changed since the last time.
    pub(crate) fn take_changes(&mut self) -> TopicChanges {
        self.changes
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    fn note(&mut self, name: &str) {
        if let Some(changes) = &mut self.changes {
            changes.topics.insert(name.into());
        }
    }

    pub(crate) fn insert(&mut self, name: StrBytes, topic: Topic) {
        self.note(&name);
        self.names.insert(topic.id, name.clone());
        self.by_name.insert(name, topic);
        self.created += 1;
    }

    /// How many topics were ever made: where that has not changed, no topic is new.
    pub(crate) fn created(&self) -> u64 {
        self.created
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Topic> {
        self.note(name);
        let topic = self.by_name.remove(name)?;
        self.names.remove(&topic.id);
        Some(topic)
    }

    pub(crate) fn topic(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    /// The topic, with its name as it is kept here and not as a request has it.
    pub(crate) fn topic_with_name(&self, name: &str) -> Option<(&StrBytes, &Topic)> {
        self.by_name.get_key_value(name)
    }

    pub(crate) fn topic_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.note(name);
        self.by_name.get_mut(name)
    }

    /// The name of the topic with an id.
    pub(crate) fn name_of(&self, id: &Uuid) -> Option<&StrBytes> {
        self.names.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&StrBytes, &Topic)> {
        self.by_name.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&StrBytes, &mut Topic)> {
        if let Some(changes) = &mut self.changes {
            changes.topics.extend(self.by_name.keys().cloned());
        }
        self.by_name.iter_mut()
    }

    pub(crate) fn partition(&self, name: &str, index: PartitionId) -> Option<&Partition> {
        self.topic(name)?.partition(index)
    }

    pub(crate) fn partition_mut(
        &mut self,
        name: &str,
        index: PartitionId,
    ) -> Option<&mut Partition> {
        if let Some(changes) = &mut self.changes {
            changes.partitions.insert((name.into(), index));
        }
        self.by_name.get_mut(name)?.partition_mut(index)
    }
}

/// Whether a topic of this name is Kafka's own.
pub(crate) fn is_internal_name(name: &str) -> bool {
    matches!(
        name,
        "__consumer_offsets" | "__transaction_state" | "__share_group_state"
    )
}

const NAME_CHARS_MAX: usize = 249;

/// Why a name cannot be a topic's, in Kafka's words.
pub(crate) fn name_fault(name: &str) -> Option<(ErrorCode, String)> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fault = if name.is_empty() {
        "the empty string is not allowed".to_owned()
    } else if name == "." || name == ".." {
        format!("'{name}' is not allowed")
    } else if name.len() > NAME_CHARS_MAX {
        let max = NAME_CHARS_MAX;
        format!("the length of '{name}' is longer than the max allowed length {max}")
    } else if !name.chars().all(allowed) {
        format!(
            "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        )
    } else {
        return None;
    };
    Some((
        ErrorCode::INVALID_TOPIC_EXCEPTION,
        format!("Topic name is invalid: {fault}"),
    ))
}
