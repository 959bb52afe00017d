//! ListConfigResources: what has settings (KIP-1142); in version 0 client metrics alone (KIP-714).

use thalweg_protocol::messages::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::config_resource::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

/// Lists the resources of the types asked for; of all, where none is.
pub(super) fn list_config_resources(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    const ALL: [i8; 5] = [CLIENT_METRICS, TOPIC, BROKER, BROKER_LOGGER, GROUP];
    let failed = |error_code| ListConfigResourcesResponse {
        error_code,
        ..Default::default()
    };
    if !cluster.authorize_cluster(caller, Operation::DescribeConfigs) {
        return failed(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    }
    let mut kinds = request.resource_types;
    if caller.version == 0 {
        kinds = vec![CLIENT_METRICS];
    } else if kinds.is_empty() {
        kinds = ALL.to_vec();
    }
    if !kinds.iter().all(|kind| ALL.contains(kind)) {
        return failed(ErrorCode::UNSUPPORTED_VERSION);
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds.reverse();
    let of_kind = |kind: &i8| {
        let names: Vec<StrBytes> = match *kind {
            TOPIC => cluster
                .topics
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
            GROUP => cluster.layers.group_ids().cloned().collect(),
            CLIENT_METRICS => cluster.layers.client_metrics_names().cloned().collect(),
            _ => {
                let ids = cluster.nodes.alive();
                ids.map(|(id, _)| id.to_string().into()).collect()
            }
        };
        let resource_type = *kind;
        names.into_iter().map(move |resource_name| ConfigResource {
            resource_name,
            resource_type,
            ..Default::default()
        })
    };
    ListConfigResourcesResponse {
        config_resources: kinds.iter().flat_map(of_kind).collect(),
        ..Default::default()
    }
}
