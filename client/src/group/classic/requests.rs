//! What a member sends to the group coordinator.

use std::time::Duration;

use thalweg_protocol::StrBytes;
use thalweg_protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupRequestProtocol, LeaveGroupRequest,
    MemberIdentity, SyncGroupRequest, SyncGroupRequestAssignment,
};

use super::ClassicMembership;
use crate::group::assignor::MemberSubscription;
use crate::group::consumer_protocol::{PROTOCOL_TYPE, encode_subscription};

impl ClassicMembership {
    pub(super) fn join_request(&mut self) -> JoinGroupRequest {
        let mut subscription = MemberSubscription {
            topics: self.subscription.clone(),
            owned_partitions: self.owned.iter().cloned().collect(),
            generation_id: Some(self.generation),
            rack_id: self.settings.rack_id.clone(),
            ..MemberSubscription::default()
        };
        let mut protocols = Vec::with_capacity(self.assignors.len());
        for assignor in &mut self.assignors {
            subscription.user_data = assignor.subscription_user_data(&self.subscription);
            protocols.push(JoinGroupRequestProtocol {
                name: StrBytes::from(assignor.name()),
                metadata: encode_subscription(&subscription),
                ..JoinGroupRequestProtocol::default()
            });
        }
        self.joined_subscription = self.subscription.clone();
        self.assigned_topics = None;
        self.watched.clear();
        JoinGroupRequest {
            group_id: StrBytes::from(&*self.settings.group_id),
            session_timeout_ms: millis(self.settings.session_timeout),
            rebalance_timeout_ms: millis(self.settings.rebalance_timeout),
            member_id: StrBytes::from(&*self.member_id),
            group_instance_id: self.instance_id(),
            protocol_type: StrBytes::from(PROTOCOL_TYPE),
            protocols,
            reason: self.rejoin.take().map(StrBytes::from),
            ..JoinGroupRequest::default()
        }
    }

    pub(super) fn sync_request(
        &self,
        assignments: Vec<SyncGroupRequestAssignment>,
    ) -> SyncGroupRequest {
        let assignor = self.assignor.and_then(|index| self.assignors.get(index));
        SyncGroupRequest {
            group_id: StrBytes::from(&*self.settings.group_id),
            generation_id: self.generation,
            member_id: StrBytes::from(&*self.member_id),
            group_instance_id: self.instance_id(),
            protocol_type: Some(StrBytes::from(PROTOCOL_TYPE)),
            protocol_name: assignor.map(|assignor| StrBytes::from(assignor.name())),
            assignments,
            ..SyncGroupRequest::default()
        }
    }

    pub(super) fn heartbeat(&self) -> HeartbeatRequest {
        HeartbeatRequest {
            group_id: StrBytes::from(&*self.settings.group_id),
            generation_id: self.generation,
            member_id: StrBytes::from(&*self.member_id),
            group_instance_id: self.instance_id(),
            ..HeartbeatRequest::default()
        }
    }

    pub(super) fn leave_request(&self) -> LeaveGroupRequest {
        leave_request(&self.settings.group_id, &self.member_id, None)
    }

    fn instance_id(&self) -> Option<StrBytes> {
        self.settings
            .group_instance_id
            .as_deref()
            .map(StrBytes::from)
    }
}

/// A request for a member to leave: by its id, or by its instance id alone.
fn leave_request(
    group_id: &str,
    member_id: &str,
    group_instance_id: Option<&str>,
) -> LeaveGroupRequest {
    LeaveGroupRequest {
        group_id: StrBytes::from(group_id),
        member_id: StrBytes::from(member_id),
        members: vec![MemberIdentity {
            member_id: StrBytes::from(member_id),
            group_instance_id: group_instance_id.map(StrBytes::from),
            reason: Some(StrBytes::from("the consumer is being closed")),
            ..MemberIdentity::default()
        }],
        ..LeaveGroupRequest::default()
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
