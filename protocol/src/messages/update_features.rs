//! UpdateFeatures (API key 57).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Update features request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = UpdateFeatures, versions = 0..=2, flexible = 0.., response = UpdateFeaturesResponse)]
pub struct UpdateFeaturesRequest {
    /// Timeout ms.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Feature updates.
    pub feature_updates: Vec<FeatureUpdateKey>,
    /// Validate only.
    #[field(versions = 1..)]
    pub validate_only: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Feature update key.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FeatureUpdateKey {
    /// Feature.
    pub feature: StrBytes,
    /// Max version level.
    pub max_version_level: i16,
    /// Allow downgrade.
    #[field(versions = ..=0)]
    pub allow_downgrade: bool,
    /// Upgrade type.
    #[field(versions = 1.., default = 1)]
    pub upgrade_type: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Update features response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 0..)]
pub struct UpdateFeaturesResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Results.
    #[field(versions = ..=1, ignorable)]
    pub results: Vec<UpdatableFeatureResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Updatable feature result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct UpdatableFeatureResult {
    /// Feature.
    pub feature: StrBytes,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
