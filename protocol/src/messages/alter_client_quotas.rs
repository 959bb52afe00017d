//! AlterClientQuotas (API key 49).

use super::ClientQuotaEntity;
use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Alter client quotas request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = AlterClientQuotas, versions = 0..=1, flexible = 1.., response = AlterClientQuotasResponse)]
pub struct AlterClientQuotasRequest {
    /// Entries.
    pub entries: Vec<AlterClientQuotasEntry>,
    /// Validate only.
    pub validate_only: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter client quotas entry.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterClientQuotasEntry {
    /// Entity.
    pub entity: Vec<ClientQuotaEntity>,
    /// Ops.
    pub ops: Vec<ClientQuotaOperation>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Client quota operation.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ClientQuotaOperation {
    /// Key.
    pub key: StrBytes,
    /// Value.
    pub value: f64,
    /// Remove.
    pub remove: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter client quotas response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 1..)]
pub struct AlterClientQuotasResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Entries.
    pub entries: Vec<AlterClientQuotasEntryResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter client quotas entry result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterClientQuotasEntryResult {
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Entity.
    pub entity: Vec<ClientQuotaEntity>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
