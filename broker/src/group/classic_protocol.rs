//! The requests of the classic protocol, for the kind of group they are about.
//!
//! Members of consumer groups may use it too, while the group goes over from one protocol to the other.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    JoinGroupRequest, MemberIdentity, MemberResponse, SyncGroupRequest,
};

use super::migration::MigrationPolicy;
use super::{Claim, Group, classic, consumer};
use crate::cluster::{Caller, Cluster, Reply};

/// Handles a JoinGroup that came to the right broker.
pub(crate) fn join(
    cluster: &mut Cluster,
    caller: &Caller,
    mut request: JoinGroupRequest,
    reply: Reply<JoinGroupRequest>,
) {
    if caller.version == 0 {
        request.rebalance_timeout_ms = request.session_timeout_ms;
    }
    match cluster.groups.group(&request.group_id) {
        Some(Group::Consumer(group)) if !group.is_empty() && MigrationPolicy::of(cluster).mixed => {
            let response = consumer::classic_join(cluster, caller, &request);
            classic::answer_join(reply, response);
        }
        _ => classic::join(cluster, caller, request, reply),
    }
}

/// Handles a SyncGroup that came to the right broker.
pub(crate) fn sync(
    cluster: &mut Cluster,
    request: SyncGroupRequest,
    reply: Reply<SyncGroupRequest>,
) {
    match cluster.groups.group(&request.group_id) {
        Some(Group::Consumer(_)) => {
            let response = consumer::classic_sync(cluster, &request);
            classic::answer_sync(reply, &response);
        }
        _ => classic::sync(cluster, request, reply),
    }
}

/// Handles a Heartbeat that came to the right broker.
pub(crate) fn heartbeat(cluster: &mut Cluster, group_id: &str, claim: Claim<'_>) -> ErrorCode {
    match cluster.groups.group(group_id) {
        Some(Group::Consumer(_)) => consumer::classic_heartbeat(cluster, group_id, claim),
        _ => classic::heartbeat(cluster, group_id, claim),
    }
}

/// Removes members from a group, and says of each whether it was one. All at once: the group
/// rebalances once.
pub(crate) fn leave(
    cluster: &mut Cluster,
    group_id: &str,
    members: &[MemberIdentity],
) -> Vec<MemberResponse> {
    let errors = match cluster.groups.group(group_id) {
        Some(Group::Consumer(_)) => consumer::classic_leave(cluster, group_id, members),
        _ => classic::leave(cluster, group_id, members),
    };
    let response = |(member, error_code): (&MemberIdentity, ErrorCode)| MemberResponse {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        error_code,
        ..Default::default()
    };
    members.iter().zip(errors).map(response).collect()
}
