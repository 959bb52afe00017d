//! Who a heartbeat is from, and what it says of them.

use std::collections::BTreeSet;

use thalweg_protocol::StrBytes;
use thalweg_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupTopicPartitions};

use super::check::JOIN;
use crate::cluster::{Caller, Cluster};
use crate::group::assignor::Assignor;
use crate::group::consumer::ConsumerGroup;
use crate::group::consumer::member::{AWAY_EPOCH, Member};
use crate::group::faults::{self, Fault};

impl ConsumerGroup {
    pub(in crate::group::consumer) fn check_room(
        &self,
        cluster: &Cluster,
        member_id: &str,
        instance_id: Option<&StrBytes>,
    ) -> Result<(), Fault> {
        let is_static = |id| self.static_members.contains_key(id);
        if self.members.contains_key(member_id) || instance_id.is_some_and(is_static) {
            return Ok(());
        }
        let max = cluster.settings.number("group.consumer.max.size");
        faults::check_room("consumer", self.members.len(), max)
    }

    /// The member a request is from, and the id it has had so far where it comes back under another.
    pub(super) fn find_or_make(
        &self,
        id: &StrBytes,
        member_id: StrBytes,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<(Member, Option<StrBytes>), Fault> {
        let reported = request.topic_partitions.as_deref();
        let joins = request.member_epoch == JOIN;
        let Some(instance_id) = &request.instance_id else {
            let known = match (self.members.get(&member_id), joins) {
                (None, true) => Member::new(member_id),
                (None, false) => self.member(&member_id, id)?.clone(),
                (Some(known), _) => known.clone(),
            };
            check_epoch(&known, request.member_epoch, reported)?;
            return Ok((known, None));
        };
        match (self.static_member(instance_id), joins) {
            (None, true) => {
                let known = self.members.get(&member_id).cloned();
                Ok((known.unwrap_or_else(|| Member::new(member_id)), None))
            }
            (Some(known), true) => {
                // Whoever changes the protocol takes the place of what it was.
                if known.member_epoch != AWAY_EPOCH && known.classic.is_none() {
                    let owner = &known.id;
                    return Err(faults::instance_is_unreleased(
                        &member_id,
                        instance_id,
                        owner,
                    ));
                }
                Ok((known.succeeded_by(member_id), Some(known.id.clone())))
            }
            (_, false) => {
                let known = self.known_static_member(instance_id, &member_id)?;
                check_epoch(known, request.member_epoch, reported)?;
                Ok((known.clone(), None))
            }
        }
    }

    /// The static member of an instance id, if it is the one that asks.
    pub(in crate::group::consumer) fn known_static_member(
        &self,
        instance_id: &str,
        id: &str,
    ) -> Result<&Member, Fault> {
        let owner = self.static_members.get(instance_id);
        faults::check_instance(owner, instance_id, id)?;
        self.members
            .get(id)
            .ok_or_else(|| faults::unknown_member(id, instance_id))
    }
}

/// Whether a member may speak in this epoch.
fn check_epoch(
    member: &Member,
    received: i32,
    reported: Option<&[ConsumerGroupTopicPartitions]>,
) -> Result<(), Fault> {
    let has_only = |reported: &[ConsumerGroupTopicPartitions]| {
        reported.iter().all(|topic| {
            let assigned = member.assigned.get(&topic.topic_id);
            let has = |partition| assigned.is_some_and(|all| all.contains_key(partition));
            assigned.is_some() && topic.partitions.iter().all(has)
        })
    };
    faults::check_epoch("consumer", received, member.member_epoch, || {
        received == member.previous_member_epoch && reported.is_some_and(has_only)
    })
}

/// The member with what the request says of it.
pub(super) fn update(
    member: &Member,
    caller: &Caller,
    request: &ConsumerGroupHeartbeatRequest,
) -> Member {
    let mut updated = member.clone();
    let detached = |text: &StrBytes| text.detached();
    if let Some(instance_id) = &request.instance_id {
        updated.instance_id = Some(instance_id.detached());
    }
    if let Some(rack_id) = &request.rack_id {
        updated.rack_id = Some(rack_id.detached());
    }
    if request.rebalance_timeout_ms != -1 {
        updated.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    if let Some(name) = &request.server_assignor {
        updated.assignor = Assignor::by_name(name);
    }
    if let Some(names) = &request.subscribed_topic_names {
        updated.topic_names = names.iter().map(detached).collect::<BTreeSet<_>>();
    }
    if let Some(regex) = &request.subscribed_topic_regex {
        updated.topic_regex = regex.detached();
    }
    updated.classic = None;
    updated.client_id = caller.client_id().detached();
    updated.client_host = caller.client_host();
    updated
}
