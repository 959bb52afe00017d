//! SyncGroup: the leader's assignment, on its way to the members of a classic group.

use std::collections::BTreeMap;

use bytes::Bytes;
use thalweg_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::member::answer_sync;
use super::membership::sync_failed;
use super::{ClassicGroup, Scope, State, with_group};
use crate::cluster::{Cluster, Reply};
use crate::group::Claim;

/// Handles a SyncGroup that came to the right broker.
pub(in crate::group) fn sync(
    cluster: &mut Cluster,
    request: SyncGroupRequest,
    reply: Reply<SyncGroupRequest>,
) {
    let group_id = request.group_id.clone();
    let mut reply = Some(reply);
    with_group(cluster, &group_id, |group, scope| {
        if let Some(reply) = reply.take() {
            group.sync(scope, &request, reply);
        }
    });
    if let Some(reply) = reply {
        answer_sync(reply, &sync_failed(ErrorCode::UNKNOWN_MEMBER_ID));
    }
}

impl ClassicGroup {
    fn sync(
        &mut self,
        scope: &mut Scope<'_>,
        request: &SyncGroupRequest,
        reply: Reply<SyncGroupRequest>,
    ) {
        if let Err(error) = self.check_sync(request) {
            return answer_sync(reply, &sync_failed(error));
        }
        let member_id = &*request.member_id;
        self.pending_sync.remove(member_id);
        if self.pending_sync.is_empty() {
            self.end_sync_phase(scope);
        }
        let is_completing = self.state == State::CompletingRebalance;
        let Some(member) = self.members.get_mut(member_id) else {
            return answer_sync(reply, &sync_failed(ErrorCode::UNKNOWN_MEMBER_ID));
        };
        if !is_completing {
            let response = synced(&self.protocol_type, &self.protocol_name, &member.assignment);
            return answer_sync(reply, &response);
        }
        member.awaiting_sync = Some(reply);
        if self.is_leader(member_id) {
            self.assign(scope, request);
        }
    }

    fn check_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        if self.state == State::Empty {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.check_generation(Claim {
            member_id: &request.member_id,
            instance_id: request.group_instance_id.as_deref(),
            generation: request.generation_id,
        })?;
        let differs = |theirs: &Option<StrBytes>, ours: &Option<StrBytes>| {
            theirs.is_some() && ours.is_some() && theirs != ours
        };
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol_name)
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        match self.state {
            State::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            _ => Ok(()),
        }
    }

    /// Gives every member what the leader says, or nothing; who waits for it is answered.
    fn assign(&mut self, scope: &mut Scope<'_>, request: &SyncGroupRequest) {
        let assignments = request.assignments.iter();
        let assignments: BTreeMap<&str, &Bytes> = assignments
            .map(|it| (&*it.member_id, &it.assignment))
            .collect();
        let mut told = Vec::new();
        for (id, member) in &mut self.members {
            let assignment = assignments.get(&**id).copied();
            member.assignment = assignment.map_or_else(Bytes::new, |it| Bytes::copy_from_slice(it));
            if let Some(reply) = member.awaiting_sync.take() {
                let assignment = &member.assignment;
                let response = synced(&self.protocol_type, &self.protocol_name, assignment);
                answer_sync(reply, &response);
                told.push(id.clone());
            }
        }
        for id in told {
            self.renew_session(scope, &id);
        }
        self.move_to(State::Stable, scope.now);
        self.store(scope);
    }
}

fn synced(
    protocol_type: &Option<StrBytes>,
    protocol_name: &Option<StrBytes>,
    assignment: &Bytes,
) -> SyncGroupResponse {
    SyncGroupResponse {
        protocol_type: protocol_type.clone(),
        protocol_name: protocol_name.clone(),
        assignment: assignment.clone(),
        ..Default::default()
    }
}
