//! Lists the resources that have configurations (ListConfigResources, API key 74).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks which resources have configurations.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = ListConfigResources, versions = 0..=1, flexible = 0..,
    response = ListConfigResourcesResponse
)]
pub struct ListConfigResourcesRequest {
    /// The kinds to list: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group; empty
    /// for all.
    #[field(versions = 1..)]
    pub resource_types: Vec<i8>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The resources.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct ListConfigResourcesResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The resources.
    pub config_resources: Vec<ConfigResource>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A resource that has configurations.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ConfigResource {
    /// The name of the resource; for a broker its id as text, empty for the default of all brokers.
    pub resource_name: StrBytes,
    /// The kind of resource: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group. 16 by
    /// default.
    #[field(versions = 1.., default = 16, ignorable)]
    pub resource_type: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
