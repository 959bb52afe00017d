//! SyncGroup: the assignment of a classic group's generation.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster, Reply};
use crate::group::{check_coordinator, classic_sync};

/// The first version in which the member says which protocol it believes in.
const PROTOCOL: i16 = 5;

/// Hands the assignment to the group, or waits for it there.
pub(super) fn sync_group(
    cluster: &mut Cluster,
    caller: &Caller,
    request: SyncGroupRequest,
    reply: Reply<SyncGroupRequest>,
) {
    match check(cluster, caller, &request) {
        Ok(()) => classic_sync(cluster, request, reply),
        Err(error_code) => reply.send(&SyncGroupResponse {
            error_code,
            ..Default::default()
        }),
    }
}

fn check(cluster: &Cluster, caller: &Caller, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
    let has_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if caller.version >= PROTOCOL && !has_protocol {
        return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    cluster.check_group(caller, Operation::Read, &request.group_id)?;
    if request.group_id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    check_coordinator(cluster, &request.group_id, caller)
}
