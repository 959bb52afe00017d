//! AlterConfigs: replaces all settings of a resource.

use thalweg_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

use super::config_resource::{
    BROKER_LOGGER, Change, ConfigResource, Op, authorized, check_entries, named_twice,
};
use super::fault::{Fault, invalid, told};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

/// Changes each resource as a whole or not at all.
pub(super) fn alter_configs(
    cluster: &mut Cluster,
    caller: &Caller,
    request: AlterConfigsRequest,
) -> AlterConfigsResponse {
    let resources = request.resources.iter();
    let twice = named_twice(resources.map(|row| (row.resource_type, &row.resource_name)));
    let mut responses = Vec::new();
    for resource in request.resources {
        let key = (resource.resource_type, resource.resource_name.clone());
        let done = if twice.contains(&key) {
            Err(invalid("Each resource must appear at most once."))
        } else {
            change(cluster, caller, &resource, request.validate_only)
        };
        let (error_code, error_message) = told(done);
        responses.push(AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            ..Default::default()
        });
    }
    AlterConfigsResponse {
        responses,
        ..Default::default()
    }
}

fn change(
    cluster: &mut Cluster,
    caller: &Caller,
    resource: &AlterConfigsResource,
    validate_only: bool,
) -> Result<(), Fault> {
    let (kind, name) = (resource.resource_type, &resource.resource_name);
    let entries = resource.configs.iter();
    check_entries(entries.map(|entry| (&entry.name, entry.value.is_none())))?;
    if kind == BROKER_LOGGER {
        return Err(invalid(format!("Unknown resource type {kind}")));
    }
    let target = ConfigResource::to_change(caller, kind, name)?;
    authorized(cluster, caller, Operation::AlterConfigs, (kind, name))?;
    let named = resource.configs.iter().map(|entry| Change {
        key: &entry.name,
        op: Op::Set,
        value: entry.value.as_deref().unwrap_or_default(),
    });
    let named: Vec<Change<'_>> = named.collect();
    // What is not named goes back to its default.
    let unnamed = target.changed_keys(cluster).into_iter();
    let unnamed = unnamed.filter(|key| named.iter().all(|change| change.key != *key));
    let unnamed = unnamed.map(|key| Change {
        key,
        op: Op::Delete,
        value: "",
    });
    let changes: Vec<Change<'_>> = unnamed.chain(named.iter().copied()).collect();
    target.change(cluster, &changes, validate_only)
}
