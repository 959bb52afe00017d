//! Markers: how a transaction's outcome reaches each of its partitions.

use std::time::Duration;

use bytes::Bytes;
use thalweg_protocol::records::{BatchSeal, Compression, Compressor, RecordBatchBuilder};
use thalweg_protocol::{ErrorCode, PartitionId, ProducerId, StrBytes};

use super::written::{Fate, Unreplicated, WrittenMarker};
use super::{State, TransactionTimer};
use crate::cluster::{Cluster, CoordinatorKind, Timer, coordinator_partition};
use crate::log::AppendAs;

/// How long a marker waits for a partition that has no leader.
const RETRY: Duration = Duration::from_millis(20);
/// How long at most nobody looks whether a marker is replicated; Kafka's `request.timeout.ms`.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The outcome of a producer's transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marker {
    pub(crate) producer_id: ProducerId,
    pub(crate) producer_epoch: i16,
    pub(crate) commit: bool,
    pub(crate) coordinator_epoch: i32,
}

/// A marker on its way.
#[derive(Debug)]
pub(crate) struct PendingMarker {
    transactional_id: StrBytes,
    topic: StrBytes,
    partition: PartitionId,
    marker: Marker,
}

/// Sends the outcome to every partition of a transaction that was decided; those without delay have
/// it when this returns.
pub(super) fn send_all(cluster: &mut Cluster, id: &StrBytes) {
    let coordinator_epoch = coordinator_epoch(cluster, id);
    let Some(transaction) = cluster.transactions.transaction(id) else {
        return;
    };
    let marker = Marker {
        producer_id: transaction.producer_id,
        producer_epoch: transaction.producer_epoch,
        commit: transaction.state == State::PrepareCommit,
        coordinator_epoch,
    };
    let partitions = transaction.partitions.clone();
    for (topic, partition) in partitions {
        let pending = PendingMarker {
            transactional_id: id.clone(),
            topic,
            partition,
            marker,
        };
        let delay = cluster.marker_delay;
        if delay.max.is_zero() {
            write(cluster, pending);
        } else {
            let delay = delay.draw(&mut cluster.random);
            cluster.set_timer(delay, Timer::Transaction(TransactionTimer::Marker(pending)));
        }
    }
    complete_if_written(cluster, id);
}

/// Writes a marker that has arrived. It counts once it is replicated; if its leader takes it away
/// before that, it is written again.
pub(super) fn write(cluster: &mut Cluster, pending: PendingMarker) {
    if !is_wanted(cluster, &pending) {
        return;
    }
    match write_marker(cluster, &pending.topic, pending.partition, &pending.marker) {
        Ok(written) if written.fate(cluster) == Fate::Pending => {
            Unreplicated::new(written, pending).wait(cluster);
        }
        // A topic that is gone needs no marker; a producer that went on needs no old one.
        Ok(_) | Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::INVALID_PRODUCER_EPOCH) => {
            landed(cluster, &pending);
        }
        Err(_) => write_later(cluster, pending),
    }
}

/// Writes a marker when its partition may have a leader that takes it.
pub(super) fn write_later(cluster: &mut Cluster, pending: PendingMarker) {
    let timer = Timer::Transaction(TransactionTimer::Marker(pending));
    cluster.set_timer(RETRY, timer);
}

/// Nothing can take a marker away any more; the transaction is complete with the last one.
pub(super) fn landed(cluster: &mut Cluster, pending: &PendingMarker) {
    if !is_wanted(cluster, pending) {
        return;
    }
    let id = &pending.transactional_id;
    if let Some(transaction) = cluster.transactions.transaction_mut(id) {
        let place = (pending.topic.clone(), pending.partition);
        transaction.partitions.remove(&place);
    }
    complete_if_written(cluster, id);
}

/// Whether the transaction still waits for this marker.
fn is_wanted(cluster: &Cluster, pending: &PendingMarker) -> bool {
    let place = (pending.topic.clone(), pending.partition);
    let transaction = cluster.transactions.transaction(&pending.transactional_id);
    transaction.is_some_and(|transaction| {
        matches!(
            transaction.state,
            State::PrepareCommit | State::PrepareAbort
        ) && transaction.producer_id == pending.marker.producer_id
            && transaction.partitions.contains(&place)
    })
}

fn complete_if_written(cluster: &mut Cluster, id: &StrBytes) {
    let now_ms = cluster.now.wall_ms;
    let Some(transaction) = cluster.transactions.transaction_mut(id) else {
        return;
    };
    let decided = matches!(
        transaction.state,
        State::PrepareCommit | State::PrepareAbort
    );
    if decided && transaction.partitions.is_empty() {
        transaction.complete(now_ms);
    }
}

/// Writes an outcome to a partition. It counts when it is [`Fate::Replicated`].
///
/// # Errors
/// The partition does not take it, or too few replicas would have it.
pub(crate) fn write_marker(
    cluster: &mut Cluster,
    topic: &StrBytes,
    index: PartitionId,
    marker: &Marker,
) -> Result<WrittenMarker, ErrorCode> {
    let is_group_topic = **topic == *CoordinatorKind::Group.topic();
    let now_ms = cluster.now.wall_ms;
    let Some(found) = cluster.topics.topic_mut(topic) else {
        return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    };
    let (segment_bytes, segment_ms) = (found.config.segment_bytes(), found.config.segment_ms());
    let (topic_id, in_sync_min) = (found.id, found.config.in_sync_min());
    let partition = found
        .partition_mut(index)
        .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    if partition.leader.is_none() {
        return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    }
    if partition.in_sync.len() < in_sync_min && !is_group_topic {
        return Err(ErrorCode::NOT_ENOUGH_REPLICAS);
    }
    let known = partition.log.producers().entry(marker.producer_id);
    if known.is_some_and(|entry| entry.producer_epoch > marker.producer_epoch) {
        return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
    }
    if known.is_some_and(|entry| entry.coordinator_epoch > marker.coordinator_epoch) {
        return Err(ErrorCode::TRANSACTION_COORDINATOR_FENCED);
    }
    let how = AppendAs {
        leader_epoch: partition.leader_epoch,
        now_ms,
        log_append_time: false,
        segment_bytes,
        segment_ms,
    };
    let appended = partition.log.append(&encode(marker, now_ms), how);
    let written = WrittenMarker {
        topic: topic.clone(),
        topic_id,
        partition: index,
        leader_epoch: how.leader_epoch,
        offset: appended.base_offset,
    };
    if is_group_topic {
        // As everything in this topic: what counts is the state in memory, which knows it now.
        let end = partition.log.end();
        partition.log.raise_high_watermark(end);
        cluster.touch(topic, index);
        crate::group::end_transaction(cluster, index, marker.producer_id, marker.commit);
    } else {
        cluster.appended(topic, index);
    }
    Ok(written)
}

/// A control batch with the one record of an outcome.
fn encode(marker: &Marker, now_ms: i64) -> Bytes {
    let kind: u8 = marker.commit.into();
    let key = [0, 0, 0, kind];
    let [a, b, c, d] = marker.coordinator_epoch.to_be_bytes();
    let value = [0, 0, a, b, c, d];
    let mut builder = RecordBatchBuilder::new(Compression::None).control();
    let appended = builder.append(now_ms, Some(&key), Some(&value), &[]);
    appended.expect("ten bytes fit a batch");
    let seal = BatchSeal {
        producer_id: marker.producer_id,
        producer_epoch: marker.producer_epoch,
        transactional: true,
        ..BatchSeal::default()
    };
    builder.build(&mut Compressor::new()).seal_with(seal)
}

/// The coordinator's epoch is the leader epoch of the partition its state would lie in.
fn coordinator_epoch(cluster: &Cluster, id: &StrBytes) -> i32 {
    let kind = CoordinatorKind::Transaction;
    let index = coordinator_partition(cluster, kind, id);
    let partition = cluster.topics.partition(kind.topic(), index);
    partition.map_or(0, |partition| partition.leader_epoch)
}
