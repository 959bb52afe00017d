//! ApiVersions: what this broker can do.

use thalweg_protocol::messages::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode};

use super::{APIS, Api};
use crate::cluster::{Caller, Cluster, Reply};

/// Answers with the release's APIs; a request in a version that is not known in version 0.
pub(super) fn api_versions(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ApiVersionsRequest,
    reply: Reply<ApiVersionsRequest>,
) {
    let error_code = check(cluster, caller, &request, reply.version());
    let response = if error_code == ErrorCode::NONE {
        offers(cluster, reply.version())
    } else {
        ApiVersionsResponse {
            error_code,
            ..Default::default()
        }
    };
    reply.send(&response);
}

fn offers(cluster: &Cluster, version: i16) -> ApiVersionsResponse {
    let features = cluster.features.all();
    // Older clients cannot read a feature whose lowest level is 0 (KAFKA-17492).
    let told = features.iter().filter(|f| version >= 4 || f.min > 0);
    let supported_features = told.map(|feature| SupportedFeatureKey {
        name: feature.name.into(),
        min_version: feature.min,
        max_version: feature.max,
        ..Default::default()
    });
    let in_force = features.iter().filter(|feature| feature.level > 0);
    let finalized_features = in_force.map(|feature| FinalizedFeatureKey {
        name: feature.name.into(),
        max_version_level: feature.level,
        min_version_level: feature.level,
        ..Default::default()
    });
    ApiVersionsResponse {
        api_keys: api_keys(cluster),
        supported_features: supported_features.collect(),
        finalized_features: finalized_features.collect(),
        finalized_features_epoch: cluster.features.epoch(),
        ..Default::default()
    }
}

/// The answer, always in version 0, to a version this broker does not have (KIP-511).
pub(crate) fn unsupported_version(cluster: &Cluster) -> ApiVersionsResponse {
    let mut response = ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        ..Default::default()
    };
    let own = |key: &ApiVersion| key.api_key == ApiKey::ApiVersions.code();
    response.api_keys = api_keys(cluster).into_iter().filter(own).collect();
    response
}

fn api_keys(cluster: &Cluster) -> Vec<ApiVersion> {
    let entry = |api: &Api| {
        let (mut min_version, max_version) = api.offered_by(cluster.release)?;
        // As Kafka does although it refuses what is below 3: old librdkafka looks for it.
        if api.key == ApiKey::Produce {
            min_version = 0;
        }
        Some(ApiVersion {
            api_key: api.key.code(),
            min_version,
            max_version,
            ..Default::default()
        })
    };
    // A broker lists these only where something receives telemetry.
    let told = |api: &&Api| {
        !matches!(
            api.key,
            ApiKey::GetTelemetrySubscriptions | ApiKey::PushTelemetry
        )
    };
    APIS.iter().filter(told).filter_map(entry).collect()
}

fn check(
    cluster: &Cluster,
    caller: &Caller,
    request: &ApiVersionsRequest,
    version: i16,
) -> ErrorCode {
    if version >= 3 && !names_itself(request) {
        return ErrorCode::INVALID_REQUEST;
    }
    // Whom the client means to reach (KIP-1242): both or none.
    match (&request.cluster_id, request.node_id) {
        _ if version < 5 => ErrorCode::NONE,
        (None, BrokerId(-1)) => ErrorCode::NONE,
        (None, _) | (_, BrokerId(-1)) => ErrorCode::INVALID_REQUEST,
        (Some(id), node) if *id == cluster.id && node == caller.node => ErrorCode::NONE,
        _ => ErrorCode::REBOOTSTRAP_REQUIRED,
    }
}

/// A client that names itself does it in letters, digits, dots and hyphens, from version 3 on.
fn names_itself(request: &ApiVersionsRequest) -> bool {
    let valid = |name: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        name.chars().all(inner) && outer(name.chars().next()) && outer(name.chars().next_back())
    };
    valid(&request.client_software_name) && valid(&request.client_software_version)
}
