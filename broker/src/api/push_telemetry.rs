//! PushTelemetry: metrics of clients (KIP-714). Nothing is subscribed to.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{PushTelemetryRequest, PushTelemetryResponse};

use super::get_telemetry_subscriptions::subscription_id;
use crate::cluster::{Caller, Cluster};

/// Refuses what nobody asked for.
pub(super) fn push_telemetry(
    _cluster: &mut Cluster,
    _caller: &Caller,
    request: PushTelemetryRequest,
) -> PushTelemetryResponse {
    let error_code = match request.client_instance_id.is_zero() {
        true => ErrorCode::INVALID_REQUEST,
        false if request.subscription_id != subscription_id(request.client_instance_id) => {
            ErrorCode::UNKNOWN_SUBSCRIPTION_ID
        }
        false if request.metrics.len() > 1 << 20 => ErrorCode::TELEMETRY_TOO_LARGE,
        false => ErrorCode::NONE,
    };
    PushTelemetryResponse {
        error_code,
        ..Default::default()
    }
}
