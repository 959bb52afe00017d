//! LeaveGroup: members of a classic group go.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::group::{check_coordinator, classic_leave};

/// The first version in which several members can leave.
const SEVERAL: i16 = 3;

/// Removes the members, and says of each whether it was one.
pub(super) fn leave_group(
    cluster: &mut Cluster,
    caller: &Caller,
    request: LeaveGroupRequest,
) -> LeaveGroupResponse {
    let members = match caller.version {
        SEVERAL.. => request.members,
        _ => vec![MemberIdentity {
            member_id: request.member_id,
            ..Default::default()
        }],
    };
    let checked = match request.group_id.is_empty() {
        true => Err(ErrorCode::INVALID_GROUP_ID),
        false => cluster
            .check_group(caller, Operation::Read, &request.group_id)
            .and_then(|()| check_coordinator(cluster, &request.group_id, caller)),
    };
    if let Err(error_code) = checked {
        return LeaveGroupResponse {
            error_code,
            ..Default::default()
        };
    }
    let members = classic_leave(cluster, &request.group_id, &members);
    if caller.version < SEVERAL {
        return LeaveGroupResponse {
            error_code: members.first().map_or(ErrorCode::NONE, |it| it.error_code),
            ..Default::default()
        };
    }
    LeaveGroupResponse {
        members,
        ..Default::default()
    }
}
