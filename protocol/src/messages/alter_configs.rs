//! AlterConfigs (API key 33).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Alter configs request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = AlterConfigs, versions = 0..=2, flexible = 2.., response = AlterConfigsResponse)]
pub struct AlterConfigsRequest {
    /// Resources.
    pub resources: Vec<AlterConfigsResource>,
    /// Validate only.
    pub validate_only: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter configs resource.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterConfigsResource {
    /// Resource type.
    pub resource_type: i8,
    /// Resource name.
    pub resource_name: StrBytes,
    /// Configs.
    pub configs: Vec<AlterableConfig>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alterable config.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterableConfig {
    /// Name.
    pub name: StrBytes,
    /// Value.
    #[field(default = Some(StrBytes::new()))]
    pub value: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter configs response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 2..)]
pub struct AlterConfigsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Responses.
    pub responses: Vec<AlterConfigsResourceResponse>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter configs resource response.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterConfigsResourceResponse {
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
