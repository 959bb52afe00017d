//! DescribeCluster (API key 60).

use crate::{BrokerId, ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Describe cluster request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeCluster, versions = 0..=2, flexible = 0.., response = DescribeClusterResponse)]
pub struct DescribeClusterRequest {
    /// Include cluster authorized operations.
    pub include_cluster_authorized_operations: bool,
    /// Endpoint type.
    #[field(versions = 1.., default = 1)]
    pub endpoint_type: i8,
    /// Include fenced brokers.
    #[field(versions = 2..)]
    pub include_fenced_brokers: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe cluster response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 0..)]
pub struct DescribeClusterResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Endpoint type.
    #[field(versions = 1.., default = 1)]
    pub endpoint_type: i8,
    /// Cluster id.
    pub cluster_id: StrBytes,
    /// Controller id.
    pub controller_id: BrokerId,
    /// Brokers.
    pub brokers: Vec<DescribeClusterBroker>,
    /// Cluster authorized operations.
    #[field(default = i32::MIN)]
    pub cluster_authorized_operations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe cluster broker.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeClusterBroker {
    /// Broker id.
    pub broker_id: BrokerId,
    /// Host.
    pub host: StrBytes,
    /// Port.
    pub port: i32,
    /// Rack.
    pub rack: Option<StrBytes>,
    /// Is fenced.
    #[field(versions = 2.., ignorable)]
    pub is_fenced: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
