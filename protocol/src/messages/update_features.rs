//! Changes the levels of features (UpdateFeatures, API key 57).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Raises or lowers the levels of features of the cluster.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = UpdateFeatures, versions = 0..=2, flexible = 0..,
    response = UpdateFeaturesResponse
)]
pub struct UpdateFeaturesRequest {
    /// How many milliseconds the broker may take before it answers that it timed out; 60000 by
    /// default.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// The features to change.
    pub feature_updates: Vec<FeatureUpdateKey>,
    /// Whether to check the request only and change nothing.
    #[field(versions = 1..)]
    pub validate_only: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A feature to change.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FeatureUpdateKey {
    /// The name of the feature: `transaction.version`, for example.
    pub feature: StrBytes,
    /// The level to set; 0 to remove the feature.
    pub max_version_level: i16,
    /// Whether the level may be lowered (version 0 only).
    #[field(versions = ..=0)]
    pub allow_downgrade: bool,
    /// 1 raises the level, 2 lowers it if nothing is lost, 3 lowers it even if something is.
    #[field(versions = 1.., default = 1)]
    pub upgrade_type: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of the features.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 0..)]
pub struct UpdateFeaturesResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// The results, one for each feature, up to version 1.
    #[field(versions = ..=1, ignorable)]
    pub results: Vec<UpdatableFeatureResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one feature.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct UpdatableFeatureResult {
    /// The name of the feature: `transaction.version`, for example.
    pub feature: StrBytes,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
