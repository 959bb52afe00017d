//! Writes the ends of transactions into partitions (WriteTxnMarkers, API key 27).

use crate::{ErrorCode, Message, PartitionId, ProducerId, StrBytes, Structure, UnknownTags};

/// Writes commit and abort markers; sent by transaction coordinators.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = WriteTxnMarkers, versions = 1..=2, flexible = 1..,
    response = WriteTxnMarkersResponse
)]
pub struct WriteTxnMarkersRequest {
    /// The markers.
    pub markers: Vec<WritableTxnMarker>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The end of one transaction.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct WritableTxnMarker {
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The producer's epoch, which fences older instances of it.
    pub producer_epoch: i16,
    /// Whether the transaction is committed; else aborted.
    pub transaction_result: bool,
    /// The partitions to write the marker to.
    pub topics: Vec<WritableTxnMarkerTopic>,
    /// The epoch of the transaction coordinator, raised whenever it moves.
    pub coordinator_epoch: i32,
    /// The `transaction.version` the transaction runs under; 0 for the oldest.
    #[field(versions = 2.., ignorable)]
    pub transaction_version: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The partitions of one topic to mark.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct WritableTxnMarkerTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partition_indexes: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each marker.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 1..)]
pub struct WriteTxnMarkersResponse {
    /// The results, one for each marker.
    pub markers: Vec<WritableTxnMarkerResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one marker.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct WritableTxnMarkerResult {
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The results, one for each topic.
    pub topics: Vec<WritableTxnMarkerTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of it in one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct WritableTxnMarkerTopicResult {
    /// The name of the topic.
    pub name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<WritableTxnMarkerPartitionResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of it in one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct WritableTxnMarkerPartitionResult {
    /// The partition.
    pub partition_index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
