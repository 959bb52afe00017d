//! AlterReplicaLogDirs: there is one directory, where every replica is already.

use thalweg_protocol::messages::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
};
use thalweg_protocol::{ErrorCode, PartitionId};

use super::describe_log_dirs::DIRECTORY;
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

/// Tells of each replica whether it can be moved.
pub(super) fn alter_replica_log_dirs(
    cluster: &mut Cluster,
    caller: &Caller,
    request: AlterReplicaLogDirsRequest,
) -> AlterReplicaLogDirsResponse {
    let allowed = cluster.authorize_cluster(caller, Operation::Alter);
    let outcome = |path: &str, topic: &str, index: PartitionId| {
        if !allowed {
            return ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
        }
        if path != DIRECTORY {
            return ErrorCode::LOG_DIR_NOT_FOUND;
        }
        match cluster.topics.partition(topic, index) {
            Some(partition) if partition.replicas.contains(&caller.node) => ErrorCode::NONE,
            Some(_) => ErrorCode::REPLICA_NOT_AVAILABLE,
            None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        }
    };
    let mut results = Vec::new();
    for directory in request.dirs {
        for topic in directory.topics {
            let partition = |index: &PartitionId| AlterReplicaLogDirPartitionResult {
                partition_index: *index,
                error_code: outcome(&directory.path, &topic.name, *index),
                ..Default::default()
            };
            results.push(AlterReplicaLogDirTopicResult {
                partitions: topic.partitions.iter().map(partition).collect(),
                topic_name: topic.name,
                ..Default::default()
            });
        }
    }
    AlterReplicaLogDirsResponse {
        results,
        ..Default::default()
    }
}
