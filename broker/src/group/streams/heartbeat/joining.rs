//! Who a heartbeat is from, and what it says of them.

use thalweg_protocol::StrBytes;
use thalweg_protocol::messages::{StreamsEndpoint, StreamsGroupHeartbeatRequest};

use super::check::{JOIN, check_epoch};
use crate::cluster::{Caller, Cluster};
use crate::group::faults::{self, Fault};
use crate::group::streams::StreamsGroup;
use crate::group::streams::member::{AWAY_EPOCH, Member};

impl StreamsGroup {
    /// The member a request is from, and the id it has had so far where it comes back under another.
    pub(super) fn find_or_make(
        &self,
        cluster: &Cluster,
        id: &StrBytes,
        request: &StreamsGroupHeartbeatRequest,
    ) -> Result<(Member, Option<StrBytes>), Fault> {
        let joins = request.member_epoch == JOIN;
        if joins {
            self.check_room(cluster, request)?;
        }
        let known = self.members.get(&request.member_id).cloned();
        let known_or_new = || {
            known
                .clone()
                .unwrap_or_else(|| Member::new(request.member_id.detached()))
        };
        let Some(instance_id) = &request.instance_id else {
            let member = match joins {
                true => known_or_new(),
                false => self.member(&request.member_id, id)?.clone(),
            };
            check_epoch(&member, request)?;
            return Ok((member, None));
        };
        match (self.static_member(instance_id), joins) {
            (None, true) => Ok((known_or_new(), None)),
            (Some(known), true) => {
                if known.member_epoch != AWAY_EPOCH {
                    let (id, owner) = (&request.member_id, &known.id);
                    return Err(faults::instance_is_unreleased(id, instance_id, owner));
                }
                let successor = known.succeeded_by(request.member_id.detached());
                Ok((successor, Some(known.id.clone())))
            }
            (_, false) => {
                let known = self.known_static_member(instance_id, &request.member_id)?;
                check_epoch(known, request)?;
                Ok((known.clone(), None))
            }
        }
    }

    /// The static member of an instance id, if it is the one that asks.
    pub(super) fn known_static_member(
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

    fn check_room(
        &self,
        cluster: &Cluster,
        request: &StreamsGroupHeartbeatRequest,
    ) -> Result<(), Fault> {
        let is_static = |id| self.static_members.contains_key(id);
        if self.members.contains_key(&request.member_id)
            || request.instance_id.as_ref().is_some_and(is_static)
        {
            return Ok(());
        }
        let max = cluster.settings.number("group.streams.max.size");
        faults::check_room("streams", self.members.len(), max)
    }
}

/// The member with what the request says of it.
pub(super) fn update(
    member: &Member,
    caller: &Caller,
    request: &StreamsGroupHeartbeatRequest,
) -> Member {
    let mut updated = member.clone();
    if let Some(instance_id) = &request.instance_id {
        updated.instance_id = Some(instance_id.detached());
    }
    if let Some(rack_id) = &request.rack_id {
        updated.rack_id = Some(rack_id.detached());
    }
    if request.rebalance_timeout_ms != -1 {
        updated.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    if let Some(topology) = &request.topology {
        updated.topology_epoch = topology.epoch;
    }
    if let Some(process_id) = &request.process_id {
        updated.process_id = process_id.detached();
    }
    if let Some(tags) = &request.client_tags {
        let tags = tags
            .iter()
            .map(|tag| (tag.key.detached(), tag.value.detached()));
        updated.client_tags = tags.collect();
    }
    if request.user_endpoint.is_some() || request.member_epoch == JOIN {
        let endpoint = |endpoint: &StreamsEndpoint| StreamsEndpoint {
            host: endpoint.host.detached(),
            ..endpoint.clone()
        };
        updated.user_endpoint = request.user_endpoint.as_ref().map(endpoint);
    }
    updated.client_id = caller.client_id().detached();
    updated.client_host = caller.client_host();
    updated
}
