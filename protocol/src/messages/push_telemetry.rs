//! Brings metrics to the brokers (PushTelemetry, API key 72).

use bytes::Bytes;

use crate::{ErrorCode, Message, UnknownTags, Uuid};

/// Pushes metrics (KIP-714).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = PushTelemetry, versions = 0..=0, flexible = 0..,
    response = PushTelemetryResponse
)]
pub struct PushTelemetryRequest {
    /// The id of this client instance, given by a broker; zero before that.
    pub client_instance_id: Uuid,
    /// The subscription: a checksum of what the broker wants to be told.
    pub subscription_id: i32,
    /// Whether this is the last push of the client.
    pub terminating: bool,
    /// How `metrics` is compressed: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub compression_type: i8,
    /// The metrics in OpenTelemetry's protobuf form (`MetricsData`).
    pub metrics: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Whether they were taken.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct PushTelemetryResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
