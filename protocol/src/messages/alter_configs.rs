//! Replaces configurations (AlterConfigs, API key 33).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Replaces all configurations of resources.
/// [`IncrementalAlterConfigsRequest`](super::IncrementalAlterConfigsRequest) is what one usually
/// wants.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = AlterConfigs, versions = 0..=2, flexible = 2..,
    response = AlterConfigsResponse
)]
pub struct AlterConfigsRequest {
    /// The resources.
    pub resources: Vec<AlterConfigsResource>,
    /// Whether to check the request only and change nothing.
    pub validate_only: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A resource and all its configurations.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterConfigsResource {
    /// The kind of resource: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    pub resource_type: i8,
    /// The name of the resource; for a broker its id as text, empty for the default of all brokers.
    pub resource_name: StrBytes,
    /// All the configurations it is to have: others return to their defaults.
    pub configs: Vec<AlterableConfig>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A configuration to set.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterableConfig {
    /// The name of the configuration.
    pub name: StrBytes,
    /// The value; `None` for the default.
    #[field(default = Some(StrBytes::new()))]
    pub value: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each resource.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 2..)]
pub struct AlterConfigsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The results, one for each resource.
    pub responses: Vec<AlterConfigsResourceResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one resource.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterConfigsResourceResponse {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// The kind of resource: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    pub resource_type: i8,
    /// The name of the resource; for a broker its id as text, empty for the default of all brokers.
    pub resource_name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
