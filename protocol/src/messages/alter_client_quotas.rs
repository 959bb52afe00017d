//! Changes quotas (AlterClientQuotas, API key 49).

use super::ClientQuotaEntity;
use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Changes the quotas of users, client ids and addresses.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = AlterClientQuotas, versions = 0..=1, flexible = 1..,
    response = AlterClientQuotasResponse
)]
pub struct AlterClientQuotasRequest {
    /// The entries.
    pub entries: Vec<AlterClientQuotasEntry>,
    /// Whether to check the request only and change nothing.
    pub validate_only: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// An entity and the changes to its quotas.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterClientQuotasEntry {
    /// The entity: one part, or a user and a client id together.
    pub entity: Vec<ClientQuotaEntity>,
    /// The changes.
    pub ops: Vec<ClientQuotaOperation>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A change to a quota.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ClientQuotaOperation {
    /// The name of the quota: `producer_byte_rate`, for example.
    pub key: StrBytes,
    /// The quota, in the unit its name says; of no meaning where it is removed.
    pub value: f64,
    /// Whether to remove the quota; else it is set.
    pub remove: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each entity.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 1..)]
pub struct AlterClientQuotasResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The entries.
    pub entries: Vec<AlterClientQuotasEntryResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one entity.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterClientQuotasEntryResult {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// The entity: one part, or a user and a client id together.
    pub entity: Vec<ClientQuotaEntity>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
