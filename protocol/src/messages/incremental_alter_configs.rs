//! Changes configurations one by one (IncrementalAlterConfigs, API key 44).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Changes single configurations of resources and leaves the others (KIP-339).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = IncrementalAlterConfigs, versions = 0..=1, flexible = 1..,
    response = IncrementalAlterConfigsResponse
)]
pub struct IncrementalAlterConfigsRequest {
    /// The resources.
    pub resources: Vec<IncrementalAlterConfigsResource>,
    /// Whether to check the request only and change nothing.
    pub validate_only: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A resource and the configurations to change.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct IncrementalAlterConfigsResource {
    /// The kind of resource: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    pub resource_type: i8,
    /// The name of the resource; for a broker its id as text, empty for the default of all brokers.
    pub resource_name: StrBytes,
    /// The configurations to change: others stay.
    pub configs: Vec<IncrementalAlterableConfig>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A change to a configuration.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct IncrementalAlterableConfig {
    /// The name of the configuration.
    pub name: StrBytes,
    /// 0 sets the value, 1 deletes it, 2 appends to a list, 3 removes from a list.
    pub config_operation: i8,
    /// The value; `None` where it is deleted.
    #[field(default = Some(StrBytes::new()))]
    pub value: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each resource.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 1..)]
pub struct IncrementalAlterConfigsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The results, one for each resource.
    pub responses: Vec<IncrementalAlterConfigsResourceResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one resource.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct IncrementalAlterConfigsResourceResponse {
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
