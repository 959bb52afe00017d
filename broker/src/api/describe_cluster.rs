//! DescribeCluster: the brokers, and which of them is the controller (KIP-700).

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};

use crate::acl::{CLUSTER_NAME, Operation, ResourceType};
use crate::cluster::{Caller, Cluster};

/// Brokers are asked here; controllers cannot be reached.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Describes the brokers.
pub(super) fn describe_cluster(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    let failed = |code, message: String| DescribeClusterResponse {
        error_code: if caller.version == 0 {
            ErrorCode::INVALID_REQUEST
        } else {
            code
        },
        error_message: Some(message.into()),
        ..Default::default()
    };
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => {
            let message = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
            return failed(ErrorCode::MISMATCHED_ENDPOINT_TYPE, message.to_owned());
        }
        other => {
            let message = format!("Unsupported endpoint type {other}");
            return failed(ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, message);
        }
    }
    let operations = match request.include_cluster_authorized_operations {
        false => i32::MIN,
        true if !cluster.authorize_cluster(caller, Operation::Describe) => 0,
        true => cluster.authorized_operations(caller, ResourceType::Cluster, CLUSTER_NAME),
    };
    let nodes = cluster.nodes.ids().filter_map(|id| {
        let node = cluster.nodes.node(id)?;
        let shown = node.alive || request.include_fenced_brokers;
        shown.then(|| DescribeClusterBroker {
            broker_id: id,
            host: node.host.clone(),
            port: i32::from(node.port),
            rack: node.rack.clone(),
            is_fenced: !node.alive,
            ..Default::default()
        })
    });
    DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: cluster.id.clone(),
        controller_id: cluster.nodes.controller().unwrap_or_default(),
        brokers: nodes.collect(),
        cluster_authorized_operations: operations,
        ..Default::default()
    }
}
