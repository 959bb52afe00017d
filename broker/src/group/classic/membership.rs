//! Who is in a classic group: adding, changing, removing and replacing members, and what follows
//! from it at once: leader, votes, counts.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Buf, Bytes};
use thalweg_protocol::messages::{
    ConsumerProtocolSubscription, JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember,
    SyncGroupResponse,
};
use thalweg_protocol::{Decoder, ErrorCode, Message, StrBytes};

use super::join::failed;
use super::member::{Member, answer_join, answer_sync, protocols_of};
use super::{ClassicGroup, ClassicTimer, Scope, State};
use crate::cluster::Reply;
use crate::group::consumer_protocol::CONSUMER;

impl ClassicGroup {
    /// Adds a member that waits for its JoinGroup to be answered.
    pub(super) fn add(&mut self, scope: &mut Scope<'_>, member_id: StrBytes, mut member: Member) {
        let pending = self.pending_members.remove(&member_id);
        scope.cancel(pending);
        if let Some(instance_id) = &member.instance_id {
            self.static_members
                .insert(instance_id.clone(), member_id.clone());
        }
        self.leader.get_or_insert_with(|| member_id.clone());
        self.count_protocols(&member, 1);
        self.awaiting_join += usize::from(member.awaiting_join.is_some());
        member.session_timer = None;
        self.members.insert(member_id, member);
    }

    /// Removes a member; whoever waits for its answers gets `error`.
    pub(super) fn remove(&mut self, scope: &mut Scope<'_>, member_id: &str, error: ErrorCode) {
        if let Some(mut member) = self.members.remove(member_id) {
            scope.cancel(member.session_timer);
            self.count_protocols(&member, -1);
            if let Some(instance_id) = &member.instance_id {
                self.static_members.remove(instance_id);
            }
            if let Some(reply) = member.awaiting_join.take() {
                self.awaiting_join -= 1;
                answer_join(reply, failed(StrBytes::new(), error));
            }
            if let Some(reply) = member.awaiting_sync.take() {
                answer_sync(reply, &sync_failed(error));
            }
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        let pending = self.pending_members.remove(member_id);
        scope.cancel(pending);
        self.pending_sync.remove(member_id);
    }

    /// Gives a static member another id. Who has the old one is fenced.
    pub(super) fn replace_static_member(
        &mut self,
        scope: &mut Scope<'_>,
        instance_id: &StrBytes,
        old_id: &StrBytes,
        new_id: &StrBytes,
    ) {
        let Some(mut member) = self.members.remove(old_id) else {
            return;
        };
        scope.cancel(member.session_timer.take());
        if let Some(reply) = member.awaiting_join.take() {
            self.awaiting_join -= 1;
            let mut response = failed(old_id.clone(), ErrorCode::FENCED_INSTANCE_ID);
            response.protocol_name = None;
            answer_join(reply, response);
        }
        if let Some(reply) = member.awaiting_sync.take() {
            answer_sync(reply, &sync_failed(ErrorCode::FENCED_INSTANCE_ID));
        }
        member.is_new = false;
        self.members.insert(new_id.clone(), member);
        if self.is_leader(old_id) {
            self.leader = Some(new_id.clone());
        }
        if let Some(known) = self.static_members.get_mut(instance_id) {
            *known = new_id.clone();
        }
        if self.pending_sync.remove(old_id) {
            self.pending_sync.insert(new_id.clone());
        }
    }

    /// Takes over what a member says when it joins anew, and keeps its JoinGroup.
    pub(super) fn update(
        &mut self,
        member_id: &str,
        request: &JoinGroupRequest,
        reply: Reply<JoinGroupRequest>,
    ) {
        let Some(member) = self.members.get_mut(member_id) else {
            return;
        };
        for (name, _) in &member.protocols {
            decrement(&mut self.supported, name);
        }
        member.protocols = protocols_of(&request.protocols);
        for (name, _) in &member.protocols {
            *self.supported.entry(name.clone()).or_default() += 1;
        }
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        member.session_timeout_ms = request.session_timeout_ms;
        if member.awaiting_join.replace(reply).is_none() {
            self.awaiting_join += 1;
        }
    }

    fn count_protocols(&mut self, member: &Member, by: i8) {
        for (name, _) in &member.protocols {
            match by {
                1.. => *self.supported.entry(name.clone()).or_default() += 1,
                _ => decrement(&mut self.supported, name),
            }
        }
    }

    /// Answers a member's JoinGroup, if it waits for that.
    pub(super) fn complete_join(&mut self, member_id: &str, response: JoinGroupResponse) {
        let Some(member) = self.members.get_mut(member_id) else {
            return;
        };
        if let Some(reply) = member.awaiting_join.take() {
            self.awaiting_join -= 1;
            answer_join(reply, response);
        }
    }

    /// A member has been heard of, and has its session time-out before it from now on.
    pub(super) fn renew_session(&mut self, scope: &mut Scope<'_>, member_id: &str) {
        if let Some(member) = self.members.get(member_id) {
            self.renew_session_for(scope, member_id, member.session_timeout_ms);
        }
    }

    /// As [`renew_session`](Self::renew_session), for this long.
    pub(super) fn renew_session_for(
        &mut self,
        scope: &mut Scope<'_>,
        member_id: &str,
        timeout_ms: i32,
    ) {
        let Some((id, _)) = self.members.get_key_value(member_id) else {
            return;
        };
        let timer = ClassicTimer::Session(id.clone());
        if let Some(member) = self.members.get_mut(member_id) {
            scope.cancel(member.session_timer.take());
            member.session_timer = Some(scope.set_timer(timeout_ms, timer));
        }
    }

    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// Whether every member, and everyone who was given an id, waits for the generation to begin.
    pub(super) fn all_have_joined(&self) -> bool {
        self.members.len() == self.awaiting_join && self.pending_members.is_empty()
    }

    /// How long the slowest member may take to join.
    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        let timeouts = self.members.values().map(|it| it.rebalance_timeout_ms);
        timeouts.max().unwrap_or(0).max(0)
    }

    /// Whether a member with these protocols fits with those that are there.
    pub(super) fn supports(&self, request: &JoinGroupRequest) -> bool {
        if self.state == State::Empty {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        let all = self.members.len();
        let by_all = |name: &str| self.supported.get(name).copied().unwrap_or(0) == all;
        self.protocol_type.as_ref() == Some(&request.protocol_type)
            && request.protocols.iter().any(|it| by_all(&it.name))
    }

    /// The protocol that all members support and most prefer; of several with as many votes the
    /// first by name.
    pub(super) fn vote(&self) -> Option<StrBytes> {
        let all = self.members.len();
        let is_candidate = |name: &str| self.supported.get(name) == Some(&all);
        let mut votes: BTreeMap<&StrBytes, usize> = BTreeMap::new();
        for member in self.members.values() {
            let mut names = member.protocols.iter().map(|(name, _)| name);
            if let Some(name) = names.find(|name| is_candidate(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        let winner = votes.iter().rev().max_by_key(|(_, votes)| **votes);
        winner.map(|(name, _)| (*name).clone())
    }

    /// Makes a member lead that has joined, if the leader has not. False where nobody has.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else {
            return false;
        };
        let has_joined = |member: &Member| member.awaiting_join.is_some();
        if self.members.get(leader).is_some_and(has_joined) {
            return true;
        }
        let joined = self.members.iter().find(|(_, member)| has_joined(member));
        let Some((id, _)) = joined else {
            return false;
        };
        self.leader = Some(id.clone());
        true
    }

    /// The members as the leader is told them.
    pub(super) fn for_the_leader(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let member = |(id, member): (&StrBytes, &Member)| JoinGroupResponseMember {
            member_id: id.clone(),
            group_instance_id: member.instance_id.clone(),
            metadata: member.metadata(protocol).cloned().unwrap_or_default(),
            ..Default::default()
        };
        self.members.iter().map(member).collect()
    }

    /// What the members read; `None` where they are no consumers or do not say.
    pub(super) fn find_subscribed_topics(&self) -> Option<BTreeSet<StrBytes>> {
        if !self.is_of_consumers() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol_name.as_deref()?;
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            topics.extend(subscription(member.metadata(protocol)?)?);
        }
        Some(topics)
    }

    pub(in crate::group) fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// Whether members read a topic. Consumers that do not say may read any.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.is_of_consumers(),
        }
    }
}

/// The topics of a subscription: version 0 is how all versions begin.
fn subscription(metadata: &Bytes) -> Option<Vec<StrBytes>> {
    let mut metadata = metadata.clone();
    if metadata.len() < 2 || metadata.get_i16() < 0 {
        return None;
    }
    let mut decoder = Decoder::new(metadata);
    let subscription = ConsumerProtocolSubscription::decode(&mut decoder, 0).ok()?;
    let topics = subscription.topics.iter();
    Some(topics.map(StrBytes::detached).collect())
}

fn decrement(counts: &mut BTreeMap<StrBytes, usize>, name: &str) {
    if let Some(count) = counts.get_mut(name) {
        *count -= 1;
        if *count == 0 {
            counts.remove(name);
        }
    }
}

/// A SyncGroup that is refused.
pub(super) fn sync_failed(error_code: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse {
        error_code,
        ..Default::default()
    }
}
