//! ApiVersions: what this broker can do.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};

use super::{APIS, Api};
use crate::cluster::{Caller, Cluster, Reply};

/// Answers with the release's APIs; a request in a version that is not known in version 0.
pub(super) fn api_versions(
    cluster: &mut Cluster,
    _caller: &Caller,
    request: ApiVersionsRequest,
    reply: Reply<ApiVersionsRequest>,
) {
    let mut response = ApiVersionsResponse {
        api_keys: api_keys(cluster),
        ..Default::default()
    };
    if !is_valid(&request, reply.version()) {
        response.error_code = ErrorCode::INVALID_REQUEST;
        response.api_keys.clear();
    }
    reply.send(&response);
}

/// The answer, always in version 0, to a version this broker does not have (KIP-511).
pub(crate) fn unsupported_version(cluster: &Cluster) -> ApiVersionsResponse {
    let mut response = ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        ..Default::default()
    };
    let own = |key: &ApiVersion| key.api_key == thalweg_protocol::ApiKey::ApiVersions.code();
    response.api_keys = api_keys(cluster).into_iter().filter(own).collect();
    response
}

fn api_keys(cluster: &Cluster) -> Vec<ApiVersion> {
    let entry = |api: &Api| {
        let (min_version, max_version) = api.offered_by(cluster.release)?;
        Some(ApiVersion {
            api_key: api.key.code(),
            min_version,
            max_version,
            ..Default::default()
        })
    };
    APIS.iter().filter_map(entry).collect()
}

/// A client that names itself does it in letters, digits, dots and hyphens, from version 3 on.
fn is_valid(request: &ApiVersionsRequest, version: i16) -> bool {
    let valid = |name: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        name.chars().all(inner) && outer(name.chars().next()) && outer(name.chars().next_back())
    };
    version < 3 || valid(&request.client_software_name) && valid(&request.client_software_version)
}
