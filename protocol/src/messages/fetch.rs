//! Fetch (API key 1).

use bytes::Bytes;

use super::{LeaderIdAndEpoch, NodeEndpoint};
use crate::{
    BrokerId, ErrorCode, Message, Offset, PartitionId, ProducerId, StrBytes, Structure,
    UnknownTags, Uuid,
};

/// Fetch request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = Fetch, versions = 4..=18, flexible = 12.., response = FetchResponse)]
pub struct FetchRequest {
    /// Cluster id.
    #[field(versions = 12.., tag = 0, ignorable)]
    pub cluster_id: Option<StrBytes>,
    /// Replica id.
    #[field(versions = ..=14)]
    pub replica_id: BrokerId,
    /// Replica state.
    #[field(versions = 15.., tag = 1)]
    pub replica_state: ReplicaState,
    /// Max wait ms.
    pub max_wait_ms: i32,
    /// Min bytes.
    pub min_bytes: i32,
    /// Max bytes.
    #[field(default = i32::MAX)]
    pub max_bytes: i32,
    /// Isolation level.
    pub isolation_level: i8,
    /// Session id.
    #[field(versions = 7.., ignorable)]
    pub session_id: i32,
    /// Session epoch.
    #[field(versions = 7.., default = -1, ignorable)]
    pub session_epoch: i32,
    /// Topics.
    pub topics: Vec<FetchTopic>,
    /// Forgotten topics data.
    #[field(versions = 7..)]
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    /// Rack id.
    #[field(versions = 11.., ignorable)]
    pub rack_id: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Replica state.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ReplicaState {
    /// Replica id.
    pub replica_id: BrokerId,
    /// Replica epoch.
    #[field(default = -1)]
    pub replica_epoch: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Fetch topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FetchTopic {
    /// Topic.
    #[field(versions = ..=12, ignorable)]
    pub topic: StrBytes,
    /// Topic id.
    #[field(versions = 13.., ignorable)]
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<FetchPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Fetch partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FetchPartition {
    /// Partition.
    pub partition: PartitionId,
    /// Current leader epoch.
    #[field(versions = 9.., default = -1, ignorable)]
    pub current_leader_epoch: i32,
    /// Fetch offset.
    pub fetch_offset: Offset,
    /// Last fetched epoch.
    #[field(versions = 12.., default = -1)]
    pub last_fetched_epoch: i32,
    /// Log start offset.
    #[field(versions = 5.., default = Offset(-1), ignorable)]
    pub log_start_offset: Offset,
    /// Partition max bytes.
    pub partition_max_bytes: i32,
    /// Replica directory id.
    #[field(versions = 17.., tag = 0, ignorable)]
    pub replica_directory_id: Uuid,
    /// High watermark.
    #[field(versions = 18.., tag = 1, default = Offset(i64::MAX), ignorable)]
    pub high_watermark: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Forgotten topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ForgottenTopic {
    /// Topic.
    #[field(versions = ..=12, ignorable)]
    pub topic: StrBytes,
    /// Topic id.
    #[field(versions = 13.., ignorable)]
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Fetch response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 4..=18, flexible = 12..)]
pub struct FetchResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    #[field(versions = 7.., ignorable)]
    pub error_code: ErrorCode,
    /// Session id.
    #[field(versions = 7..)]
    pub session_id: i32,
    /// Responses.
    pub responses: Vec<FetchableTopicResponse>,
    /// Node endpoints.
    #[field(versions = 16.., tag = 0)]
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Fetchable topic response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FetchableTopicResponse {
    /// Topic.
    #[field(versions = ..=12, ignorable)]
    pub topic: StrBytes,
    /// Topic id.
    #[field(versions = 13.., ignorable)]
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<FetchPartitionData>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Fetch partition data.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FetchPartitionData {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// High watermark.
    pub high_watermark: Offset,
    /// Last stable offset.
    #[field(default = Offset(-1))]
    pub last_stable_offset: Offset,
    /// Log start offset.
    #[field(versions = 5.., default = Offset(-1), ignorable)]
    pub log_start_offset: Offset,
    /// Diverging epoch.
    #[field(versions = 12.., tag = 0)]
    pub diverging_epoch: FetchEpochEndOffset,
    /// Current leader.
    #[field(versions = 12.., tag = 1)]
    pub current_leader: LeaderIdAndEpoch,
    /// Snapshot id.
    #[field(versions = 12.., tag = 2)]
    pub snapshot_id: SnapshotId,
    /// Aborted transactions.
    #[field(default = Some(Vec::new()))]
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// Preferred read replica.
    #[field(versions = 11..)]
    pub preferred_read_replica: BrokerId,
    /// Records.
    pub records: Option<Bytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Fetch epoch end offset.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FetchEpochEndOffset {
    /// Epoch.
    #[field(default = -1)]
    pub epoch: i32,
    /// End offset.
    #[field(default = Offset(-1))]
    pub end_offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Snapshot id.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct SnapshotId {
    /// End offset.
    #[field(default = Offset(-1))]
    pub end_offset: Offset,
    /// Epoch.
    #[field(default = -1)]
    pub epoch: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Aborted transaction.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AbortedTransaction {
    /// Producer id.
    pub producer_id: ProducerId,
    /// First offset.
    pub first_offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
