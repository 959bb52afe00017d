//! WriteTxnMarkers: writes an outcome, as coordinators do, and administrators to transactions that
//! hang.

use std::time::Duration;

use thalweg_protocol::messages::{
    WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult,
    WritableTxnMarkerTopic, WritableTxnMarkerTopicResult, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};
use thalweg_protocol::{ErrorCode, PartitionId};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster, Reply, Wait};
use crate::transaction::{Fate, Marker, WrittenMarker, write_marker};

/// Writes the markers, and answers when they are replicated.
pub(super) fn write_txn_markers(
    cluster: &mut Cluster,
    caller: &Caller,
    request: WriteTxnMarkersRequest,
    reply: Reply<WriteTxnMarkersRequest>,
) {
    let mut outstanding = Vec::new();
    let mut markers = Vec::with_capacity(request.markers.len());
    for asked in &request.markers {
        let mut topics = Vec::with_capacity(asked.topics.len());
        for topic in &asked.topics {
            let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
            for index in &topic.partition_indexes {
                let mut error_code = ErrorCode::NONE;
                match one(cluster, caller, asked, topic, *index) {
                    Ok(written) => outstanding.push(Outstanding {
                        written,
                        at: [markers.len(), topics.len(), partitions.len()],
                    }),
                    Err(refused) => error_code = refused,
                }
                partitions.push(WritableTxnMarkerPartitionResult {
                    partition_index: *index,
                    error_code,
                    ..Default::default()
                });
            }
            topics.push(WritableTxnMarkerTopicResult {
                name: topic.name.clone(),
                partitions,
                ..Default::default()
            });
        }
        markers.push(WritableTxnMarkerResult {
            producer_id: asked.producer_id,
            topics,
            ..Default::default()
        });
    }
    let mut replicating = Replicating {
        reply: Some(reply),
        response: WriteTxnMarkersResponse {
            markers,
            ..Default::default()
        },
        outstanding,
    };
    if replicating.try_answer(cluster, false) {
        return;
    }
    let patience = cluster.settings.number("request.timeout.ms");
    let patience = Duration::from_millis(u64::try_from(patience).unwrap_or_default());
    let places = replicating.outstanding.iter();
    let places: Vec<_> = places.map(|it| it.written.place()).collect();
    cluster.wait(Box::new(replicating), places, patience);
}

fn one(
    cluster: &mut Cluster,
    caller: &Caller,
    asked: &WritableTxnMarker,
    topic: &WritableTxnMarkerTopic,
    index: PartitionId,
) -> Result<WrittenMarker, ErrorCode> {
    let allowed = cluster.authorize_cluster(caller, Operation::ClusterAction)
        || cluster.authorize_cluster(caller, Operation::Alter);
    if !allowed {
        return Err(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    }
    let name = topic.name.detached();
    let found = cluster.topics.partition(&name, index);
    if found.is_some_and(|partition| partition.leader != Some(caller.node)) {
        return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    }
    let marker = Marker {
        producer_id: asked.producer_id,
        producer_epoch: asked.producer_epoch,
        commit: asked.transaction_result,
        coordinator_epoch: asked.coordinator_epoch,
    };
    write_marker(cluster, &name, index, &marker)
}

/// A marker that is not replicated yet, and where its answer stands.
#[derive(Debug)]
struct Outstanding {
    written: WrittenMarker,
    /// The marker's place in the answer, the topic's in that, the partition's in that.
    at: [usize; 3],
}

/// A request whose markers are written.
#[derive(Debug)]
struct Replicating {
    reply: Option<Reply<WriteTxnMarkersRequest>>,
    response: WriteTxnMarkersResponse,
    outstanding: Vec<Outstanding>,
}

impl Wait for Replicating {
    fn try_answer(&mut self, cluster: &mut Cluster, last: bool) -> bool {
        let response = &mut self.response;
        self.outstanding.retain(|outstanding| {
            let error_code = match outstanding.written.fate(cluster) {
                Fate::Pending if last => ErrorCode::REQUEST_TIMED_OUT,
                Fate::Pending => return true,
                Fate::Replicated => ErrorCode::NONE,
                Fate::Lost => ErrorCode::NOT_LEADER_OR_FOLLOWER,
                Fate::Gone => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            };
            let [marker, topic, partition] = outstanding.at;
            let marker = response.markers.get_mut(marker);
            let topic = marker.and_then(|marker| marker.topics.get_mut(topic));
            if let Some(partition) = topic.and_then(|topic| topic.partitions.get_mut(partition)) {
                partition.error_code = error_code;
            }
            false
        });
        if !self.outstanding.is_empty() {
            return false;
        }
        if let Some(reply) = self.reply.take() {
            reply.send(&self.response);
        }
        true
    }
}
