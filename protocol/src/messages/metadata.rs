//! Metadata (API key 3).

use crate::{BrokerId, ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Metadata request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = Metadata, versions = 0..=13, flexible = 9.., response = MetadataResponse)]
pub struct MetadataRequest {
    /// Topics.
    #[field(nullable = 1.., default = Some(Vec::new()))]
    pub topics: Option<Vec<MetadataRequestTopic>>,
    /// Allow auto topic creation.
    #[field(versions = 4.., default = true)]
    pub allow_auto_topic_creation: bool,
    /// Include cluster authorized operations.
    #[field(versions = 8..=10)]
    pub include_cluster_authorized_operations: bool,
    /// Include topic authorized operations.
    #[field(versions = 8..)]
    pub include_topic_authorized_operations: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Metadata request topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MetadataRequestTopic {
    /// Topic id.
    #[field(versions = 10.., ignorable)]
    pub topic_id: Uuid,
    /// Name.
    #[field(nullable = 10.., default = Some(StrBytes::new()))]
    pub name: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Metadata response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=13, flexible = 9..)]
pub struct MetadataResponse {
    /// Throttle time ms.
    #[field(versions = 3.., ignorable)]
    pub throttle_time_ms: i32,
    /// Brokers.
    pub brokers: Vec<MetadataResponseBroker>,
    /// Cluster id.
    #[field(versions = 2.., ignorable)]
    pub cluster_id: Option<StrBytes>,
    /// Controller id.
    #[field(versions = 1.., ignorable)]
    pub controller_id: BrokerId,
    /// Topics.
    pub topics: Vec<MetadataResponseTopic>,
    /// Cluster authorized operations.
    #[field(versions = 8..=10, default = i32::MIN)]
    pub cluster_authorized_operations: i32,
    /// Error code.
    #[field(versions = 13.., ignorable)]
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Metadata response broker.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MetadataResponseBroker {
    /// Node id.
    pub node_id: BrokerId,
    /// Host.
    pub host: StrBytes,
    /// Port.
    pub port: i32,
    /// Rack.
    #[field(versions = 1.., ignorable)]
    pub rack: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Metadata response topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MetadataResponseTopic {
    /// Error code.
    pub error_code: ErrorCode,
    /// Name.
    #[field(nullable = 12.., default = Some(StrBytes::new()))]
    pub name: Option<StrBytes>,
    /// Topic id.
    #[field(versions = 10.., ignorable)]
    pub topic_id: Uuid,
    /// Is internal.
    #[field(versions = 1.., ignorable)]
    pub is_internal: bool,
    /// Partitions.
    pub partitions: Vec<MetadataResponsePartition>,
    /// Topic authorized operations.
    #[field(versions = 8.., default = i32::MIN)]
    pub topic_authorized_operations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Metadata response partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MetadataResponsePartition {
    /// Error code.
    pub error_code: ErrorCode,
    /// Partition index.
    pub partition_index: PartitionId,
    /// Leader id.
    pub leader_id: BrokerId,
    /// Leader epoch.
    #[field(versions = 7.., default = -1, ignorable)]
    pub leader_epoch: i32,
    /// Replica nodes.
    pub replica_nodes: Vec<BrokerId>,
    /// Isr nodes.
    pub isr_nodes: Vec<BrokerId>,
    /// Offline replicas.
    #[field(versions = 5.., ignorable)]
    pub offline_replicas: Vec<BrokerId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
