//! IncrementalAlterConfigs (API key 44).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Incremental alter configs request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = IncrementalAlterConfigs, versions = 0..=1, flexible = 1.., response = IncrementalAlterConfigsResponse)]
pub struct IncrementalAlterConfigsRequest {
    /// Resources.
    pub resources: Vec<IncrementalAlterConfigsResource>,
    /// Validate only.
    pub validate_only: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Incremental alter configs resource.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct IncrementalAlterConfigsResource {
    /// Resource type.
    pub resource_type: i8,
    /// Resource name.
    pub resource_name: StrBytes,
    /// Configs.
    pub configs: Vec<IncrementalAlterableConfig>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Incremental alterable config.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct IncrementalAlterableConfig {
    /// Name.
    pub name: StrBytes,
    /// Config operation.
    pub config_operation: i8,
    /// Value.
    #[field(default = Some(StrBytes::new()))]
    pub value: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Incremental alter configs response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 1..)]
pub struct IncrementalAlterConfigsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Responses.
    pub responses: Vec<IncrementalAlterConfigsResourceResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Incremental alter configs resource response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct IncrementalAlterConfigsResourceResponse {
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Resource type.
    pub resource_type: i8,
    /// Resource name.
    pub resource_name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
