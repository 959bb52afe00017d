//! DescribeAcls: the rules about who may do what.

use std::collections::BTreeMap;

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    AclDescription, DescribeAclsRequest, DescribeAclsResource, DescribeAclsResponse,
};

use super::fault::{Fault, fault, invalid, told};
use crate::acl::{AclFilter, Operation};
use crate::cluster::{Caller, Cluster};

/// Lists the rules a filter matches, by resource.
pub(super) fn describe_acls(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DescribeAclsRequest,
) -> DescribeAclsResponse {
    let (error_code, error_message, resources) = match find(cluster, caller, request) {
        Ok(resources) => (ErrorCode::NONE, Some("".into()), resources),
        Err(fault) => {
            let (code, message) = told(Err(fault));
            (code, message, Vec::new())
        }
    };
    DescribeAclsResponse {
        error_code,
        error_message,
        resources,
        ..Default::default()
    }
}

fn find(
    cluster: &Cluster,
    caller: &Caller,
    request: DescribeAclsRequest,
) -> Result<Vec<DescribeAclsResource>, Fault> {
    if !cluster.authorize_cluster(caller, Operation::Describe) {
        return Err(fault(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    }
    if !cluster.acls.is_enabled() {
        let message = "No Authorizer is configured on the broker".to_owned();
        return Err((ErrorCode::SECURITY_DISABLED, message));
    }
    let filter = AclFilter::from_codes(
        (
            request.resource_type_filter,
            request.resource_name_filter,
            request.pattern_type_filter,
        ),
        (request.principal_filter, request.host_filter),
        (request.operation, request.permission_type),
    );
    let filter = filter.map_err(invalid)?;
    let mut by_resource: BTreeMap<_, Vec<AclDescription>> = BTreeMap::new();
    for acl in cluster.acls.matching(&filter) {
        let resource = (acl.resource_type, acl.resource_name, acl.pattern_type);
        let description = AclDescription {
            principal: acl.principal,
            host: acl.host,
            operation: acl.operation.code(),
            permission_type: acl.permission.code(),
            ..Default::default()
        };
        by_resource.entry(resource).or_default().push(description);
    }
    let resources = by_resource.into_iter();
    let resources = resources.map(
        |((kind, resource_name, pattern), acls)| DescribeAclsResource {
            resource_type: kind.code(),
            resource_name,
            pattern_type: pattern.code(),
            acls,
            ..Default::default()
        },
    );
    Ok(resources.collect())
}
