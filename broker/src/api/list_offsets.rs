//! ListOffsets: where a partition begins and ends, and where a time is.

use thalweg_protocol::messages::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, ListOffsetsTopicResponse,
};
use thalweg_protocol::records::{Columns, Decompressor};
use thalweg_protocol::{ErrorCode, Offset, StrBytes};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::log::{Log, Segment, StoredBatch};
use crate::topic::Partition;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// The first version that has room for the leader epoch.
const LEADER_EPOCH: i16 = 4;

/// The version from which a special timestamp is understood; below it is a time like any other.
fn known_from(timestamp: i64) -> i16 {
    match timestamp {
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        EARLIEST_PENDING_UPLOAD => 11,
        _ => 0,
    }
}

/// Answers for each partition.
pub(super) fn list_offsets(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let committed = request.isolation_level == 1;
    let topic = |topic: ListOffsetsTopic| ListOffsetsTopicResponse {
        partitions: topic
            .partitions
            .iter()
            .map(|asked| one(cluster, caller, &topic.name, asked, committed))
            .collect(),
        name: topic.name,
        ..Default::default()
    };
    ListOffsetsResponse {
        topics: request.topics.into_iter().map(topic).collect(),
        ..Default::default()
    }
}

fn one(
    cluster: &Cluster,
    caller: &Caller,
    topic: &StrBytes,
    asked: &ListOffsetsPartition,
    committed: bool,
) -> ListOffsetsPartitionResponse {
    let mut answer = ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        ..Default::default()
    };
    if let Err(denied) = cluster.check_topic(caller, Operation::Describe, topic) {
        answer.error_code = denied;
        return answer;
    }
    if asked.timestamp < EARLIEST_PENDING_UPLOAD || caller.version < known_from(asked.timestamp) {
        answer.error_code = ErrorCode::UNSUPPORTED_VERSION;
        return answer;
    }
    let Some(partition) = cluster.topics.partition(topic, asked.partition_index) else {
        answer.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        return answer;
    };
    answer.error_code = partition.check_leader(caller.node, asked.current_leader_epoch);
    if !answer.error_code.is_none() {
        return answer;
    }
    if let Some((offset, timestamp, leader_epoch)) = find(partition, asked.timestamp, committed) {
        answer.offset = Offset(offset);
        answer.timestamp = timestamp;
        if caller.version >= LEADER_EPOCH {
            answer.leader_epoch = leader_epoch;
        }
    }
    answer
}

/// The offset, the timestamp and the leader epoch of what is asked for.
fn find(partition: &Partition, timestamp: i64, committed: bool) -> Option<(i64, i64, i32)> {
    let log = &partition.log;
    let until = if committed {
        log.last_stable_offset()
    } else {
        log.high_watermark()
    };
    let epoch_at = |offset| log.epochs().epoch_at(offset).unwrap_or(-1);
    match timestamp {
        LATEST => Some((until, -1, partition.leader_epoch)),
        EARLIEST | EARLIEST_LOCAL => Some((log.start(), -1, epoch_at(log.start()))),
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => None,
        MAX_TIMESTAMP => {
            let (offset, timestamp, leader_epoch) = latest_record(log)?;
            (offset < until).then_some((offset, timestamp, leader_epoch))
        }
        wanted => {
            let (offset, timestamp) = first_record_of(log, wanted)?;
            (offset < until).then(|| (offset, timestamp, epoch_at(offset)))
        }
    }
}

/// The first record with the largest timestamp of all, and the leader epoch it was written in. As Kafka
/// does, it looks at whole segments: the record may lie before the log's start.
fn latest_record(log: &Log) -> Option<(i64, i64, i32)> {
    let mut segments = log.segments();
    let largest = segments.clone().map(Segment::max_timestamp).max()?;
    if largest < 0 {
        return None;
    }
    let segment = segments.find(|segment| segment.max_timestamp() == largest)?;
    let mut batches = segment.batches().iter();
    let batch = batches.find(|batch| batch.max_timestamp() == largest)?;
    let (offset, timestamp) = first_record_at(batch, largest, i64::MIN)?;
    Some((offset, timestamp, batch.leader_epoch()))
}

/// The first record of `wanted` or later. As Kafka does, it looks for it in one segment alone, the first
/// that reaches so far.
fn first_record_of(log: &Log, wanted: i64) -> Option<(i64, i64)> {
    let mut segments = log.segments();
    let segment = segments.find(|segment| segment.newest_ms() >= wanted)?;
    let batches = segment.batches_from(log.start());
    let mut late = batches.filter(|batch| batch.max_timestamp() >= wanted);
    late.find_map(|batch| first_record_at(batch, wanted, log.start()))
}

/// The first record of `wanted` or later within a batch.
fn first_record_at(batch: &StoredBatch, wanted: i64, start: i64) -> Option<(i64, i64)> {
    let (mut columns, mut decompressor) = (Columns::new(), Decompressor::new());
    let view = batch.view();
    let rows = columns.decode(&view, &mut decompressor).ok()?;
    let mut found = rows.iter().filter(|record| record.offset.0 >= start);
    let log_append_time =
        view.timestamp_type() == thalweg_protocol::records::TimestampType::LogAppendTime;
    let timestamp_of = |timestamp| {
        if log_append_time {
            view.max_timestamp()
        } else {
            timestamp
        }
    };
    found
        .find(|record| timestamp_of(record.timestamp) >= wanted)
        .map(|record| (record.offset.0, timestamp_of(record.timestamp)))
}
