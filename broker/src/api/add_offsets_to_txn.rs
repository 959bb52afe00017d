//! AddOffsetsToTxn: a group's offsets become part of a transaction.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

use super::older_name;
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster, CoordinatorKind, coordinator_partition};
use crate::transaction;

/// Adds the partition that holds the group's offsets.
pub(super) fn add_offsets_to_txn(
    cluster: &mut Cluster,
    caller: &Caller,
    request: AddOffsetsToTxnRequest,
) -> AddOffsetsToTxnResponse {
    let error_code = add(cluster, caller, &request)
        .err()
        .unwrap_or(ErrorCode::NONE);
    AddOffsetsToTxnResponse {
        // Producers know that they can be fenced from version 2 on.
        error_code: older_name(error_code, caller.version < 2),
        ..Default::default()
    }
}

fn add(
    cluster: &mut Cluster,
    caller: &Caller,
    request: &AddOffsetsToTxnRequest,
) -> Result<(), ErrorCode> {
    let id = &request.transactional_id;
    cluster.check_transactional_id(caller, Operation::Write, id)?;
    cluster.check_group(caller, Operation::Read, &request.group_id)?;
    transaction::check_coordinator(cluster, caller, id)?;
    let kind = CoordinatorKind::Group;
    let index = coordinator_partition(cluster, kind, &request.group_id);
    let place = (kind.topic().into(), index);
    let who = (request.producer_id, request.producer_epoch);
    transaction::add_partitions(cluster, id, who.0, who.1, [place])
}
