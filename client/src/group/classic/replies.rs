//! What a member makes of the group coordinator's answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use thalweg_protocol::messages::{
    JoinGroupResponse, SyncGroupRequestAssignment, SyncGroupResponse,
};
use thalweg_protocol::{ApiKey, ErrorCode, StrBytes};
use tokio::time::Instant;

use super::{ClassicMembership, State};
use crate::error::{CallError, Disposition};
use crate::group::assignor::{
    AssignError, Assignor, MemberAssignment, MemberSubscription, RebalanceProtocol, TopicToAssign,
};
use crate::group::consumer_protocol::{
    PROTOCOL_TYPE, decode_assignment, decode_subscription, encode_assignment,
};
use crate::group::error::GroupError;
use crate::group::membership::Change;
use crate::topic_partition::TopicPartition;

impl ClassicMembership {
    fn handle_joined(&mut self, response: JoinGroupResponse, now: Instant) {
        if response
            .protocol_type
            .as_deref()
            .is_some_and(|kind| kind != PROTOCOL_TYPE)
        {
            return self.fail_protocol("its protocol type is not that of consumers");
        }
        let chosen = response.protocol_name.as_deref().unwrap_or_default();
        self.assignor = self
            .assignors
            .iter()
            .position(|assignor| assignor.name() == chosen);
        if self.assignor.is_none() {
            return self.fail_protocol("the coordinator chose an assignor this member lacks");
        }
        self.generation = response.generation_id;
        self.member_id = Arc::from(&*response.member_id);
        self.next_heartbeat = Some(now + self.settings.heartbeat_interval);
        self.settled();
        tracing::debug!(
            group = %self.settings.group_id, generation = self.generation,
            member = %self.member_id, leads = response.leader == response.member_id,
            "joined"
        );
        if response.leader != response.member_id {
            self.state = State::Syncing { assignments: None };
            return;
        }
        let mut members: Vec<MemberSubscription> = response
            .members
            .iter()
            .map(|member| {
                let decoded = decode_subscription(&member.metadata).unwrap_or_else(|error| {
                    tracing::warn!(member = %member.member_id, %error, "a member gets nothing");
                    MemberSubscription::default()
                });
                MemberSubscription {
                    member_id: Arc::from(&*member.member_id),
                    group_instance_id: member.group_instance_id.as_deref().map(Arc::from),
                    ..decoded
                }
            })
            .collect();
        members.sort_by(|left, right| left.member_id.cmp(&right.member_id));
        let topics: BTreeSet<Arc<str>> = members
            .iter()
            .flat_map(|member| member.topics.iter().cloned())
            .collect();
        self.watched = topics.into_iter().collect();
        // A static member that returns as the leader has to watch topics, but not to assign them.
        if response.skip_assignment {
            members.clear();
        }
        self.state = State::Assigning {
            members,
            asked: false,
        };
    }

    pub(super) fn assign(
        &mut self,
        members: &[MemberSubscription],
        topics: &[TopicToAssign],
    ) -> Result<Vec<SyncGroupRequestAssignment>, GroupError> {
        let Some(assignor) = self
            .assignor
            .and_then(|index| self.assignors.get_mut(index))
        else {
            return Ok(Vec::new());
        };
        let refuse = |assignor: &dyn Assignor, error| GroupError::Assign {
            group_id: Arc::clone(&self.settings.group_id),
            assignor: assignor.name().into(),
            error,
        };
        let assigned = assignor
            .assign(members, topics)
            .map_err(|error| refuse(&**assignor, error))?;
        if self.protocol == RebalanceProtocol::Cooperative {
            check_withheld(members, &assigned).map_err(|error| refuse(&**assignor, error))?;
        }
        let encode = |assignment: &MemberAssignment| SyncGroupRequestAssignment {
            member_id: StrBytes::from(&*assignment.member_id),
            assignment: encode_assignment(assignment),
            ..SyncGroupRequestAssignment::default()
        };
        Ok(assigned.iter().map(encode).collect())
    }

    fn handle_synced(&mut self, response: &SyncGroupResponse, now: Instant) {
        let assignment = match decode_assignment(&response.assignment) {
            Ok(assignment) => assignment,
            Err(error) => return self.fail_protocol(error.to_string()),
        };
        self.settled();
        self.state = State::Stable;
        self.next_heartbeat = Some(now + self.settings.heartbeat_interval);
        self.metadata.generation_id = self.generation;
        self.metadata.member_id = Arc::clone(&self.member_id);

        let assigned: BTreeSet<TopicPartition> = assignment.partitions.iter().cloned().collect();
        let foreign = assigned
            .iter()
            .find(|p| !self.joined_subscription.contains(&p.topic));
        if let Some(partition) = foreign {
            tracing::info!(group = %self.settings.group_id, %partition, "was assigned a partition it does not subscribe to");
            self.rejoin = Some("received assignment does not match the current subscription");
            return;
        }
        let added: BTreeSet<TopicPartition> = assigned.difference(&self.owned).cloned().collect();
        let taken: BTreeSet<TopicPartition> = self.owned.difference(&assigned).cloned().collect();
        tracing::info!(
            group = %self.settings.group_id, generation = self.generation,
            assigned = assigned.len(), added = added.len(), taken = taken.len(),
            "rebalanced"
        );
        if !taken.is_empty() {
            self.revoke(taken);
            self.rejoin = Some("need to revoke partitions and re-join");
        }
        self.owned.extend(added.iter().cloned());
        if let Some(assignor) = self
            .assignor
            .and_then(|index| self.assignors.get_mut(index))
        {
            let own = MemberAssignment {
                member_id: Arc::clone(&self.member_id),
                ..assignment
            };
            assignor.on_assignment(&own, &self.metadata);
        }
        self.changes.push_back(Change::Assigned(added));
    }

    /// Deals with a refusal that means the same for all requests; `false` if this one does not.
    fn handle_refusal(&mut self, api: ApiKey, code: ErrorCode) -> bool {
        match code {
            ErrorCode::UNKNOWN_MEMBER_ID => self.fall_out("the member id is unknown", true),
            ErrorCode::ILLEGAL_GENERATION => self.fall_out("the generation has passed", false),
            ErrorCode::FENCED_INSTANCE_ID => {
                let group_id = Arc::clone(&self.settings.group_id);
                let group_instance_id = self.settings.group_instance_id.clone();
                let group_instance_id = group_instance_id.unwrap_or_default();
                self.fail(GroupError::Fenced {
                    group_id,
                    group_instance_id,
                });
            }
            code if Disposition::of(code) == Disposition::Fatal => {
                let group_id = Arc::clone(&self.settings.group_id);
                let error = CallError::refused(api, format!("group '{group_id}'"), code, None);
                self.fail(GroupError::Refused { group_id, error });
            }
            _ => return false,
        }
        true
    }

    fn handle_call_error(&mut self, error: CallError) -> bool {
        if error.disposition() == Disposition::Retry {
            return false;
        }
        let group_id = Arc::clone(&self.settings.group_id);
        self.fail(GroupError::Refused { group_id, error });
        true
    }

    fn fail_protocol(&mut self, reason: impl Into<Arc<str>>) {
        let group_id = Arc::clone(&self.settings.group_id);
        self.fail(GroupError::Protocol {
            group_id,
            reason: reason.into(),
        });
    }

    pub(super) fn handle_join_reply(
        &mut self,
        result: Result<JoinGroupResponse, CallError>,
        now: Instant,
    ) {
        if self.state != State::Joining {
            return;
        }
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                if !self.handle_call_error(error) {
                    self.pause(now);
                }
                return;
            }
        };
        match response.error_code {
            ErrorCode::NONE => self.handle_joined(response, now),
            ErrorCode::MEMBER_ID_REQUIRED => self.member_id = Arc::from(&*response.member_id),
            code => {
                // The first time it helps to try again at once, with the id reset.
                if !self.handle_refusal(ApiKey::JoinGroup, code) || self.failures > 0 {
                    self.pause(now);
                }
                self.failures = self.failures.saturating_add(1);
            }
        }
    }

    pub(super) fn handle_sync_reply(
        &mut self,
        result: Result<SyncGroupResponse, CallError>,
        now: Instant,
    ) {
        if !matches!(self.state, State::Syncing { .. }) {
            return;
        }
        let code = match result {
            Ok(response) if response.error_code == ErrorCode::NONE => {
                return self.handle_synced(&response, now);
            }
            Ok(response) => response.error_code,
            Err(error) => {
                if !self.handle_call_error(error) {
                    self.state = State::Joining;
                    self.pause(now);
                }
                return;
            }
        };
        if self.handle_refusal(ApiKey::SyncGroup, code) {
            return;
        }
        self.state = State::Joining;
        if code != ErrorCode::REBALANCE_IN_PROGRESS {
            self.pause(now);
        }
    }

    pub(super) fn handle_heartbeat_reply(
        &mut self,
        code: Result<ErrorCode, CallError>,
        now: Instant,
    ) {
        self.next_heartbeat = Some(now + self.settings.heartbeat_interval);
        let code = match code {
            Ok(code) => code,
            Err(error) => {
                if !self.handle_call_error(error) {
                    self.heartbeat_soon(now);
                }
                return;
            }
        };
        match code {
            ErrorCode::NONE => self.settled(),
            // While releasing this is known already.
            ErrorCode::REBALANCE_IN_PROGRESS if self.state == State::Releasing => {}
            ErrorCode::REBALANCE_IN_PROGRESS => self.rejoin = Some("group is already rebalancing"),
            code => {
                if !self.handle_refusal(ApiKey::Heartbeat, code) {
                    self.heartbeat_soon(now);
                }
            }
        }
    }

    fn heartbeat_soon(&mut self, now: Instant) {
        self.pause(now);
        // Only the heartbeat waits: the member may still join again at once.
        let soon = self.retry_at.take();
        self.next_heartbeat = soon.into_iter().chain(self.next_heartbeat).min();
    }
}

/// With cooperative rebalancing nobody may get what somebody else still owns.
fn check_withheld(
    members: &[MemberSubscription],
    assigned: &[MemberAssignment],
) -> Result<(), AssignError> {
    // Claims of an older generation are no obstacle: that member has lost its partitions.
    let newest = members
        .iter()
        .filter_map(|member| member.generation_id)
        .max();
    for member in members
        .iter()
        .filter(|member| member.generation_id == newest)
    {
        for partition in &member.owned_partitions {
            let taker = assigned.iter().find(|assignment| {
                assignment.member_id != member.member_id
                    && assignment.partitions.contains(partition)
            });
            if let Some(taker) = taker {
                return Err(AssignError::new(format!(
                    "it gives {partition} to {} while {} still owns it; a cooperative assignor \
                     must leave it out for one generation",
                    taker.member_id, member.member_id
                )));
            }
        }
    }
    Ok(())
}
