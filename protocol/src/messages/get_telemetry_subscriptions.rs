//! GetTelemetrySubscriptions (API key 71).

use crate::{ErrorCode, Message, StrBytes, UnknownTags, Uuid};

/// Get telemetry subscriptions request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = GetTelemetrySubscriptions, versions = 0..=0, flexible = 0.., response = GetTelemetrySubscriptionsResponse)]
pub struct GetTelemetrySubscriptionsRequest {
    /// Client instance id.
    pub client_instance_id: Uuid,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Get telemetry subscriptions response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct GetTelemetrySubscriptionsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Client instance id.
    pub client_instance_id: Uuid,
    /// Subscription id.
    pub subscription_id: i32,
    /// Accepted compression types.
    pub accepted_compression_types: Vec<i8>,
    /// Push interval ms.
    pub push_interval_ms: i32,
    /// Telemetry max bytes.
    pub telemetry_max_bytes: i32,
    /// Delta temporality.
    pub delta_temporality: bool,
    /// Requested metrics.
    pub requested_metrics: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
