//! ShareGroupHeartbeat: a member of a share group joins, stays, leaves (KIP-932).

use thalweg_protocol::messages::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse};
use thalweg_protocol::{ErrorCode, StrBytes};

use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::group::{check_coordinator, share_heartbeat};
use crate::share::is_member_id;

/// Answers with the member's epoch and what it is to read.
pub(super) fn share_group_heartbeat(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ShareGroupHeartbeatRequest,
) -> ShareGroupHeartbeatResponse {
    let failed = |error_code, message: Option<String>| ShareGroupHeartbeatResponse {
        error_code,
        error_message: message.map(StrBytes::from),
        member_id: None,
        assignment: None,
        ..Default::default()
    };
    if !cluster.authorize(
        caller,
        Operation::Read,
        ResourceType::Group,
        &request.group_id,
    ) {
        return failed(ErrorCode::GROUP_AUTHORIZATION_FAILED, None);
    }
    if !is_member_id(&request.member_id) {
        return failed(ErrorCode::INVALID_REQUEST, None);
    }
    let names = request.subscribed_topic_names.iter().flatten();
    for name in names {
        if !cluster.authorize(caller, Operation::Describe, ResourceType::Topic, name) {
            return failed(ErrorCode::TOPIC_AUTHORIZATION_FAILED, None);
        }
    }
    if let Err(error_code) = check_coordinator(cluster, &request.group_id, caller) {
        return failed(error_code, None);
    }
    match share_heartbeat(cluster, caller, request) {
        Ok(response) => response,
        Err((error_code, message)) => failed(error_code, Some(message)),
    }
}
