//! Tells which metrics the brokers want (GetTelemetrySubscriptions, API key 71).

use crate::{ErrorCode, Message, StrBytes, UnknownTags, Uuid};

/// Asks which metrics the client should push (KIP-714).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = GetTelemetrySubscriptions, versions = 0..=0, flexible = 0..,
    response = GetTelemetrySubscriptionsResponse
)]
pub struct GetTelemetrySubscriptionsRequest {
    /// The id of this client instance, given by a broker; zero before that.
    pub client_instance_id: Uuid,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The metrics wanted, and how often.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct GetTelemetrySubscriptionsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The id of this client instance, given by a broker; zero before that.
    pub client_instance_id: Uuid,
    /// The subscription: a checksum of what the broker wants to be told.
    pub subscription_id: i32,
    /// The compressions the broker reads, the preferred one first: 0 none, 1 gzip, 2 snappy, 3 lz4,
    /// 4 zstd.
    pub accepted_compression_types: Vec<i8>,
    /// Milliseconds from one push to the next.
    pub push_interval_ms: i32,
    /// The most bytes of metrics in one push, as compressed.
    pub telemetry_max_bytes: i32,
    /// Whether counters are told as the change since the last push; else since the start.
    pub delta_temporality: bool,
    /// The prefixes of the names of metrics wanted; one empty prefix for all.
    pub requested_metrics: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
