//! Reads one partition of a fetch.

use bytes::Bytes;
use thalweg_protocol::messages::{
    AbortedTransaction, FetchEpochEndOffset, FetchPartitionData, LeaderIdAndEpoch,
};
use thalweg_protocol::records::Compression;
use thalweg_protocol::{BrokerId, ErrorCode, Offset, StrBytes};

use crate::acl::Operation;
use crate::cluster::fetch_sessions::Fetched;
use crate::cluster::{Caller, Cluster};
use crate::topic::Partition;

/// Kafka's name of the choice by rack.
const RACK_AWARE: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// How a request reads.
#[derive(Debug, Clone)]
pub(super) struct ReadAs {
    /// Who reads.
    pub(super) caller: Caller,
    pub(super) node: BrokerId,
    /// Not beyond the last stable offset, with the aborted transactions.
    pub(super) committed: bool,
    /// Topics are named by their ids.
    pub(super) by_id: bool,
    /// Followers may be read too (KIP-392).
    pub(super) from_followers: bool,
    /// Where who reads is: empty where it did not say.
    pub(super) rack: StrBytes,
    /// Zstd can be read, as far as the release asks for that.
    pub(super) knows_zstd: bool,
    /// Who leads a partition that moved is said in the answer (KIP-951).
    pub(super) names_leaders: bool,
}

/// What is left of a request's limits.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) bytes_left: usize,
    /// Whether a partition has given anything: the first to do so may exceed all limits.
    pub(super) found_any: bool,
}

impl ReadAs {
    /// The name of the topic, if there is one.
    pub(super) fn name(&self, cluster: &Cluster, fetched: &Fetched) -> Option<StrBytes> {
        if self.by_id {
            return cluster.topics.name_of(&fetched.place.topic_id).cloned();
        }
        cluster.topics.topic(&fetched.place.topic)?;
        Some(fetched.place.topic.clone())
    }

    /// The partition, if it can be read here as asked for.
    fn partition<'a>(
        &self,
        cluster: &'a Cluster,
        fetched: &Fetched,
    ) -> Result<&'a Partition, (ErrorCode, Option<&'a Partition>)> {
        let unknown = if self.by_id {
            ErrorCode::UNKNOWN_TOPIC_ID
        } else {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        };
        // Without ids a name is looked for only where it may be seen.
        if !self.by_id {
            self.check(cluster, &fetched.place.topic)?;
        }
        let name = self.name(cluster, fetched).ok_or((unknown, None))?;
        self.check(cluster, &name)?;
        let partition = cluster.topics.partition(&name, fetched.place.partition);
        let partition = partition.ok_or((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None))?;
        if !self.knows_zstd && self.stores_zstd(cluster, &name) {
            return Err((ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, Some(partition)));
        }
        let believed = fetched.asked.current_leader_epoch;
        let error_code = match partition.check_leader(self.node, believed) {
            ErrorCode::NOT_LEADER_OR_FOLLOWER
                if self.from_followers && partition.in_sync.contains(&self.node) =>
            {
                ErrorCode::NONE
            }
            code => code,
        };
        if !error_code.is_none() {
            return Err((error_code, Some(partition)));
        }
        let (offset, last_epoch) = (
            fetched.asked.fetch_offset.0,
            fetched.asked.last_fetched_epoch,
        );
        let log = &partition.log;
        let unknown_epoch = last_epoch >= 0 && log.epochs().end_of(last_epoch, log.end()).is_none();
        // A log that has parted from this one may well be longer.
        let too_far = offset > log.end() && diverged(partition, fetched).is_none();
        if offset < log.start() || unknown_epoch || too_far {
            return Err((ErrorCode::OFFSET_OUT_OF_RANGE, Some(partition)));
        }
        Ok(partition)
    }

    /// Whether all that is read of the topic may be zstd.
    fn stores_zstd(&self, cluster: &Cluster, topic: &str) -> bool {
        let topic = cluster.topics.topic(topic);
        let stored_as = topic.and_then(|topic| topic.config.stored_as());
        stored_as.is_some_and(|it| it.compression == Compression::Zstd)
    }

    /// Whether the topic may be read.
    fn check<'a>(
        &self,
        cluster: &Cluster,
        topic: &str,
    ) -> Result<(), (ErrorCode, Option<&'a Partition>)> {
        let checked = cluster.check_topic(&self.caller, Operation::Read, topic);
        checked.map_err(|code| (code, None))
    }

    /// The follower that is to be read instead, because it is in the reader's rack and its leader is
    /// not. None where followers are not chosen at all.
    fn nearer_replica(
        &self,
        cluster: &Cluster,
        fetched: &Fetched,
        partition: &Partition,
    ) -> Option<BrokerId> {
        // Most say nothing of their rack, and are not to pay for those who do.
        if self.rack.is_empty()
            || partition.leader != Some(self.node)
            || cluster.settings.text("replica.selector.class") != RACK_AWARE
        {
            return None;
        }
        let is_here = |id: &BrokerId| {
            let node = cluster.nodes.node(*id).filter(|node| node.alive);
            node.is_some_and(|node| node.rack.as_deref() == Some(&*self.rack))
        };
        // What followers do not have yet cannot be read from them either.
        let is_replicated = fetched.asked.fetch_offset.0 <= partition.log.high_watermark();
        if is_here(&self.node) || !is_replicated {
            return None;
        }
        partition.in_sync.iter().copied().find(is_here)
    }

    /// The offset up to which is read.
    fn until(&self, partition: &Partition) -> i64 {
        if self.committed {
            partition.log.last_stable_offset()
        } else {
            partition.log.high_watermark()
        }
    }

    /// How many bytes there are to read, counted up to `enough`; `None` where an error, a diverged
    /// log or a nearer replica is to be told.
    pub(super) fn available(
        &self,
        cluster: &Cluster,
        fetched: &Fetched,
        enough: usize,
    ) -> Option<usize> {
        let partition = self.partition(cluster, fetched).ok()?;
        if diverged(partition, fetched).is_some()
            || self.nearer_replica(cluster, fetched, partition).is_some()
        {
            return None;
        }
        let enough = enough.min(usize::try_from(fetched.asked.partition_max_bytes).unwrap_or(0));
        let from = fetched.asked.fetch_offset.0;
        Some(
            partition
                .log
                .bytes_between(from, self.until(partition), enough.max(1)),
        )
    }

    /// Reads the partition.
    pub(super) fn read(
        &self,
        cluster: &Cluster,
        fetched: &Fetched,
        limits: &mut Limits,
    ) -> FetchPartitionData {
        let mut found = FetchPartitionData {
            partition_index: fetched.place.partition,
            high_watermark: Offset(-1),
            aborted_transactions: None,
            records: Some(Bytes::new()),
            ..Default::default()
        };
        let partition = match self.partition(cluster, fetched) {
            Ok(partition) => partition,
            Err((error_code, partition)) => {
                found.error_code = error_code;
                // What is not there at all has no aborted transactions; what cannot be read says nothing.
                found.aborted_transactions = partition.is_none().then(Vec::new);
                let moved = error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER
                    || error_code == ErrorCode::FENCED_LEADER_EPOCH;
                if let Some(partition) = partition.filter(|_| moved && self.names_leaders) {
                    found.current_leader = LeaderIdAndEpoch {
                        leader_id: partition.leader.unwrap_or_default(),
                        leader_epoch: partition.leader_epoch,
                        ..Default::default()
                    };
                }
                return found;
            }
        };
        let log = &partition.log;
        found.high_watermark = Offset(log.high_watermark());
        found.last_stable_offset = Offset(log.last_stable_offset());
        found.log_start_offset = Offset(log.start());
        if let Some(nearer) = self.nearer_replica(cluster, fetched, partition) {
            found.preferred_read_replica = nearer;
            return found;
        }
        if let Some(end) = diverged(partition, fetched) {
            found.diverging_epoch = end;
            return found;
        }
        let from = fetched.asked.fetch_offset.0;
        let of_partition = usize::try_from(fetched.asked.partition_max_bytes).unwrap_or_default();
        let bytes_max = of_partition.min(limits.bytes_left);
        let until = self.until(partition);
        let (records, end, is_cut) = log.read(from, until, bytes_max, !limits.found_any);
        // Where not even the first batch fits, Kafka leaves the transactions out with the records.
        let cut_short = records.is_empty() && bytes_max > 0 && from < until;
        limits.found_any |= !records.is_empty();
        // Kafka sends the beginning of a batch that is cut off, and so leaves less to the others.
        let counted = match is_cut && !records.is_empty() {
            true => records.len().max(bytes_max),
            false => records.len(),
        };
        limits.bytes_left = limits.bytes_left.saturating_sub(counted);
        if self.committed && !cut_short {
            let aborted = log.aborted_between(from, end).into_iter();
            let aborted = aborted.map(|range| AbortedTransaction {
                producer_id: range.producer_id,
                first_offset: Offset(range.first),
                ..Default::default()
            });
            found.aborted_transactions = Some(aborted.collect());
        }
        found.records = Some(records);
        found
    }
}

/// Where the log of whoever asks and this one part, if they do (KIP-595).
fn diverged(partition: &Partition, fetched: &Fetched) -> Option<FetchEpochEndOffset> {
    let last = fetched.asked.last_fetched_epoch;
    if last < 0 {
        return None;
    }
    let log = &partition.log;
    let (epoch, end) = log.epochs().end_of(last, log.end())?;
    if epoch >= last && end >= fetched.asked.fetch_offset.0 {
        return None;
    }
    Some(FetchEpochEndOffset {
        epoch,
        end_offset: Offset(end),
        ..Default::default()
    })
}
