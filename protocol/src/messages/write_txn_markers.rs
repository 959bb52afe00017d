//! WriteTxnMarkers (API key 27).

use crate::{ErrorCode, Message, PartitionId, ProducerId, StrBytes, Structure, UnknownTags};

/// Write txn markers request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = WriteTxnMarkers, versions = 1..=2, flexible = 1.., response = WriteTxnMarkersResponse)]
pub struct WriteTxnMarkersRequest {
    /// Markers.
    pub markers: Vec<WritableTxnMarker>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Writable txn marker.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct WritableTxnMarker {
    /// Producer id.
    pub producer_id: ProducerId,
    /// Producer epoch.
    pub producer_epoch: i16,
    /// Transaction result.
    pub transaction_result: bool,
    /// Topics.
    pub topics: Vec<WritableTxnMarkerTopic>,
    /// Coordinator epoch.
    pub coordinator_epoch: i32,
    /// Transaction version.
    #[field(versions = 2.., ignorable)]
    pub transaction_version: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Writable txn marker topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct WritableTxnMarkerTopic {
    /// Name.
    pub name: StrBytes,
    /// Partition indexes.
    pub partition_indexes: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Write txn markers response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 1..)]
pub struct WriteTxnMarkersResponse {
    /// Markers.
    pub markers: Vec<WritableTxnMarkerResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Writable txn marker result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct WritableTxnMarkerResult {
    /// Producer id.
    pub producer_id: ProducerId,
    /// Topics.
    pub topics: Vec<WritableTxnMarkerTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Writable txn marker topic result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct WritableTxnMarkerTopicResult {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: Vec<WritableTxnMarkerPartitionResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Writable txn marker partition result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct WritableTxnMarkerPartitionResult {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
