//! ConsumerGroupHeartbeat: the one request of members of consumer groups (KIP-848).

use thalweg_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use thalweg_protocol::{ErrorCode, StrBytes};

use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::group::{check_coordinator, consumer};

/// Joins, keeps or leaves a group.
pub(super) fn consumer_group_heartbeat(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    let failed = |error_code: ErrorCode, message: Option<String>| ConsumerGroupHeartbeatResponse {
        error_code,
        error_message: message.map(StrBytes::from),
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
    let mut names = request.subscribed_topic_names.iter().flatten();
    let may_see = |name| cluster.authorize(caller, Operation::Describe, ResourceType::Topic, name);
    if !names.all(|name| may_see(name)) {
        return failed(ErrorCode::TOPIC_AUTHORIZATION_FAILED, None);
    }
    if let Err(error_code) = check_coordinator(cluster, &request.group_id, caller) {
        return failed(error_code, None);
    }
    match consumer::heartbeat(cluster, caller, &request) {
        Ok(response) => response,
        Err((code, message)) => failed(code, Some(message)),
    }
}
