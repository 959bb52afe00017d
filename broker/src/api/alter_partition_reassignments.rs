//! AlterPartitionReassignments: other replicas for partitions. It is done at once.

use thalweg_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::fault::{Fault, fault, told};
use crate::acl::Operation;
use crate::cluster::new_topic::check_replicas;
use crate::cluster::{Caller, Cluster};

/// Moves each partition on its own.
pub(super) fn alter_partition_reassignments(
    cluster: &mut Cluster,
    caller: &Caller,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    if !cluster.authorize_cluster(caller, Operation::Alter) {
        let (error_code, message) = fault(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
        return AlterPartitionReassignmentsResponse {
            error_code,
            error_message: Some(message.into()),
            ..Default::default()
        };
    }
    let may_change_factor = request.allow_replication_factor_change;
    let mut responses = Vec::new();
    for topic in request.topics {
        let mut partitions = Vec::new();
        for partition in topic.partitions {
            let outcome = reassign(cluster, &topic.name, &partition, may_change_factor);
            let (error_code, error_message) = told(outcome);
            partitions.push(ReassignablePartitionResponse {
                partition_index: partition.partition_index,
                error_code,
                error_message,
                ..Default::default()
            });
        }
        responses.push(ReassignableTopicResponse {
            name: topic.name,
            partitions,
            ..Default::default()
        });
    }
    AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: may_change_factor,
        error_message: None,
        responses,
        ..Default::default()
    }
}

fn reassign(
    cluster: &mut Cluster,
    topic: &StrBytes,
    asked: &ReassignablePartition,
    may_change_factor: bool,
) -> Result<(), Fault> {
    let unknown = |what: String| Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, what));
    if cluster.topics.topic(topic).is_none() {
        return unknown(format!("Unable to find a topic named {topic}."));
    }
    let index = asked.partition_index;
    let Some(partition) = cluster.topics.partition(topic, index) else {
        return unknown(format!("Unable to find partition {topic}:{index}."));
    };
    // What is done at once is never under way, so that nothing can be cancelled.
    let Some(replicas) = &asked.replicas else {
        return Err(fault(ErrorCode::NO_REASSIGNMENT_IN_PROGRESS));
    };
    let factor = partition.replicas.len();
    check_replicas(cluster, replicas, None)?;
    if !may_change_factor && replicas.len() != factor {
        let message = format!(
            "The replication factor is changed from {factor} to {}",
            replicas.len()
        );
        return Err((ErrorCode::INVALID_REPLICATION_FACTOR, message));
    }
    cluster.replicate_by(topic, index, replicas.clone());
    Ok(())
}
