//! DescribeConfigs (API key 32).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Describe configs request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeConfigs, versions = 1..=4, flexible = 4.., response = DescribeConfigsResponse)]
pub struct DescribeConfigsRequest {
    /// Resources.
    pub resources: Vec<DescribeConfigsResource>,
    /// Include synonyms.
    pub include_synonyms: bool,
    /// Include documentation.
    #[field(versions = 3..)]
    pub include_documentation: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe configs resource.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeConfigsResource {
    /// Resource type.
    pub resource_type: i8,
    /// Resource name.
    pub resource_name: StrBytes,
    /// Configuration keys.
    #[field(default = Some(Vec::new()))]
    pub configuration_keys: Option<Vec<StrBytes>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe configs response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=4, flexible = 4..)]
pub struct DescribeConfigsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Results.
    pub results: Vec<DescribeConfigsResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe configs result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeConfigsResult {
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Resource type.
    pub resource_type: i8,
    /// Resource name.
    pub resource_name: StrBytes,
    /// Configs.
    pub configs: Vec<DescribeConfigsResourceResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe configs resource result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeConfigsResourceResult {
    /// Name.
    pub name: StrBytes,
    /// Value.
    #[field(default = Some(StrBytes::new()))]
    pub value: Option<StrBytes>,
    /// Read only.
    pub read_only: bool,
    /// Config source.
    #[field(default = -1)]
    pub config_source: i8,
    /// Is sensitive.
    pub is_sensitive: bool,
    /// Synonyms.
    pub synonyms: Vec<DescribeConfigsSynonym>,
    /// Config type.
    #[field(versions = 3.., ignorable)]
    pub config_type: i8,
    /// Documentation.
    #[field(versions = 3.., default = Some(StrBytes::new()), ignorable)]
    pub documentation: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe configs synonym.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeConfigsSynonym {
    /// Name.
    pub name: StrBytes,
    /// Value.
    #[field(default = Some(StrBytes::new()))]
    pub value: Option<StrBytes>,
    /// Source.
    pub source: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
