//! Tells which APIs and versions a broker has (ApiVersions, API key 18).

use crate::{BrokerId, ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks which APIs and versions the broker has; the first request on each connection.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ApiVersions, versions = 0..=5, flexible = 3.., response = ApiVersionsResponse)]
pub struct ApiVersionsRequest {
    /// The name of the client library: letters, digits, dots and hyphens.
    #[field(versions = 3.., ignorable)]
    pub client_software_name: StrBytes,
    /// The version of the client library.
    #[field(versions = 3.., ignorable)]
    pub client_software_version: StrBytes,
    /// The cluster the client means to reach; `None` for any.
    #[field(versions = 5.., ignorable)]
    pub cluster_id: Option<StrBytes>,
    /// The broker the client means to reach; -1 for any.
    #[field(versions = 5.., ignorable)]
    pub node_id: BrokerId,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The APIs and versions. A broker that does not have the request's version answers in version 0.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=5, flexible = 3..)]
pub struct ApiVersionsResponse {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The APIs the broker has.
    pub api_keys: Vec<ApiVersion>,
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// The features the broker supports, each with a range of levels.
    #[field(versions = 3.., tag = 0, ignorable)]
    pub supported_features: Vec<SupportedFeatureKey>,
    /// The epoch of the finalised features; -1 if it is not known.
    #[field(versions = 3.., tag = 1, default = -1, ignorable)]
    pub finalized_features_epoch: i64,
    /// The features of the cluster as a whole, with the level in force.
    #[field(versions = 3.., tag = 2, ignorable)]
    pub finalized_features: Vec<FinalizedFeatureKey>,
    /// Whether the cluster is ready to migrate from ZooKeeper.
    #[field(versions = 3.., tag = 3, ignorable)]
    pub zk_migration_ready: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// An API and the versions of it that the broker has.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ApiVersion {
    /// The API, by number: one may come that is not known here.
    pub api_key: i16,
    /// The oldest version supported.
    pub min_version: i16,
    /// The newest version supported.
    pub max_version: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A feature and the levels of it that the broker supports.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct SupportedFeatureKey {
    /// The name of the feature.
    pub name: StrBytes,
    /// The lowest level supported.
    pub min_version: i16,
    /// The highest level supported.
    pub max_version: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A feature and the levels of it that are in force in the cluster.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FinalizedFeatureKey {
    /// The name of the feature: `transaction.version`, for example.
    pub name: StrBytes,
    /// The highest level in force.
    pub max_version_level: i16,
    /// The lowest level in force.
    pub min_version_level: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
