//! AlterClientQuotas: sets and removes quotas (KIP-546).

use std::collections::BTreeSet;

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    AlterClientQuotasEntry, AlterClientQuotasEntryResult, AlterClientQuotasRequest,
    AlterClientQuotasResponse,
};

use super::fault::{Fault, fault, invalid, told};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::quota::{Entity, quota_key_fault};

/// Changes the quotas of each entity, all of them or none.
pub(super) fn alter_client_quotas(
    cluster: &mut Cluster,
    caller: &Caller,
    request: AlterClientQuotasRequest,
) -> AlterClientQuotasResponse {
    let allowed = cluster.authorize_cluster(caller, Operation::AlterConfigs);
    let mut entries = Vec::new();
    for entry in request.entries {
        let outcome = if allowed {
            alter(cluster, &entry, request.validate_only)
        } else {
            Err(fault(ErrorCode::CLUSTER_AUTHORIZATION_FAILED))
        };
        let (error_code, error_message) = told(outcome);
        entries.push(AlterClientQuotasEntryResult {
            error_code,
            error_message,
            entity: entry.entity,
            ..Default::default()
        });
    }
    AlterClientQuotasResponse {
        entries,
        ..Default::default()
    }
}

fn alter(
    cluster: &mut Cluster,
    entry: &AlterClientQuotasEntry,
    validate_only: bool,
) -> Result<(), Fault> {
    let parts = entry.entity.iter();
    let parts = parts.map(|part| (&part.entity_type, &part.entity_name));
    let entity = Entity::read(parts).map_err(invalid)?;
    let mut keys = BTreeSet::new();
    for op in &entry.ops {
        if !keys.insert(&op.key) {
            return Err(invalid(format!(
                "Duplicate quota key {} not updating quota for this entity",
                op.key
            )));
        }
        let fault = quota_key_fault(&entity, &op.key, op.value).filter(|_| !op.remove);
        if let Some(message) = fault {
            return Err(invalid(message));
        }
    }
    if cluster.quotas.is_full() {
        let message = "There are as many quotas as this broker keeps.".to_owned();
        return Err((ErrorCode::POLICY_VIOLATION, message));
    }
    if !validate_only {
        for op in &entry.ops {
            let value = (!op.remove).then_some(op.value);
            cluster.quotas.set(&entity, &op.key, value);
        }
    }
    Ok(())
}
