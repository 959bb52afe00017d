//! InitProducerId: an id for an idempotent producer, or the next epoch for a transactional one.

use thalweg_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};
use thalweg_protocol::{ErrorCode, ProducerId};

use super::older_name;
use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::transaction;

/// Gives an id.
pub(super) fn init_producer_id(
    cluster: &mut Cluster,
    caller: &Caller,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    match initialise(cluster, caller, &request) {
        Ok((producer_id, producer_epoch)) => InitProducerIdResponse {
            producer_id,
            producer_epoch,
            ..Default::default()
        },
        Err(error_code) => InitProducerIdResponse {
            // Producers know that they can be fenced from version 4 on.
            error_code: older_name(error_code, caller.version < 4),
            producer_id: ProducerId(-1),
            producer_epoch: -1,
            ..Default::default()
        },
    }
}

/// Whoever may write to any topic may do it idempotently (KIP-679).
fn check(
    cluster: &Cluster,
    caller: &Caller,
    request: &InitProducerIdRequest,
) -> Result<(), ErrorCode> {
    if let Some(id) = &request.transactional_id {
        return cluster.check_transactional_id(caller, Operation::Write, id);
    }
    let allowed = cluster.authorize_cluster(caller, Operation::IdempotentWrite)
        || cluster.authorize_any(caller, Operation::Write, ResourceType::Topic);
    if !allowed {
        return Err(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    }
    Ok(())
}

fn initialise(
    cluster: &mut Cluster,
    caller: &Caller,
    request: &InitProducerIdRequest,
) -> Result<(ProducerId, i16), ErrorCode> {
    check(cluster, caller, request)?;
    let (id, epoch) = (request.producer_id, request.producer_epoch);
    if (id.0 == -1) != (epoch == -1) {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let Some(transactional_id) = &request.transactional_id else {
        return Ok((cluster.transactions.fresh_producer_id(), 0));
    };
    if !transactional_id.is_empty() {
        transaction::check_coordinator(cluster, caller, transactional_id)?;
    }
    let expected = (id.0 != -1).then_some((id, epoch));
    transaction::initialise(
        cluster,
        transactional_id,
        request.transaction_timeout_ms,
        expected,
    )
}
