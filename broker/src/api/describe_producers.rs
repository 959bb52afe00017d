//! DescribeProducers: who writes to a partition, and since when its transaction is open.

use thalweg_protocol::messages::{
    DescribeProducersPartitionResponse, DescribeProducersRequest, DescribeProducersResponse,
    DescribeProducersTopicRequest, DescribeProducersTopicResponse, ProducerState,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId, StrBytes};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

/// Describes each partition.
pub(super) fn describe_producers(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let topic = |topic: DescribeProducersTopicRequest| DescribeProducersTopicResponse {
        partitions: topic
            .partition_indexes
            .iter()
            .map(|index| one(cluster, caller, &topic.name, *index))
            .collect(),
        name: topic.name,
        ..Default::default()
    };
    DescribeProducersResponse {
        topics: request.topics.into_iter().map(topic).collect(),
        ..Default::default()
    }
}

fn one(
    cluster: &Cluster,
    caller: &Caller,
    topic: &StrBytes,
    index: PartitionId,
) -> DescribeProducersPartitionResponse {
    let mut answer = DescribeProducersPartitionResponse {
        partition_index: index,
        ..Default::default()
    };
    if let Err(denied) = cluster.check_topic(caller, Operation::Read, topic) {
        answer.error_code = denied;
        return answer;
    }
    let Some(partition) = cluster.topics.partition(topic, index) else {
        answer.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        if cluster.topics.topic(topic).is_none() {
            answer.error_message = Some("This server does not host this topic-partition.".into());
        }
        return answer;
    };
    answer.error_code = partition.check_leader(caller.node, -1);
    if !answer.error_code.is_none() {
        return answer;
    }
    let producers = partition.log.producers().iter();
    let state = producers.map(|(producer_id, entry)| ProducerState {
        producer_id,
        producer_epoch: i32::from(entry.producer_epoch),
        last_sequence: entry.last_sequence(),
        last_timestamp: entry.last_timestamp,
        coordinator_epoch: entry.coordinator_epoch,
        current_txn_start_offset: Offset(entry.transaction_start.unwrap_or(-1)),
        ..Default::default()
    });
    answer.active_producers = state.collect();
    answer
}
