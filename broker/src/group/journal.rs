//! What `__consumer_offsets` says: the changes of groups and offsets, as Kafka writes them there.
//!
//! Nothing here is read back: what counts is the state in memory. The log is for those who look into
//! it, and tells by its producers and its last stable offset which transactions are open.

use bytes::Bytes;
use thalweg_protocol::messages::{
    GroupMetadataKey, GroupMetadataValue, OffsetCommitKey, OffsetCommitValue,
};
use thalweg_protocol::records::{BatchSeal, Compression, Compressor, RecordBatchBuilder};
use thalweg_protocol::{Encoder, Message, PartitionId, ProducerId, StrBytes};

use super::CommittedOffset;
use crate::cluster::{Cluster, CoordinatorKind, coordinator_partition};
use crate::log::AppendAs;

/// A change that is to be written. `None` for what is gone.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) group: StrBytes,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A committed offset, in the transaction of a producer or for good.
    Offset {
        topic: StrBytes,
        partition: PartitionId,
        value: Option<CommittedOffset>,
        producer: Option<(ProducerId, i16)>,
    },
    /// A generation of a classic group.
    Group(Option<GroupMetadataValue>),
}

impl What {
    fn producer(&self) -> Option<(ProducerId, i16)> {
        match self {
            What::Offset { producer, .. } => *producer,
            What::Group(_) => None,
        }
    }
}

/// The largest segment of `__consumer_offsets` that is kept before it is compacted: it stays small,
/// as everything is in memory.
const SEGMENT_BYTES: usize = 1 << 20;

/// Writes the changes that were made since the last time. To be called before the lock is given back.
pub(crate) fn write_changes(cluster: &mut Cluster) {
    let changes = std::mem::take(&mut cluster.groups.journal);
    if changes.is_empty() {
        return;
    }
    let mut batch: Option<Batch> = None;
    for change in changes {
        let index = coordinator_partition(cluster, CoordinatorKind::Group, &change.group);
        let place = (index, change.what.producer());
        let Some((key, value)) = encode(&change) else {
            continue;
        };
        let fits = batch.as_mut().is_some_and(|batch| {
            batch.place == place && batch.append(cluster.now.wall_ms, &key, value.as_ref())
        });
        if fits {
            continue;
        }
        if let Some(full) = batch.take() {
            full.write(cluster);
        }
        let mut next = Batch::new(place);
        if next.append(cluster.now.wall_ms, &key, value.as_ref()) {
            batch = Some(next);
        }
    }
    if let Some(last) = batch {
        last.write(cluster);
    }
}

/// Changes of one partition and transaction.
struct Batch {
    place: (PartitionId, Option<(ProducerId, i16)>),
    builder: RecordBatchBuilder,
}

impl Batch {
    fn new(place: (PartitionId, Option<(ProducerId, i16)>)) -> Self {
        Batch {
            place,
            builder: RecordBatchBuilder::new(Compression::None),
        }
    }

    /// Whether there was room for a record.
    fn append(&mut self, now_ms: i64, key: &Bytes, value: Option<&Bytes>) -> bool {
        let value = value.map(|value| &**value);
        self.builder.append(now_ms, Some(key), value, &[]).is_ok()
    }

    /// Appends the batch. All replicas have it at once, as whoever made a change is told so now.
    fn write(mut self, cluster: &mut Cluster) {
        let (index, producer) = self.place;
        let now_ms = cluster.now.wall_ms;
        let topic = StrBytes::from(CoordinatorKind::Group.topic());
        let Some(found) = cluster.topics.topic_mut(&topic) else {
            return;
        };
        let segment_ms = found.config.segment_ms();
        let segment_bytes = found.config.segment_bytes().min(SEGMENT_BYTES);
        let Some(partition) = found.partition_mut(index) else {
            return;
        };
        let seal = BatchSeal {
            producer_id: producer.map_or(ProducerId(-1), |(id, _)| id),
            producer_epoch: producer.map_or(-1, |(_, epoch)| epoch),
            transactional: producer.is_some(),
            ..BatchSeal::default()
        };
        let batch = self.builder.build(&mut Compressor::new()).seal_with(seal);
        let how = AppendAs {
            leader_epoch: partition.leader_epoch,
            now_ms,
            log_append_time: false,
            segment_bytes,
            segment_ms,
        };
        partition.log.append(&batch, how);
        let end = partition.log.end();
        partition.log.raise_high_watermark(end);
        cluster.touch(&topic, index);
    }
}

/// The record of a change: its key, and its value unless it is a tombstone. `None` where a name is
/// longer than these records can have.
fn encode(change: &Change) -> Option<(Bytes, Option<Bytes>)> {
    let group = change.group.clone();
    match &change.what {
        What::Offset {
            topic,
            partition,
            value,
            ..
        } => {
            let key = OffsetCommitKey {
                group,
                topic: topic.clone(),
                partition: *partition,
            };
            let value = match value {
                Some(committed) => Some(encode_offset(committed)?),
                None => None,
            };
            Some((versioned(&key, OffsetCommitKey::RECORD_TYPE, 0)?, value))
        }
        What::Group(value) => {
            let key = GroupMetadataKey { group };
            let value = match value {
                Some(value) => Some(versioned(value, 3, 3)?),
                None => None,
            };
            Some((versioned(&key, GroupMetadataKey::RECORD_TYPE, 0)?, value))
        }
    }
}

fn encode_offset(committed: &CommittedOffset) -> Option<Bytes> {
    let value = OffsetCommitValue {
        offset: committed.offset,
        leader_epoch: committed.leader_epoch,
        metadata: committed.metadata.clone(),
        commit_timestamp: committed.committed_ms,
        expire_timestamp: committed.expires_ms.unwrap_or(-1),
        ..Default::default()
    };
    // Only the version of old says when it expires.
    let version = if committed.expires_ms.is_some() { 1 } else { 3 };
    versioned(&value, version, version)
}

/// A message after two bytes that say what it is.
fn versioned(message: &impl Message, prefix: i16, version: i16) -> Option<Bytes> {
    let mut encoder = Encoder::with_capacity(64);
    message.encode(&mut encoder, version).ok()?;
    let mut bytes = prefix.to_be_bytes().to_vec();
    bytes.extend_from_slice(&encoder.into_bytes());
    Some(bytes.into())
}
