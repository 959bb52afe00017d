//! Tells the brokers, topics and leaders (Metadata, API key 3).

use crate::{BrokerId, ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Asks for brokers, topics, partitions and their leaders.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = Metadata, versions = 0..=13, flexible = 9.., response = MetadataResponse)]
pub struct MetadataRequest {
    /// The topics asked for; empty for none, `None` for all (version 0: empty for all).
    #[field(nullable = 1.., default = Some(Vec::new()))]
    pub topics: Option<Vec<MetadataRequestTopic>>,
    /// Whether topics that do not exist are created, if the broker is configured so. True by
    /// default.
    #[field(versions = 4.., default = true)]
    pub allow_auto_topic_creation: bool,
    /// Whether to tell what the caller may do with the cluster.
    #[field(versions = 8..=10)]
    pub include_cluster_authorized_operations: bool,
    /// Whether to tell what the caller may do with each topic.
    #[field(versions = 8..)]
    pub include_topic_authorized_operations: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic asked for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MetadataRequestTopic {
    /// The topic's id; zero if it is asked for by name.
    #[field(versions = 10.., ignorable)]
    pub topic_id: Uuid,
    /// The name of the topic; `None` if it is asked for by id.
    #[field(nullable = 10.., default = Some(StrBytes::new()))]
    pub name: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The cluster as the broker knows it.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=13, flexible = 9..)]
pub struct MetadataResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    #[field(versions = 3.., ignorable)]
    pub throttle_time_ms: i32,
    /// The brokers that are alive.
    pub brokers: Vec<MetadataResponseBroker>,
    /// The cluster's id.
    #[field(versions = 2.., ignorable)]
    pub cluster_id: Option<StrBytes>,
    /// The broker to send controller requests to; -1 if it is not known.
    #[field(versions = 1.., ignorable)]
    pub controller_id: BrokerId,
    /// The topics.
    pub topics: Vec<MetadataResponseTopic>,
    /// What the caller may do with the cluster: bit n is set wwith the cluster ACL operation n is
    /// allowed; `i32::MIN` if it was not asked for.
    #[field(versions = 8..=10, default = i32::MIN)]
    pub cluster_authorized_operations: i32,
    /// An error of the request as a whole, such as [`ErrorCode::REBOOTSTRAP_REQUIRED`].
    #[field(versions = 13.., ignorable)]
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A broker.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MetadataResponseBroker {
    /// The broker.
    pub node_id: BrokerId,
    /// The host to connect to.
    pub host: StrBytes,
    /// The port to connect to.
    pub port: i32,
    /// The broker's rack; `None` if it has none configured.
    #[field(versions = 1.., ignorable)]
    pub rack: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MetadataResponseTopic {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The name of the topic; `None` if an id was asked for that is not known.
    #[field(nullable = 12.., default = Some(StrBytes::new()))]
    pub name: Option<StrBytes>,
    /// The topic's id; zero if a name was asked for that is not known.
    #[field(versions = 10.., ignorable)]
    pub topic_id: Uuid,
    /// Whether Kafka itself keeps state in the topic.
    #[field(versions = 1.., ignorable)]
    pub is_internal: bool,
    /// The partitions of the topic.
    pub partitions: Vec<MetadataResponsePartition>,
    /// What the caller may do with the topic: bit n is set wwith the topic ACL operation n is
    /// allowed; `i32::MIN` if it was not asked for.
    #[field(versions = 8.., default = i32::MIN)]
    pub topic_authorized_operations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A partition, with its leader and replicas.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MetadataResponsePartition {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The partition.
    pub partition_index: PartitionId,
    /// The broker that leads the partition; -1 if there is none.
    pub leader_id: BrokerId,
    /// The leader epoch, raised with each new leader; -1 if it is not known.
    #[field(versions = 7.., default = -1, ignorable)]
    pub leader_epoch: i32,
    /// The brokers that hold a replica; the preferred leader first.
    pub replica_nodes: Vec<BrokerId>,
    /// The brokers whose replicas are in sync.
    pub isr_nodes: Vec<BrokerId>,
    /// The brokers whose replicas are offline.
    #[field(versions = 5.., ignorable)]
    pub offline_replicas: Vec<BrokerId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
