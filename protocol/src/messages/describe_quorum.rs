//! DescribeQuorum (API key 55).

use crate::{
    BrokerId, ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid,
};

/// Describe quorum request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeQuorum, versions = 0..=2, flexible = 0.., response = DescribeQuorumResponse)]
pub struct DescribeQuorumRequest {
    /// Topics.
    pub topics: Vec<DescribeQuorumTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe quorum topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeQuorumTopic {
    /// Topic name.
    pub topic_name: StrBytes,
    /// Partitions.
    pub partitions: Vec<DescribeQuorumPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe quorum partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeQuorumPartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe quorum response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 0..)]
pub struct DescribeQuorumResponse {
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(versions = 2.., default = Some(StrBytes::new()), ignorable)]
    pub error_message: Option<StrBytes>,
    /// Topics.
    pub topics: Vec<QuorumTopic>,
    /// Nodes.
    #[field(versions = 2..)]
    pub nodes: Vec<QuorumNode>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Quorum topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct QuorumTopic {
    /// Topic name.
    pub topic_name: StrBytes,
    /// Partitions.
    pub partitions: Vec<QuorumPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Quorum partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct QuorumPartition {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(versions = 2.., default = Some(StrBytes::new()), ignorable)]
    pub error_message: Option<StrBytes>,
    /// Leader id.
    pub leader_id: BrokerId,
    /// Leader epoch.
    pub leader_epoch: i32,
    /// High watermark.
    pub high_watermark: Offset,
    /// Current voters.
    pub current_voters: Vec<QuorumReplicaState>,
    /// Observers.
    pub observers: Vec<QuorumReplicaState>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Quorum replica state.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct QuorumReplicaState {
    /// Replica id.
    pub replica_id: BrokerId,
    /// Replica directory id.
    #[field(versions = 2..)]
    pub replica_directory_id: Uuid,
    /// Log end offset.
    pub log_end_offset: Offset,
    /// Last fetch timestamp.
    #[field(versions = 1.., default = -1, ignorable)]
    pub last_fetch_timestamp: i64,
    /// Last caught up timestamp.
    #[field(versions = 1.., default = -1, ignorable)]
    pub last_caught_up_timestamp: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Quorum node.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct QuorumNode {
    /// Node id.
    pub node_id: BrokerId,
    /// Listeners.
    pub listeners: Vec<QuorumListener>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Quorum listener.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct QuorumListener {
    /// Name.
    pub name: StrBytes,
    /// Host.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
