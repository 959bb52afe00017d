//! What is stored, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thalweg_protocol::{BrokerId, Offset, PartitionId, ProducerId, StrBytes, Uuid};

use crate::group::{CommittedOffset, GroupOffsets, TopicOffsets};
use crate::share::{Known, SharePartition};
use crate::topic::Topic;
use crate::transaction::{Protocol, State, Transaction};

/// A topic without its batches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedTopic {
    pub(super) id: String,
    pub(super) internal: bool,
    /// By partition.
    pub(super) replicas: Vec<Vec<i32>>,
    pub(super) leader_epochs: Vec<i32>,
    pub(super) configs: BTreeMap<String, String>,
}

impl SavedTopic {
    pub(super) fn of(topic: &Topic) -> Self {
        let ids = |replicas: &[BrokerId]| replicas.iter().map(|id| id.0).collect();
        let own = topic.config.own().all_set();
        SavedTopic {
            id: topic.id.to_string(),
            internal: topic.is_internal,
            replicas: topic
                .partitions
                .iter()
                .map(|it| ids(&it.replicas))
                .collect(),
            leader_epochs: topic.partitions.iter().map(|it| it.leader_epoch).collect(),
            configs: own
                .map(|(key, value)| (key.to_owned(), value.to_string()))
                .collect(),
        }
    }
}

/// The offsets of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedGroup {
    pub(super) committed: Vec<SavedOffset>,
    /// By producer id.
    pub(super) pending: BTreeMap<i64, Vec<SavedOffset>>,
}

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedOffset {
    pub(super) topic: String,
    pub(super) partition: i32,
    offset: i64,
    leader_epoch: i32,
    metadata: String,
    committed_ms: i64,
    expires_ms: Option<i64>,
    /// The order of commits.
    #[serde(default)]
    pub(super) number: u64,
}

impl SavedGroup {
    pub(super) fn of(group: &GroupOffsets) -> Self {
        let pending = group.pending();
        SavedGroup {
            committed: offsets_of(group.committed()),
            pending: pending
                .map(|(id, table)| (id.0, offsets_of(table)))
                .collect(),
        }
    }
}

fn offsets_of(table: &TopicOffsets) -> Vec<SavedOffset> {
    let partitions = table.iter().flat_map(|(topic, partitions)| {
        partitions
            .iter()
            .map(move |(partition, offset)| (topic, partition, offset))
    });
    partitions
        .map(|(topic, partition, offset)| SavedOffset {
            topic: topic.to_string(),
            partition: partition.0,
            offset: offset.offset.0,
            leader_epoch: offset.leader_epoch,
            metadata: offset.metadata.to_string(),
            committed_ms: offset.committed_ms,
            expires_ms: offset.expires_ms,
            number: offset.number(),
        })
        .collect()
}

impl SavedOffset {
    pub(super) fn offset(&self) -> CommittedOffset {
        let metadata = StrBytes::from(self.metadata.as_str());
        let offset = Offset(self.offset);
        let mut committed =
            CommittedOffset::new(offset, self.leader_epoch, metadata, self.committed_ms);
        committed.expires_ms = self.expires_ms;
        committed
    }
}

/// How far a share group has come in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedShare {
    pub(super) group: String,
    pub(super) topic_id: String,
    pub(super) partition: i32,
    start: i64,
    /// First, last, deliveries, and whether they were processed, where they are done with.
    runs: Vec<(i64, i64, i16, Option<bool>)>,
}

impl SavedShare {
    pub(super) fn of(group: &str, place: &(Uuid, PartitionId), state: &SharePartition) -> Self {
        let run = |known: Known| (known.first, known.last, known.deliveries, known.done);
        SavedShare {
            group: group.to_owned(),
            topic_id: place.0.to_string(),
            partition: place.1.0,
            start: state.start(),
            runs: state.known().into_iter().map(run).collect(),
        }
    }

    pub(super) fn state(&self) -> SharePartition {
        let runs = self.runs.iter();
        let known = runs.map(|(first, last, deliveries, done)| Known {
            first: *first,
            last: *last,
            deliveries: *deliveries,
            done: *done,
        });
        SharePartition::restored(self.start, &known.collect::<Vec<_>>())
    }
}

/// A transactional id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedTransaction {
    producer_id: i64,
    previous_producer_id: i64,
    next_producer_id: i64,
    producer_epoch: i16,
    last_producer_epoch: i16,
    timeout_ms: i32,
    state: String,
    partitions: Vec<(String, i32)>,
    start_ms: i64,
    updated_ms: i64,
    protocol_two: bool,
}

impl SavedTransaction {
    pub(super) fn of(transaction: &Transaction) -> Self {
        let partitions = transaction.partitions.iter();
        SavedTransaction {
            producer_id: transaction.producer_id.0,
            previous_producer_id: transaction.previous_producer_id.0,
            next_producer_id: transaction.next_producer_id.0,
            producer_epoch: transaction.producer_epoch,
            last_producer_epoch: transaction.last_producer_epoch,
            timeout_ms: transaction.timeout_ms,
            state: transaction.state.name().to_owned(),
            partitions: partitions
                .map(|(topic, index)| (topic.to_string(), index.0))
                .collect(),
            start_ms: transaction.start_ms,
            updated_ms: transaction.updated_ms,
            protocol_two: transaction.protocol == Protocol::Two,
        }
    }

    /// `None` where the state is none.
    pub(super) fn transaction(&self) -> Option<Transaction> {
        let partitions = self.partitions.iter();
        let partitions = partitions.map(|(topic, index)| (topic.into(), PartitionId(*index)));
        Some(Transaction {
            producer_id: ProducerId(self.producer_id),
            previous_producer_id: ProducerId(self.previous_producer_id),
            next_producer_id: ProducerId(self.next_producer_id),
            producer_epoch: self.producer_epoch,
            last_producer_epoch: self.last_producer_epoch,
            timeout_ms: self.timeout_ms,
            state: State::of_name(&self.state)?,
            partitions: partitions.collect(),
            start_ms: self.start_ms,
            updated_ms: self.updated_ms,
            protocol: if self.protocol_two {
                Protocol::Two
            } else {
                Protocol::One
            },
        })
    }
}
