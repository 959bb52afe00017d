//! DescribeQuorum: the brokers as the voters of a metadata quorum that always agrees (KIP-595).

use thalweg_protocol::messages::{
    DescribeQuorumRequest, DescribeQuorumResponse, QuorumListener, QuorumNode, QuorumPartition,
    QuorumReplicaState, QuorumTopic,
};
use thalweg_protocol::{BrokerId, ErrorCode, Offset, PartitionId};

use super::fault::fault;
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

const METADATA_TOPIC: &str = "__cluster_metadata";

/// Describes the quorum of the one topic that has one.
pub(super) fn describe_quorum(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    if !cluster.authorize_cluster(caller, Operation::Describe) {
        return DescribeQuorumResponse {
            error_code: ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
            ..Default::default()
        };
    }
    let known = match request.topics.as_slice() {
        [topic] if topic.topic_name == METADATA_TOPIC => {
            let mut indexes = topic.partitions.iter();
            indexes.len() == 1 && indexes.all(|row| row.partition_index == PartitionId(0))
        }
        _ => false,
    };
    let topics = request.topics.into_iter().map(|topic| QuorumTopic {
        topic_name: topic.topic_name,
        partitions: topic
            .partitions
            .iter()
            .map(|row| {
                if known {
                    partition(cluster)
                } else {
                    unknown(row.partition_index)
                }
            })
            .collect(),
        ..Default::default()
    });
    let topics = topics.collect();
    DescribeQuorumResponse {
        error_message: Some("".into()),
        topics,
        nodes: if known { nodes(cluster) } else { Vec::new() },
        ..Default::default()
    }
}

fn unknown(partition_index: PartitionId) -> QuorumPartition {
    QuorumPartition {
        partition_index,
        error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        error_message: Some(fault(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION).1.into()),
        leader_id: BrokerId(0),
        ..Default::default()
    }
}

fn partition(cluster: &Cluster) -> QuorumPartition {
    // There is no log of metadata; it is as long as the cluster is old, in milliseconds.
    let end = Offset(cluster.now.wall_ms.max(1));
    let voter = |replica_id: BrokerId| QuorumReplicaState {
        replica_id,
        log_end_offset: end,
        last_fetch_timestamp: cluster.now.wall_ms,
        last_caught_up_timestamp: cluster.now.wall_ms,
        ..Default::default()
    };
    QuorumPartition {
        leader_id: cluster.nodes.controller().unwrap_or_default(),
        leader_epoch: 1,
        high_watermark: end,
        current_voters: cluster.nodes.ids().map(voter).collect(),
        ..Default::default()
    }
}

fn nodes(cluster: &Cluster) -> Vec<QuorumNode> {
    let node = |id: BrokerId| {
        let node = cluster.nodes.node(id)?;
        let listener = QuorumListener {
            name: "CONTROLLER".into(),
            host: node.host.clone(),
            port: node.port,
            ..Default::default()
        };
        Some(QuorumNode {
            node_id: id,
            listeners: vec![listener],
            ..Default::default()
        })
    };
    cluster.nodes.ids().filter_map(node).collect()
}
