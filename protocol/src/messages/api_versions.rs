//! ApiVersions (API key 18).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Api versions request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ApiVersions, versions = 0..=5, flexible = 3.., response = ApiVersionsResponse)]
pub struct ApiVersionsRequest {
    /// Client software name.
    #[field(versions = 3.., ignorable)]
    pub client_software_name: StrBytes,
    /// Client software version.
    #[field(versions = 3.., ignorable)]
    pub client_software_version: StrBytes,
    /// Cluster id.
    #[field(versions = 5.., ignorable)]
    pub cluster_id: Option<StrBytes>,
    /// Node id.
    #[field(versions = 5.., default = -1, ignorable)]
    pub node_id: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Api versions response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=5, flexible = 3..)]
pub struct ApiVersionsResponse {
    /// Error code.
    pub error_code: ErrorCode,
    /// Api keys.
    pub api_keys: Vec<ApiVersion>,
    /// Throttle time ms.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// Supported features.
    #[field(versions = 3.., tag = 0, ignorable)]
    pub supported_features: Vec<SupportedFeatureKey>,
    /// Finalized features epoch.
    #[field(versions = 3.., tag = 1, default = -1, ignorable)]
    pub finalized_features_epoch: i64,
    /// Finalized features.
    #[field(versions = 3.., tag = 2, ignorable)]
    pub finalized_features: Vec<FinalizedFeatureKey>,
    /// Zk migration ready.
    #[field(versions = 3.., tag = 3, ignorable)]
    pub zk_migration_ready: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Api version.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ApiVersion {
    /// Api key.
    pub api_key: i16,
    /// Min version.
    pub min_version: i16,
    /// Max version.
    pub max_version: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Supported feature key.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct SupportedFeatureKey {
    /// Name.
    pub name: StrBytes,
    /// Min version.
    pub min_version: i16,
    /// Max version.
    pub max_version: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Finalized feature key.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FinalizedFeatureKey {
    /// Name.
    pub name: StrBytes,
    /// Max version level.
    pub max_version_level: i16,
    /// Min version level.
    pub min_version_level: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
