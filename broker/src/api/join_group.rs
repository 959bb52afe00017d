//! JoinGroup: into a classic group.

use thalweg_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use thalweg_protocol::{ErrorCode, StrBytes};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster, Reply};
use crate::group::{check_coordinator, classic_join};

/// Hands the member to its group, which answers when the generation begins.
pub(super) fn join_group(
    cluster: &mut Cluster,
    caller: &Caller,
    request: JoinGroupRequest,
    reply: Reply<JoinGroupRequest>,
) {
    match check(cluster, caller, &request) {
        Ok(()) => classic_join(cluster, caller, request, reply),
        Err((member_id, error_code)) => reply.send(&JoinGroupResponse {
            error_code,
            member_id,
            protocol_name: (caller.version < 7).then(StrBytes::new),
            ..Default::default()
        }),
    }
}

fn check(
    cluster: &Cluster,
    caller: &Caller,
    request: &JoinGroupRequest,
) -> Result<(), (StrBytes, ErrorCode)> {
    let member_id = || request.member_id.clone();
    if request.group_id.is_empty() {
        return Err((member_id(), ErrorCode::INVALID_GROUP_ID));
    }
    let allowed = cluster.check_group(caller, Operation::Read, &request.group_id);
    allowed.map_err(|error| (StrBytes::new(), error))?;
    let min = cluster.settings.number32("group.min.session.timeout.ms");
    let max = cluster.settings.number32("group.max.session.timeout.ms");
    if request.session_timeout_ms < min || request.session_timeout_ms > max {
        return Err((member_id(), ErrorCode::INVALID_SESSION_TIMEOUT));
    }
    check_coordinator(cluster, &request.group_id, caller).map_err(|error| (StrBytes::new(), error))
}
