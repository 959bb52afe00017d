//! What becomes of a marker once it lies in a log: it counts only when no leader's death can take it
//! away again, as Kafka writes markers with acks=all.

use thalweg_protocol::{PartitionId, StrBytes, Uuid};

use super::markers::{self, PendingMarker};
use crate::cluster::{Cluster, Wait};

/// A marker in a log.
#[derive(Debug, Clone)]
pub(crate) struct WrittenMarker {
    pub(super) topic: StrBytes,
    pub(super) topic_id: Uuid,
    pub(super) partition: PartitionId,
    /// Of the leader that wrote it.
    pub(super) leader_epoch: i32,
    pub(super) offset: i64,
}

/// How a marker has fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is above the high watermark: lost, if its leader dies now.
    Pending,
    /// All replicas in sync have it.
    Replicated,
    /// It went with its leader.
    Lost,
    /// Its partition is gone.
    Gone,
}

impl WrittenMarker {
    pub(crate) fn place(&self) -> (StrBytes, PartitionId) {
        (self.topic.clone(), self.partition)
    }

    /// How it has fared so far. To be asked whenever its partition is touched: what is replicated may
    /// be compacted away later.
    pub(crate) fn fate(&self, cluster: &Cluster) -> Fate {
        let topic = cluster.topics.topic(&self.topic);
        let topic = topic.filter(|topic| topic.id == self.topic_id);
        let Some(partition) = topic.and_then(|topic| topic.partition(self.partition)) else {
            return Fate::Gone;
        };
        let log = &partition.log;
        if self.offset < log.start() {
            // Only what is replicated is deleted.
            return Fate::Replicated;
        }
        let there = log.batches_from(self.offset).next();
        let is_it = there.is_some_and(|batch| {
            batch.base_offset() == self.offset && batch.leader_epoch() == self.leader_epoch
        });
        match is_it {
            false => Fate::Lost,
            true if self.offset < log.high_watermark() => Fate::Replicated,
            true => Fate::Pending,
        }
    }
}

/// A coordinator's marker that is not replicated yet.
#[derive(Debug)]
pub(super) struct Unreplicated {
    written: WrittenMarker,
    /// Taken when its fate is known.
    pending: Option<PendingMarker>,
}

impl Unreplicated {
    pub(super) fn new(written: WrittenMarker, pending: PendingMarker) -> Self {
        Unreplicated {
            written,
            pending: Some(pending),
        }
    }

    /// Waits on, or again.
    pub(super) fn wait(self, cluster: &mut Cluster) {
        let places = [self.written.place()];
        cluster.wait(Box::new(self), places, markers::PATIENCE);
    }
}

impl Wait for Unreplicated {
    fn try_answer(&mut self, cluster: &mut Cluster, last: bool) -> bool {
        let fate = self.written.fate(cluster);
        if fate == Fate::Pending && !last {
            return false;
        }
        if let Some(pending) = self.pending.take() {
            match fate {
                // Nothing was lost: it is only slow.
                Fate::Pending => Unreplicated::new(self.written.clone(), pending).wait(cluster),
                Fate::Lost => markers::write_later(cluster, pending),
                Fate::Replicated | Fate::Gone => markers::landed(cluster, &pending),
            }
        }
        true
    }
}
