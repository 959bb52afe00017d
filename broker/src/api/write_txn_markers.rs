//! WriteTxnMarkers: writes an outcome, as coordinators do, and administrators to transactions that
//! hang.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult,
    WritableTxnMarkerTopic, WritableTxnMarkerTopicResult, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::transaction::{Marker, write_marker};

/// Writes the markers.
pub(super) fn write_txn_markers(
    cluster: &mut Cluster,
    caller: &Caller,
    request: WriteTxnMarkersRequest,
) -> WriteTxnMarkersResponse {
    let write = |marker: WritableTxnMarker| one(cluster, caller, &marker);
    WriteTxnMarkersResponse {
        markers: request.markers.into_iter().map(write).collect(),
        ..Default::default()
    }
}

fn one(
    cluster: &mut Cluster,
    caller: &Caller,
    asked: &WritableTxnMarker,
) -> WritableTxnMarkerResult {
    let allowed = cluster.authorize_cluster(caller, Operation::ClusterAction)
        || cluster.authorize_cluster(caller, Operation::Alter);
    let marker = Marker {
        producer_id: asked.producer_id,
        producer_epoch: asked.producer_epoch,
        commit: asked.transaction_result,
        coordinator_epoch: asked.coordinator_epoch,
    };
    let mut topic = |topic: &WritableTxnMarkerTopic| {
        let name = topic.name.detached();
        let mut partition = |index: &thalweg_protocol::PartitionId| {
            let found = cluster.topics.partition(&name, *index);
            let leads = found.is_some_and(|partition| partition.leader == Some(caller.node));
            let written = match found {
                _ if !allowed => Err(ErrorCode::CLUSTER_AUTHORIZATION_FAILED),
                Some(_) if !leads => Err(ErrorCode::NOT_LEADER_OR_FOLLOWER),
                _ => write_marker(cluster, &name, *index, &marker),
            };
            WritableTxnMarkerPartitionResult {
                partition_index: *index,
                error_code: written.err().unwrap_or(ErrorCode::NONE),
                ..Default::default()
            }
        };
        WritableTxnMarkerTopicResult {
            partitions: topic.partition_indexes.iter().map(&mut partition).collect(),
            name: topic.name.clone(),
            ..Default::default()
        }
    };
    WritableTxnMarkerResult {
        producer_id: asked.producer_id,
        topics: asked.topics.iter().map(&mut topic).collect(),
        ..Default::default()
    }
}
