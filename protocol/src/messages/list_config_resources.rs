//! ListConfigResources (API key 74).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// List config resources request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ListConfigResources, versions = 0..=1, flexible = 0.., response = ListConfigResourcesResponse)]
pub struct ListConfigResourcesRequest {
    /// Resource types.
    #[field(versions = 1..)]
    pub resource_types: Vec<i8>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// List config resources response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct ListConfigResourcesResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Config resources.
    pub config_resources: Vec<ConfigResource>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Config resource.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ConfigResource {
    /// Resource name.
    pub resource_name: StrBytes,
    /// Resource type.
    #[field(versions = 1.., default = 16, ignorable)]
    pub resource_type: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
