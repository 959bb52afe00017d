//! A classic group that becomes a consumer group, and one that was a consumer group until now.

use bytes::Bytes;
use thalweg_protocol::messages::ConsumerProtocolTopicPartitions;
use thalweg_protocol::{ErrorCode, StrBytes};

use super::join::failed;
use super::member::{Member, answer_join, answer_sync};
use super::membership::sync_failed;
use super::{ClassicGroup, Scope, State, with_group};
use crate::cluster::Cluster;
use crate::group::consumer_protocol::{CONSUMER, write_assignment};
use crate::group::{Group, insert};

/// A member on its way from one kind of group to the other.
#[derive(Debug, Clone)]
pub(in crate::group) struct Migrant {
    pub(in crate::group) id: StrBytes,
    pub(in crate::group) instance_id: Option<StrBytes>,
    pub(in crate::group) client_id: StrBytes,
    pub(in crate::group) client_host: StrBytes,
    pub(in crate::group) session_timeout_ms: i32,
    pub(in crate::group) rebalance_timeout_ms: i32,
    /// What it supports, and what it says to assignors; the preferred one first.
    pub(in crate::group) protocols: Vec<(StrBytes, Bytes)>,
}

impl ClassicGroup {
    pub(in crate::group) fn generation(&self) -> i32 {
        self.generation
    }

    pub(in crate::group) fn is_empty(&self) -> bool {
        self.state == State::Empty
    }

    pub(in crate::group) fn size(&self) -> usize {
        self.members.len()
    }

    /// The members, each with what the leader assigned to it last and with what it told the assignor
    /// then; nothing where the group has no generation that it is part of.
    pub(in crate::group) fn migrants(
        &self,
    ) -> impl Iterator<Item = (Migrant, &Bytes, Option<&Bytes>)> {
        self.members.iter().map(|(id, member)| {
            let migrant = Migrant {
                id: id.clone(),
                instance_id: member.instance_id.clone(),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                session_timeout_ms: member.session_timeout_ms,
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                protocols: member.protocols.clone(),
            };
            let protocol = self.protocol_name.as_deref();
            let metadata = protocol.and_then(|protocol| member.metadata(protocol));
            (migrant, &member.assignment, metadata)
        })
    }

    /// Tells everybody who waits for an answer to join again.
    pub(in crate::group) fn send_back_who_waits(&mut self) {
        let error = ErrorCode::REBALANCE_IN_PROGRESS;
        for (id, member) in &mut self.members {
            if let Some(reply) = member.awaiting_join.take() {
                self.awaiting_join -= 1;
                answer_join(reply, failed(id.clone(), error));
            }
            if let Some(reply) = member.awaiting_sync.take() {
                answer_sync(reply, &sync_failed(error));
            }
        }
    }

    /// The group is no longer: nothing of it is due any more.
    pub(in crate::group) fn end(self, cluster: &mut Cluster) {
        let of_members = self.members.into_values();
        let of_members = of_members.filter_map(|member| member.session_timer);
        let pending = self.pending_members.into_values();
        let own = self.join_timer.into_iter().chain(self.sync_timer);
        for timer in of_members.chain(pending).chain(own) {
            cluster.timers.cancel(timer);
        }
    }

    /// Takes in members that had this assigned in the consumer group. They are stable at once.
    fn take_in(
        &mut self,
        scope: &mut Scope<'_>,
        migrants: Vec<(Migrant, Vec<ConsumerProtocolTopicPartitions>)>,
    ) {
        let mut assigned = Vec::new();
        for (migrant, partitions) in migrants {
            assigned.push((migrant.id.clone(), partitions));
            let member = Member {
                instance_id: migrant.instance_id,
                client_id: migrant.client_id,
                client_host: migrant.client_host,
                session_timeout_ms: migrant.session_timeout_ms,
                rebalance_timeout_ms: migrant.rebalance_timeout_ms,
                protocols: migrant.protocols,
                assignment: Bytes::new(),
                is_new: false,
                awaiting_join: None,
                awaiting_sync: None,
                session_timer: None,
            };
            self.add(scope, migrant.id.clone(), member);
            self.renew_session(scope, &migrant.id);
        }
        self.protocol_name = self.vote();
        self.subscribed_topics = self.find_subscribed_topics();
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        for (id, partitions) in assigned {
            if let Some(member) = self.members.get_mut(&id) {
                let metadata = member.metadata(protocol).cloned().unwrap_or_default();
                member.assignment = write_assignment(partitions, &metadata);
            }
        }
        self.state = State::Stable;
        self.previous_state = State::Stable;
    }
}

/// Makes a classic group of what is left of a consumer group, in the place of that, and lets it
/// rebalance if it has to.
pub(in crate::group) fn found(
    cluster: &mut Cluster,
    id: &StrBytes,
    generation: i32,
    migrants: Vec<(Migrant, Vec<ConsumerProtocolTopicPartitions>)>,
    rebalances: bool,
) {
    let mut group = ClassicGroup::new(id.clone(), cluster.now.wall_ms);
    group.generation = generation;
    group.protocol_type = Some(StrBytes::from_static(CONSUMER));
    insert(cluster, id.clone(), Group::Classic(group));
    with_group(cluster, id, |group, scope| {
        group.take_in(scope, migrants);
        group.store(scope);
        if rebalances {
            group.prepare_rebalance(scope);
        }
    });
}
