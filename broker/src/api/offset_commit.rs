//! OffsetCommit: how far a group has read.

use thalweg_protocol::messages::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

use super::committed_topics::{
    PartitionToCommit, TopicName, TopicOutcome, TopicToCommit, commit_topics,
};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::group::{Committer, check_coordinator, commit};

/// The first version that names topics by id.
const BY_ID: i16 = 10;

/// Commits offsets for good.
pub(super) fn offset_commit(
    cluster: &mut Cluster,
    caller: &Caller,
    request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let committer = Committer {
        group_id: request.group_id.detached(),
        member_id: request.member_id,
        instance_id: request.group_instance_id,
        generation: request.generation_id_or_member_epoch,
        version: caller.version,
    };
    let by_id = caller.version >= BY_ID;
    let topics = request.topics.into_iter().map(|topic| read(topic, by_id));
    let outcomes = commit_topics(cluster, caller, topics.collect(), |cluster, commits| {
        cluster.check_group(caller, Operation::Read, &committer.group_id)?;
        check_coordinator(cluster, &committer.group_id, caller)?;
        commit(cluster, &committer, request.retention_time_ms, commits)
    });
    OffsetCommitResponse {
        topics: outcomes.into_iter().map(write).collect(),
        ..Default::default()
    }
}

fn read(topic: OffsetCommitRequestTopic, by_id: bool) -> TopicToCommit {
    let partition = |it: OffsetCommitRequestPartition| PartitionToCommit {
        index: it.partition_index,
        offset: it.committed_offset,
        leader_epoch: it.committed_leader_epoch,
        metadata: it.committed_metadata,
    };
    TopicToCommit {
        topic: match by_id {
            true => TopicName::Id(topic.topic_id),
            false => TopicName::Name(topic.name),
        },
        partitions: topic.partitions.into_iter().map(partition).collect(),
    }
}

fn write(outcome: TopicOutcome) -> OffsetCommitResponseTopic {
    let (name, topic_id) = outcome.topic.fields();
    let partitions = outcome.partitions.into_iter();
    let partition = |(partition_index, error_code)| OffsetCommitResponsePartition {
        partition_index,
        error_code,
        ..Default::default()
    };
    OffsetCommitResponseTopic {
        name,
        topic_id,
        partitions: partitions.map(partition).collect(),
        ..Default::default()
    }
}
