//! Tells the brokers or controllers (DescribeCluster, API key 60).

use crate::{BrokerId, ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks for the nodes of the cluster.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeCluster, versions = 0..=2, flexible = 0..,
    response = DescribeClusterResponse
)]
pub struct DescribeClusterRequest {
    /// Whether to tell what the caller may do with the cluster.
    pub include_cluster_authorized_operations: bool,
    /// What the nodes are: 1 brokers, 2 controllers.
    #[field(versions = 1.., default = 1)]
    pub endpoint_type: i8,
    /// Whether to include brokers that are registered but not (yet) in service.
    #[field(versions = 2..)]
    pub include_fenced_brokers: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The nodes.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 0..)]
pub struct DescribeClusterResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// What the nodes are: 1 brokers, 2 controllers.
    #[field(versions = 1.., default = 1)]
    pub endpoint_type: i8,
    /// The cluster's id.
    pub cluster_id: StrBytes,
    /// The broker to send controller requests to; -1 if it is not known.
    pub controller_id: BrokerId,
    /// The brokers.
    pub brokers: Vec<DescribeClusterBroker>,
    /// What the caller may do with the cluster: bit n is set wwith the cluster ACL operation n is
    /// allowed; `i32::MIN` if it was not asked for.
    #[field(default = i32::MIN)]
    pub cluster_authorized_operations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A broker, or a controller.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeClusterBroker {
    /// The broker.
    pub broker_id: BrokerId,
    /// The host to connect to.
    pub host: StrBytes,
    /// The port to connect to.
    pub port: i32,
    /// The broker's rack; `None` if it has none configured.
    pub rack: Option<StrBytes>,
    /// Whether the broker is registered but not (yet) in service.
    #[field(versions = 2.., ignorable)]
    pub is_fenced: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
