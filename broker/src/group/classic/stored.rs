//! What a coordinator writes down of a classic group, and the next coordinator goes on from.
//!
//! Written are generations: when one has its assignment, when a static member takes its place up
//! again, and when nobody is left. Who was about to join or to get an assignment is not known to the
//! next coordinator, and has to ask it again.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thalweg_protocol::messages::{GroupMetadataValue, MemberMetadata};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::join::failed;
use super::member::{Member, answer_join, answer_sync};
use super::membership::sync_failed;
use super::{ClassicGroup, Scope, State};
use crate::group::journal::{Change, What};
use crate::group::saved::{maybe_text, maybe_text_of, text};

/// A group as it was written down last.
#[derive(Debug, Clone, Default)]
pub(super) struct Stored {
    generation: i32,
    protocol_type: Option<StrBytes>,
    protocol_name: Option<StrBytes>,
    leader: Option<StrBytes>,
    state_since_ms: Option<i64>,
    members: Vec<(StrBytes, StoredMember)>,
}

/// What is kept of a group on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedClassicGroup {
    generation: i32,
    protocol_type: Option<String>,
    protocol_name: Option<String>,
    leader: Option<String>,
    state_since_ms: i64,
    members: BTreeMap<String, SavedMember>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedMember {
    instance_id: Option<String>,
    client_id: String,
    client_host: String,
    session_timeout_ms: i32,
    rebalance_timeout_ms: i32,
    metadata: Vec<u8>,
    assignment: Vec<u8>,
}

#[derive(Debug, Clone)]
struct StoredMember {
    instance_id: Option<StrBytes>,
    client_id: StrBytes,
    client_host: StrBytes,
    session_timeout_ms: i32,
    rebalance_timeout_ms: i32,
    /// What it told the assignor of the generation; the others are forgotten.
    metadata: Bytes,
    assignment: Bytes,
}

impl Stored {
    /// As it is in `__consumer_offsets`.
    fn as_record(&self) -> GroupMetadataValue {
        let member = |(id, member): &(StrBytes, StoredMember)| MemberMetadata {
            member_id: id.clone(),
            group_instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout: member.rebalance_timeout_ms,
            session_timeout: member.session_timeout_ms,
            subscription: member.metadata.clone(),
            assignment: member.assignment.clone(),
            ..Default::default()
        };
        GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol_name.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.state_since_ms.unwrap_or(-1),
            members: self.members.iter().map(member).collect(),
            ..Default::default()
        }
    }
}

impl SavedMember {
    fn of(member: &StoredMember) -> Self {
        SavedMember {
            instance_id: maybe_text_of(&member.instance_id),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            session_timeout_ms: member.session_timeout_ms,
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            metadata: member.metadata.to_vec(),
            assignment: member.assignment.to_vec(),
        }
    }

    fn stored(&self) -> StoredMember {
        StoredMember {
            instance_id: maybe_text(&self.instance_id),
            client_id: text(&self.client_id),
            client_host: text(&self.client_host),
            session_timeout_ms: self.session_timeout_ms,
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            metadata: self.metadata.clone().into(),
            assignment: self.assignment.clone().into(),
        }
    }
}

impl ClassicGroup {
    /// What is kept of it; `None` where nothing was written down yet.
    pub(in crate::group) fn saved(&self) -> Option<SavedClassicGroup> {
        let stored = &self.stored;
        let members = stored.members.iter();
        Some(SavedClassicGroup {
            generation: stored.generation,
            protocol_type: maybe_text_of(&stored.protocol_type),
            protocol_name: maybe_text_of(&stored.protocol_name),
            leader: maybe_text_of(&stored.leader),
            state_since_ms: stored.state_since_ms?,
            members: members
                .map(|(id, member)| (id.to_string(), SavedMember::of(member)))
                .collect(),
        })
    }

    /// What the next coordinator will know of it was kept.
    pub(in crate::group) fn with_stored(mut self, saved: &SavedClassicGroup) -> Self {
        let members = saved.members.iter();
        self.stored = Stored {
            generation: saved.generation,
            protocol_type: maybe_text(&saved.protocol_type),
            protocol_name: maybe_text(&saved.protocol_name),
            leader: maybe_text(&saved.leader),
            state_since_ms: Some(saved.state_since_ms),
            members: members
                .map(|(id, member)| (text(id), member.stored()))
                .collect(),
        };
        self
    }

    /// Writes the group down as it is.
    pub(super) fn store(&mut self, scope: &mut Scope<'_>) {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let stored = |(id, member): (&StrBytes, &Member)| {
            let stored = StoredMember {
                instance_id: member.instance_id.clone(),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                session_timeout_ms: member.session_timeout_ms,
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                metadata: member.metadata(protocol).cloned().unwrap_or_default(),
                assignment: member.assignment.clone(),
            };
            (id.clone(), stored)
        };
        self.stored = Stored {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            state_since_ms: Some(self.state_since_ms),
            members: self.members.iter().map(stored).collect(),
        };
        scope.journal.push(Change {
            group: self.id.clone(),
            what: What::Group(Some(self.stored.as_record())),
        });
    }

    /// Another coordinator takes over, or none: whoever waits has to find it, and the group is what
    /// was written down of it. Sessions begin anew where there `is_one`.
    pub(in crate::group) fn change_coordinator(&mut self, scope: &mut Scope<'_>, is_one: bool) {
        for timer in std::mem::take(&mut self.pending_members).into_values() {
            scope.cancel(Some(timer));
        }
        scope.cancel(self.join_timer.take());
        scope.cancel(self.sync_timer.take());
        for (id, mut member) in std::mem::take(&mut self.members) {
            scope.cancel(member.session_timer.take());
            if let Some(reply) = member.awaiting_join.take() {
                answer_join(reply, failed(id, ErrorCode::NOT_COORDINATOR));
            }
            if let Some(reply) = member.awaiting_sync.take() {
                answer_sync(reply, &sync_failed(ErrorCode::NOT_COORDINATOR));
            }
        }
        self.take_up(scope, is_one);
    }

    fn take_up(&mut self, scope: &mut Scope<'_>, is_one: bool) {
        let stored = self.stored.clone();
        *self = ClassicGroup::new(self.id.clone(), scope.now.wall_ms);
        self.generation = stored.generation;
        self.protocol_type = stored.protocol_type.clone();
        self.protocol_name = stored.protocol_name.clone();
        self.leader = stored.leader.clone();
        self.state_since_ms = stored.state_since_ms.unwrap_or(self.state_since_ms);
        if !stored.members.is_empty() {
            self.state = State::Stable;
        }
        for (id, member) in stored.members.clone() {
            let protocol = self.protocol_name.clone().unwrap_or_default();
            let member = Member {
                instance_id: member.instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                session_timeout_ms: member.session_timeout_ms,
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                protocols: vec![(protocol, member.metadata)],
                assignment: member.assignment,
                is_new: false,
                awaiting_join: None,
                awaiting_sync: None,
                session_timer: None,
            };
            self.add(scope, id.clone(), member);
            if is_one {
                self.renew_session(scope, &id);
            }
        }
        self.subscribed_topics = self.find_subscribed_topics();
        self.stored = stored;
    }
}
