//! GetTelemetrySubscriptions: which metrics clients shall push (KIP-714): none.

use thalweg_protocol::Uuid;
use thalweg_protocol::messages::{
    GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse,
};

use crate::cluster::{Caller, Cluster};

/// Answers as a broker without a matching subscription. A new client is given its id.
pub(super) fn get_telemetry_subscriptions(
    cluster: &mut Cluster,
    _caller: &Caller,
    request: GetTelemetrySubscriptionsRequest,
) -> GetTelemetrySubscriptionsResponse {
    const ZSTD: i8 = 4;
    const LZ4: i8 = 3;
    const GZIP: i8 = 1;
    const SNAPPY: i8 = 2;
    let client_instance_id: Uuid = match request.client_instance_id {
        id if id.is_zero() => cluster.new_uuid(),
        id => id,
    };
    GetTelemetrySubscriptionsResponse {
        client_instance_id,
        subscription_id: subscription_id(client_instance_id),
        accepted_compression_types: vec![ZSTD, LZ4, GZIP, SNAPPY],
        push_interval_ms: 300_000,
        telemetry_max_bytes: 1 << 20,
        delta_temporality: true,
        requested_metrics: Vec::new(),
        ..Default::default()
    }
}

/// Names the empty set of metrics a client is to push.
pub(super) fn subscription_id(client: Uuid) -> i32 {
    i32::from_be_bytes(crc32c::crc32c(&client.0).to_be_bytes())
}
