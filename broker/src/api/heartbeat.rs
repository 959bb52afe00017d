//! Heartbeat: a member of a classic group is alive.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::group::{Claim, check_coordinator, classic_heartbeat};

/// Says whether the member may go on or has to join again.
pub(super) fn heartbeat(
    cluster: &mut Cluster,
    caller: &Caller,
    request: HeartbeatRequest,
) -> HeartbeatResponse {
    let claim = Claim {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        generation: request.generation_id,
    };
    let error_code = if request.group_id.is_empty() {
        ErrorCode::INVALID_GROUP_ID
    } else {
        let allowed = cluster.check_group(caller, Operation::Read, &request.group_id);
        match allowed.and_then(|()| check_coordinator(cluster, &request.group_id, caller)) {
            Ok(()) => classic_heartbeat(cluster, &request.group_id, claim),
            Err(error) => error,
        }
    };
    HeartbeatResponse {
        error_code,
        ..Default::default()
    }
}
