//! DeleteRecords: lets partitions begin later.

use thalweg_protocol::messages::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteRecordsTopic, DeleteRecordsTopicResult,
};
use thalweg_protocol::{ErrorCode, Offset, StrBytes};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

/// Stands for the high watermark.
const TO_HIGH_WATERMARK: i64 = -1;

/// Deletes in each partition.
pub(super) fn delete_records(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let mut topic = |topic: DeleteRecordsTopic| {
        let name = topic.name.detached();
        let partitions = topic.partitions.iter();
        DeleteRecordsTopicResult {
            partitions: partitions
                .map(|asked| one(cluster, caller, &name, asked))
                .collect(),
            name: topic.name,
            ..Default::default()
        }
    };
    DeleteRecordsResponse {
        topics: request.topics.into_iter().map(&mut topic).collect(),
        ..Default::default()
    }
}

fn one(
    cluster: &mut Cluster,
    caller: &Caller,
    topic: &StrBytes,
    asked: &DeleteRecordsPartition,
) -> DeleteRecordsPartitionResult {
    let index = asked.partition_index;
    let failed = |error_code| DeleteRecordsPartitionResult {
        partition_index: index,
        low_watermark: Offset(-1),
        error_code,
        ..Default::default()
    };
    if let Err(denied) = cluster.check_topic(caller, Operation::Delete, topic) {
        return failed(denied);
    }
    let Some(found) = cluster.topics.topic_mut(topic) else {
        return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    };
    if found.is_internal {
        return failed(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    let deletes = found.config.deletes();
    let Some(partition) = found.partition_mut(index) else {
        return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    };
    if partition.leader != Some(caller.node) {
        return failed(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    }
    if !deletes {
        return failed(ErrorCode::POLICY_VIOLATION);
    }
    let log = &mut partition.log;
    let until = match asked.offset.0 {
        TO_HIGH_WATERMARK => log.high_watermark(),
        offset => offset,
    };
    if !(0..=log.high_watermark()).contains(&until) {
        return failed(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    log.delete_before(until);
    let low_watermark = Offset(log.start());
    cluster.touch(topic, index);
    DeleteRecordsPartitionResult {
        partition_index: index,
        low_watermark,
        ..Default::default()
    }
}
