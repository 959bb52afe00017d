//! DeleteGroups: groups without members go, with their offsets.

use thalweg_protocol::messages::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse};
use thalweg_protocol::{ErrorCode, StrBytes};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::group::{check_coordinator, delete_group};

/// Deletes each group on its own.
pub(super) fn delete_groups(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for group_id in request.groups_names {
        let deleted = delete(cluster, caller, &group_id);
        results.push(DeletableGroupResult {
            group_id,
            error_code: deleted.err().unwrap_or(ErrorCode::NONE),
            ..Default::default()
        });
    }
    DeleteGroupsResponse {
        results,
        ..Default::default()
    }
}

fn delete(cluster: &mut Cluster, caller: &Caller, group_id: &StrBytes) -> Result<(), ErrorCode> {
    cluster.check_group(caller, Operation::Delete, group_id)?;
    // The group without a name is one like any other here: a consumer without one may commit to it.
    check_coordinator(cluster, group_id, caller)?;
    delete_group(cluster, group_id)
}
