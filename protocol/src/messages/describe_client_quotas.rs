//! DescribeClientQuotas (API key 48).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Describe client quotas request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeClientQuotas, versions = 0..=1, flexible = 1.., response = DescribeClientQuotasResponse)]
pub struct DescribeClientQuotasRequest {
    /// Components.
    pub components: Vec<DescribeClientQuotasComponent>,
    /// Strict.
    pub strict: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe client quotas component.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeClientQuotasComponent {
    /// Entity type.
    pub entity_type: StrBytes,
    /// Match type.
    pub match_type: i8,
    /// Match.
    #[field(default = Some(StrBytes::new()))]
    pub r#match: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe client quotas response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 1..)]
pub struct DescribeClientQuotasResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Entries.
    #[field(default = Some(Vec::new()))]
    pub entries: Option<Vec<DescribeClientQuotasEntry>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe client quotas entry.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeClientQuotasEntry {
    /// Entity.
    pub entity: Vec<ClientQuotaEntity>,
    /// Values.
    pub values: Vec<ClientQuotaValue>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Client quota entity.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ClientQuotaEntity {
    /// Entity type.
    pub entity_type: StrBytes,
    /// Entity name.
    #[field(default = Some(StrBytes::new()))]
    pub entity_name: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Client quota value.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ClientQuotaValue {
    /// Key.
    pub key: StrBytes,
    /// Value.
    pub value: f64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
