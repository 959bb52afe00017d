//! TxnOffsetCommit: how far a group has read, as part of a transaction.

use thalweg_protocol::messages::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use thalweg_protocol::{ErrorCode, ProducerId, StrBytes};

use super::committed_topics::{
    PartitionToCommit, TopicName, TopicOutcome, TopicToCommit, commit_topics,
};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster, CoordinatorKind, coordinator_partition};
use crate::group::{Committer, check_coordinator, commit_in_transaction};
use crate::transaction;

/// The first version that names topics by id.
const BY_ID: i16 = 6;
/// The first version that adds the group's offsets to the transaction by itself.
const ADDS_ITSELF: i16 = 5;
/// The first version whose clients know that a transaction can have to be aborted.
const ABORTABLE: i16 = 4;

/// Keeps offsets until the transaction ends.
pub(super) fn txn_offset_commit(
    cluster: &mut Cluster,
    caller: &Caller,
    request: TxnOffsetCommitRequest,
) -> TxnOffsetCommitResponse {
    let committer = Committer {
        group_id: request.group_id.detached(),
        member_id: request.member_id,
        instance_id: request.group_instance_id,
        generation: request.generation_id_or_member_epoch,
        version: caller.version,
    };
    let producer = Producer {
        transactional_id: request.transactional_id,
        id: request.producer_id,
        epoch: request.producer_epoch,
    };
    let by_id = caller.version >= BY_ID;
    let topics = request.topics.into_iter().map(|topic| read(topic, by_id));
    let outcomes = commit_topics(cluster, caller, topics.collect(), |cluster, commits| {
        let id = &producer.transactional_id;
        cluster.check_transactional_id(caller, Operation::Write, id)?;
        cluster.check_group(caller, Operation::Read, &committer.group_id)?;
        if committer.group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        check_coordinator(cluster, &committer.group_id, caller)?;
        check_transaction(cluster, caller, &producer, &committer.group_id)?;
        let who = (producer.id, producer.epoch);
        commit_in_transaction(cluster, &committer, who, commits)
    });
    TxnOffsetCommitResponse {
        topics: outcomes.into_iter().map(write).collect(),
        ..Default::default()
    }
}

/// Whose transaction it is.
struct Producer {
    transactional_id: StrBytes,
    id: ProducerId,
    epoch: i16,
}

/// Whether the producer's transaction has the group's partition of `__consumer_offsets`, which it
/// gets by this from version 5 on (KIP-890).
fn check_transaction(
    cluster: &mut Cluster,
    caller: &Caller,
    producer: &Producer,
    group_id: &str,
) -> Result<(), ErrorCode> {
    let kind = CoordinatorKind::Group;
    let place = (
        kind.topic().into(),
        coordinator_partition(cluster, kind, group_id),
    );
    let Producer {
        transactional_id,
        id,
        epoch,
    } = producer;
    if transaction::has_open(cluster, (*id, *epoch), &place) {
        return Ok(());
    }
    let checked = if caller.version >= ADDS_ITSELF {
        transaction::add_partitions(cluster, transactional_id, *id, *epoch, [place])
    } else {
        transaction::verify_partition(cluster, transactional_id, *id, *epoch, &place)
    };
    checked.map_err(|error| match error {
        ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::TRANSACTION_ABORTABLE if caller.version < ABORTABLE => {
            ErrorCode::INVALID_TXN_STATE
        }
        error => error,
    })
}

fn read(topic: TxnOffsetCommitRequestTopic, by_id: bool) -> TopicToCommit {
    let partition = |it: TxnOffsetCommitRequestPartition| PartitionToCommit {
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

fn write(outcome: TopicOutcome) -> TxnOffsetCommitResponseTopic {
    let (name, topic_id) = outcome.topic.fields();
    let partitions = outcome.partitions.into_iter();
    let partition = |(partition_index, error_code)| TxnOffsetCommitResponsePartition {
        partition_index,
        error_code,
        ..Default::default()
    };
    TxnOffsetCommitResponseTopic {
        name,
        topic_id,
        partitions: partitions.map(partition).collect(),
        ..Default::default()
    }
}
