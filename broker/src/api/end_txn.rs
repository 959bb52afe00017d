//! EndTxn: commits or aborts.

use thalweg_protocol::messages::{EndTxnRequest, EndTxnResponse};
use thalweg_protocol::{ErrorCode, ProducerId};

use super::older_name;
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::transaction::{self, Protocol};

/// Decides the outcome; the markers follow.
pub(super) fn end_txn(
    cluster: &mut Cluster,
    caller: &Caller,
    request: EndTxnRequest,
) -> EndTxnResponse {
    let protocol = if caller.version >= 5 {
        Protocol::Two
    } else {
        Protocol::One
    };
    let ended = end(cluster, caller, &request, protocol);
    match ended {
        Ok((producer_id, producer_epoch)) => EndTxnResponse {
            producer_id,
            producer_epoch,
            ..Default::default()
        },
        Err(error_code) => EndTxnResponse {
            // Producers know that they can be fenced from version 2 on.
            error_code: older_name(error_code, caller.version < 2),
            ..Default::default()
        },
    }
}

fn end(
    cluster: &mut Cluster,
    caller: &Caller,
    request: &EndTxnRequest,
    protocol: Protocol,
) -> Result<(ProducerId, i16), ErrorCode> {
    let id = request.transactional_id.detached();
    cluster.check_transactional_id(caller, Operation::Write, &id)?;
    transaction::check_coordinator(cluster, caller, &id)?;
    let who = (request.producer_id, request.producer_epoch);
    transaction::end(cluster, &id, who, request.committed, protocol)
}
