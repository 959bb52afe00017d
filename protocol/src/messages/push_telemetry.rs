//! PushTelemetry (API key 72).

use bytes::Bytes;

use crate::{ErrorCode, Message, UnknownTags, Uuid};

/// Push telemetry request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = PushTelemetry, versions = 0..=0, flexible = 0.., response = PushTelemetryResponse)]
pub struct PushTelemetryRequest {
    /// Client instance id.
    pub client_instance_id: Uuid,
    /// Subscription id.
    pub subscription_id: i32,
    /// Terminating.
    pub terminating: bool,
    /// Compression type.
    pub compression_type: i8,
    /// Metrics.
    pub metrics: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Push telemetry response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct PushTelemetryResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
