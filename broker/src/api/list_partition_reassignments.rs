//! ListPartitionReassignments: none is ever under way, for they are done at once.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use super::fault::fault;
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

/// Lists none.
pub(super) fn list_partition_reassignments(
    cluster: &mut Cluster,
    caller: &Caller,
    _request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let mut response = ListPartitionReassignmentsResponse {
        error_message: None,
        ..Default::default()
    };
    if !cluster.authorize_cluster(caller, Operation::Describe) {
        let (error_code, message) = fault(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
        response.error_code = error_code;
        response.error_message = Some(message.into());
    }
    response
}
