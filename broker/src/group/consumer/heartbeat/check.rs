//! What can be said against a heartbeat without knowing the group.

use thalweg_protocol::messages::ConsumerGroupHeartbeatRequest;
use thalweg_protocol::{ErrorCode, StrBytes};

use crate::cluster::Caller;
use crate::group::Fault;
use crate::group::assignor::Assignor;
use crate::group::consumer::member::AWAY_EPOCH;

/// The epochs that members send and that are none.
pub(super) const JOIN: i32 = 0;
const LEAVE: i32 = -1;

/// Whether a request makes sense by itself.
pub(super) fn check(caller: &Caller, request: &ConsumerGroupHeartbeatRequest) -> Result<(), Fault> {
    let invalid = |message: &str| Err((ErrorCode::INVALID_REQUEST, message.to_owned()));
    let is_empty =
        |text: &Option<StrBytes>| text.as_deref().is_some_and(|text| text.trim().is_empty());
    let epoch = request.member_epoch;
    let needs_id = caller.version >= 1 || epoch > JOIN || epoch == LEAVE;
    if needs_id && request.member_id.trim().is_empty() {
        return invalid("MemberId can't be empty.");
    }
    if request.group_id.trim().is_empty() {
        return invalid("GroupId can't be empty.");
    }
    if is_empty(&request.instance_id) {
        return invalid("InstanceId can't be empty.");
    }
    if is_empty(&request.rack_id) {
        return invalid("RackId can't be empty.");
    }
    if epoch == JOIN {
        if request.rebalance_timeout_ms == -1 {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        if request
            .topic_partitions
            .as_ref()
            .is_none_or(|owned| !owned.is_empty())
        {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
        if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
            return invalid(
                "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when \
                 (re-)joining.",
            );
        }
    } else if epoch == AWAY_EPOCH && request.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    } else if epoch < AWAY_EPOCH {
        return invalid("MemberEpoch is invalid.");
    }
    if let Some(name) = &request.server_assignor
        && Assignor::by_name(name).is_none()
    {
        let supported = Assignor::ALL.map(Assignor::name).join(", ");
        let message =
            format!("ServerAssignor {name} is not supported. Supported assignors: {supported}.");
        return Err((ErrorCode::UNSUPPORTED_ASSIGNOR, message));
    }
    Ok(())
}
