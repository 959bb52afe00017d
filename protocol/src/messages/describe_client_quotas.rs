//! Tells quotas (DescribeClientQuotas, API key 48).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks for the quotas of users, client ids and addresses.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeClientQuotas, versions = 0..=1, flexible = 1..,
    response = DescribeClientQuotasResponse
)]
pub struct DescribeClientQuotasRequest {
    /// What the entities must match, part by part.
    pub components: Vec<DescribeClientQuotasComponent>,
    /// Whether entities with further parts are left out.
    pub strict: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What one part of an entity must match.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeClientQuotasComponent {
    /// The kind of entity: `user`, `client-id` or `ip`.
    pub entity_type: StrBytes,
    /// 0 the name given, 1 the default, 2 any name.
    pub match_type: i8,
    /// The name; `None` unless a name is to match.
    #[field(default = Some(StrBytes::new()))]
    pub r#match: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The quotas.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 1..)]
pub struct DescribeClientQuotasResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// The entities that match, with their quotas; `None` if there was an error.
    #[field(default = Some(Vec::new()))]
    pub entries: Option<Vec<DescribeClientQuotasEntry>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// An entity and its quotas.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeClientQuotasEntry {
    /// The entity: one part, or a user and a client id together.
    pub entity: Vec<ClientQuotaEntity>,
    /// The quotas.
    pub values: Vec<ClientQuotaValue>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// One part of an entity.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ClientQuotaEntity {
    /// The kind of entity: `user`, `client-id` or `ip`.
    pub entity_type: StrBytes,
    /// The name; `None` is the default of all entities of this kind.
    #[field(default = Some(StrBytes::new()))]
    pub entity_name: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A quota.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ClientQuotaValue {
    /// The name of the quota: `producer_byte_rate`, for example.
    pub key: StrBytes,
    /// The quota, in the unit its name says.
    pub value: f64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
