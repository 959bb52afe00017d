//! IncrementalAlterConfigs: changes single settings (KIP-339).

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResource,
    IncrementalAlterConfigsResourceResponse, IncrementalAlterConfigsResponse,
    IncrementalAlterableConfig,
};

use super::config_resource::{
    Change, ConfigResource, Op, TOPIC, authorized, check_entries, named_twice,
};
use super::fault::{Fault, invalid, told};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::release::Release;
use crate::settings::Settings;

/// Changes each resource as a whole or not at all.
pub(super) fn incremental_alter_configs(
    cluster: &mut Cluster,
    caller: &Caller,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
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
        responses.push(IncrementalAlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            ..Default::default()
        });
    }
    IncrementalAlterConfigsResponse {
        responses,
        ..Default::default()
    }
}

fn change(
    cluster: &mut Cluster,
    caller: &Caller,
    resource: &IncrementalAlterConfigsResource,
    validate_only: bool,
) -> Result<(), Fault> {
    let (kind, name) = (resource.resource_type, &resource.resource_name);
    let delete = |code| Op::from_code(code) == Some(Op::Delete);
    let entries = resource.configs.iter();
    check_entries(entries.map(|entry| {
        let missing = entry.value.is_none() && !delete(entry.config_operation);
        (&entry.name, missing)
    }))?;
    let target = ConfigResource::to_change(caller, kind, name).map_err(|fault| match kind {
        // Kafka looks at the operations first, and at a topic's name with the values.
        TOPIC => operations_fault(&resource.configs, cluster.release).unwrap_or(fault),
        _ => fault,
    })?;
    authorized(cluster, caller, Operation::AlterConfigs, (kind, name))?;
    let mut changes = Vec::with_capacity(resource.configs.len());
    for entry in &resource.configs {
        let code = entry.config_operation;
        let op = Op::from_code(code).ok_or_else(|| match target {
            ConfigResource::Broker(_) => invalid(format!("Unknown operations type {code}")),
            // Kafka fails over it.
            _ => (ErrorCode::UNKNOWN_SERVER_ERROR, String::new()),
        })?;
        changes.push(Change {
            key: &entry.name,
            op,
            value: entry.value.as_deref().unwrap_or_default(),
        });
    }
    if let ConfigResource::BrokerLogger(_) = target {
        return check_loggers(&changes);
    }
    target.change(cluster, &changes, validate_only)
}

/// What is wrong with the operations on a topic, whatever there is of it.
fn operations_fault(configs: &[IncrementalAlterableConfig], release: Release) -> Option<Fault> {
    configs.iter().find_map(|entry| {
        let Some(op) = Op::from_code(entry.config_operation) else {
            return Some((ErrorCode::UNKNOWN_SERVER_ERROR, String::new()));
        };
        let change = Change {
            key: &entry.name,
            op,
            value: entry.value.as_deref().unwrap_or_default(),
        };
        change.operation_fault(&Settings::of_topic(release))
    })
}

/// There are no loggers whose level could be changed; levels are checked as Kafka does.
fn check_loggers(changes: &[Change<'_>]) -> Result<(), Fault> {
    const LEVELS: [&str; 6] = ["DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN"];
    for change in changes {
        let fault = |message: String| Err((ErrorCode::INVALID_CONFIG, message));
        match change.op {
            Op::Append | Op::Subtract => {
                let message = "operation is not allowed for the BROKER_LOGGER resource";
                let op = format!("{:?}", change.op).to_uppercase();
                return Err(invalid(format!("{op} {message}")));
            }
            Op::Delete if change.key == "root" => {
                return Err(invalid(
                    "Removing the log level of the root logger is not allowed",
                ));
            }
            Op::Set if !LEVELS.contains(&change.value) => {
                return fault(format!(
                    "Cannot set the log level of {} to {} as it is not a supported log level. Valid log levels are {}",
                    change.key,
                    change.value,
                    LEVELS.join(", ")
                ));
            }
            Op::Set | Op::Delete if change.key != "root" => {
                return fault(format!("Logger {} does not exist!", change.key));
            }
            Op::Set | Op::Delete => {}
        }
    }
    Ok(())
}
