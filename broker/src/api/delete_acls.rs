//! DeleteAcls: rules that no longer hold.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    DeleteAclsFilter, DeleteAclsFilterResult, DeleteAclsMatchingAcl, DeleteAclsRequest,
    DeleteAclsResponse,
};

use super::fault::{Fault, fault, invalid, told};
use crate::acl::{Acl, AclFilter, Operation};
use crate::cluster::{Caller, Cluster};

/// Removes what each filter matches, and tells what that was.
pub(super) fn delete_acls(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DeleteAclsRequest,
) -> DeleteAclsResponse {
    let allowed = cluster.authorize_cluster(caller, Operation::Alter);
    let mut filter_results = Vec::new();
    for filter in request.filters {
        let removed = if !allowed {
            Err(fault(ErrorCode::CLUSTER_AUTHORIZATION_FAILED))
        } else if !cluster.acls.is_enabled() {
            let message = "No Authorizer is configured.".to_owned();
            Err((ErrorCode::SECURITY_DISABLED, message))
        } else {
            remove(cluster, filter)
        };
        let (removed, outcome) = match removed {
            Ok(removed) => (removed, Ok(())),
            Err(fault) => (Vec::new(), Err(fault)),
        };
        let (error_code, error_message) = told(outcome);
        filter_results.push(DeleteAclsFilterResult {
            error_code,
            error_message,
            matching_acls: removed.into_iter().map(matching).collect(),
            ..Default::default()
        });
    }
    DeleteAclsResponse {
        filter_results,
        ..Default::default()
    }
}

fn remove(cluster: &mut Cluster, filter: DeleteAclsFilter) -> Result<Vec<Acl>, Fault> {
    let filter = AclFilter::from_codes(
        (
            filter.resource_type_filter,
            filter.resource_name_filter,
            filter.pattern_type_filter,
        ),
        (filter.principal_filter, filter.host_filter),
        (filter.operation, filter.permission_type),
    );
    Ok(cluster.acls.remove(&filter.map_err(invalid)?))
}

fn matching(acl: Acl) -> DeleteAclsMatchingAcl {
    DeleteAclsMatchingAcl {
        error_message: None,
        resource_type: acl.resource_type.code(),
        resource_name: acl.resource_name,
        pattern_type: acl.pattern_type.code(),
        principal: acl.principal,
        host: acl.host,
        operation: acl.operation.code(),
        permission_type: acl.permission.code(),
        ..Default::default()
    }
}
