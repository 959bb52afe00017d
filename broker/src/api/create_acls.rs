//! CreateAcls: new rules about who may do what (KIP-140, KIP-290).

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    AclCreation, AclCreationResult, CreateAclsRequest, CreateAclsResponse,
};

use super::fault::{Fault, fault, invalid, told};
use crate::acl::{Acl, CLUSTER_NAME, Operation, PatternType, Permission, ResourceType};
use crate::cluster::{Caller, Cluster};

/// Adds each rule on its own; one that is there already is fine.
pub(super) fn create_acls(
    cluster: &mut Cluster,
    caller: &Caller,
    request: CreateAclsRequest,
) -> CreateAclsResponse {
    let allowed = cluster.authorize_cluster(caller, Operation::Alter);
    let mut results = Vec::new();
    for creation in request.creations {
        let outcome = if !allowed {
            Err(fault(ErrorCode::CLUSTER_AUTHORIZATION_FAILED))
        } else if !cluster.acls.is_enabled() {
            let message = "No Authorizer is configured.".to_owned();
            Err((ErrorCode::SECURITY_DISABLED, message))
        } else {
            add(cluster, creation)
        };
        let (error_code, error_message) = match outcome {
            Ok(()) => (ErrorCode::NONE, Some("".into())),
            fault => told(fault),
        };
        results.push(AclCreationResult {
            error_code,
            error_message,
            ..Default::default()
        });
    }
    CreateAclsResponse {
        results,
        ..Default::default()
    }
}

fn add(cluster: &mut Cluster, creation: AclCreation) -> Result<(), Fault> {
    let acl = check(creation)?;
    if cluster.acls.is_full() {
        let message = "There are as many ACLs as this broker keeps.".to_owned();
        return Err((ErrorCode::POLICY_VIOLATION, message));
    }
    cluster.acls.insert(acl);
    Ok(())
}

fn check(creation: AclCreation) -> Result<Acl, Fault> {
    let resource_type = ResourceType::from_code(creation.resource_type);
    if resource_type == Some(ResourceType::Cluster) && creation.resource_name != CLUSTER_NAME {
        return Err(invalid(format!(
            "The only valid name for the CLUSTER resource is {CLUSTER_NAME}"
        )));
    }
    if creation.resource_name.is_empty() {
        return Err(invalid("Invalid empty resource name"));
    }
    let unknown = |what: &str, code: i8| {
        match code {
            // Kafka fails over words that are for filters.
            1 | 2 => (ErrorCode::UNKNOWN_SERVER_ERROR, String::new()),
            _ => invalid(format!("Invalid {what} UNKNOWN")),
        }
    };
    let pattern_type = creation.resource_pattern_type;
    let (operation, permission) = (creation.operation, creation.permission_type);
    let acl = Acl {
        resource_type: resource_type
            .ok_or_else(|| unknown("resourceType", creation.resource_type))?,
        pattern_type: PatternType::from_code(pattern_type)
            .ok_or_else(|| unknown("patternType", pattern_type))?,
        operation: Operation::from_code(operation)
            .ok_or_else(|| unknown("operation", operation))?,
        permission: Permission::from_code(permission)
            .ok_or_else(|| unknown("permissionType", permission))?,
        resource_name: creation.resource_name,
        principal: creation.principal,
        host: creation.host,
    };
    if !acl.principal.contains(':') {
        return Err(invalid(format!(
            "Could not parse principal from `{}` (no colon is present separating the principal type from the principal name)",
            acl.principal
        )));
    }
    Ok(acl)
}
