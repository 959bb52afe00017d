//! OffsetForLeaderEpoch: where a leader epoch ended (KIP-320).

use thalweg_protocol::messages::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopic, OffsetForLeaderTopicResult,
};
use thalweg_protocol::{ErrorCode, Offset, StrBytes};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

/// Answers for each partition.
pub(super) fn offset_for_leader_epoch(
    cluster: &mut Cluster,
    caller: &Caller,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topic = |topic: OffsetForLeaderTopic| OffsetForLeaderTopicResult {
        partitions: topic
            .partitions
            .iter()
            .map(|asked| one(cluster, caller, &topic.topic, asked))
            .collect(),
        topic: topic.topic,
        ..Default::default()
    };
    OffsetForLeaderEpochResponse {
        topics: request.topics.into_iter().map(topic).collect(),
        ..Default::default()
    }
}

fn one(
    cluster: &Cluster,
    caller: &Caller,
    topic: &StrBytes,
    asked: &OffsetForLeaderPartition,
) -> EpochEndOffset {
    let mut answer = EpochEndOffset {
        partition: asked.partition,
        ..Default::default()
    };
    if let Err(denied) = cluster.check_topic(caller, Operation::Describe, topic) {
        answer.error_code = denied;
        return answer;
    }
    let Some(partition) = cluster.topics.partition(topic, asked.partition) else {
        answer.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        return answer;
    };
    answer.error_code = partition.check_leader(caller.node, asked.current_leader_epoch);
    if !answer.error_code.is_none() {
        return answer;
    }
    let log = &partition.log;
    let end = log.epochs().end_of(asked.leader_epoch, log.end());
    if let Some((leader_epoch, end_offset)) = end {
        answer.leader_epoch = leader_epoch;
        answer.end_offset = Offset(end_offset);
    }
    answer
}
