//! A consumer group as it is kept on disk.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thalweg_protocol::StrBytes;

use super::ConsumerGroup;
use super::member::{ClassicTerms, Member, MemberState};
use crate::group::assignor::Assignor;
use crate::group::saved::{
    SavedDated, SavedKnown, SavedPartitions, dated, dated_of, known, known_of, maybe_text,
    maybe_text_of, targets, targets_of, text, texts, texts_of,
};

/// Everything but the timers, and what follows from the rest.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedConsumerGroup {
    group_epoch: i32,
    assignment_epoch: i32,
    assigned_at_ms: Option<i64>,
    members: Vec<SavedMember>,
    target: BTreeMap<String, SavedPartitions>,
    known: SavedKnown,
    /// The topics that each expression means.
    resolved: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedMember {
    id: String,
    member_epoch: i32,
    previous_member_epoch: i32,
    state: SavedState,
    instance_id: Option<String>,
    rack_id: Option<String>,
    rebalance_timeout_ms: i32,
    client_id: String,
    client_host: String,
    topic_names: Vec<String>,
    topic_regex: String,
    assignor: Option<String>,
    assigned: SavedDated,
    pending_revocation: SavedDated,
    /// Of a member that uses the classic protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    classic: Option<SavedClassicTerms>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedClassicTerms {
    session_timeout_ms: i32,
    protocols: Vec<(String, Vec<u8>)>,
}

impl SavedClassicTerms {
    fn of(terms: &ClassicTerms) -> Self {
        let one = |(name, metadata): &(StrBytes, Bytes)| (name.to_string(), metadata.to_vec());
        SavedClassicTerms {
            session_timeout_ms: terms.session_timeout_ms,
            protocols: terms.protocols.iter().map(one).collect(),
        }
    }

    fn terms(&self) -> ClassicTerms {
        let one = |(name, metadata): &(String, Vec<u8>)| (text(name), metadata.clone().into());
        ClassicTerms {
            session_timeout_ms: self.session_timeout_ms,
            protocols: self.protocols.iter().map(one).collect(),
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum SavedState {
    Stable,
    UnrevokedPartitions,
    UnreleasedPartitions,
}

impl SavedMember {
    fn of(member: &Member) -> Self {
        SavedMember {
            id: member.id.to_string(),
            member_epoch: member.member_epoch,
            previous_member_epoch: member.previous_member_epoch,
            state: match member.state {
                MemberState::Stable => SavedState::Stable,
                MemberState::UnrevokedPartitions => SavedState::UnrevokedPartitions,
                MemberState::UnreleasedPartitions => SavedState::UnreleasedPartitions,
            },
            instance_id: maybe_text_of(&member.instance_id),
            rack_id: maybe_text_of(&member.rack_id),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            topic_names: texts_of(&member.topic_names),
            topic_regex: member.topic_regex.to_string(),
            assignor: member.assignor.map(|it| it.name().to_owned()),
            assigned: dated_of(&member.assigned),
            pending_revocation: dated_of(&member.pending_revocation),
            classic: member.classic.as_ref().map(SavedClassicTerms::of),
        }
    }

    fn member(&self) -> Option<Member> {
        let assignor = match &self.assignor {
            Some(name) => Some(Assignor::by_name(name)?),
            None => None,
        };
        Some(Member {
            id: text(&self.id),
            member_epoch: self.member_epoch,
            previous_member_epoch: self.previous_member_epoch,
            state: match self.state {
                SavedState::Stable => MemberState::Stable,
                SavedState::UnrevokedPartitions => MemberState::UnrevokedPartitions,
                SavedState::UnreleasedPartitions => MemberState::UnreleasedPartitions,
            },
            instance_id: maybe_text(&self.instance_id),
            rack_id: maybe_text(&self.rack_id),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            client_id: text(&self.client_id),
            client_host: text(&self.client_host),
            topic_names: texts(&self.topic_names),
            topic_regex: text(&self.topic_regex),
            assignor,
            assigned: dated(&self.assigned, |id| id.parse().ok())?,
            pending_revocation: dated(&self.pending_revocation, |id| id.parse().ok())?,
            classic: self.classic.as_ref().map(SavedClassicTerms::terms),
        })
    }
}

impl ConsumerGroup {
    /// What is kept of it.
    pub(in crate::group) fn saved(&self) -> SavedConsumerGroup {
        let resolved = self.subscriptions.resolved();
        SavedConsumerGroup {
            group_epoch: self.group_epoch,
            assignment_epoch: self.assignment_epoch,
            assigned_at_ms: self.assigned_at_ms,
            members: self.members.values().map(SavedMember::of).collect(),
            target: targets_of(&self.target),
            known: known_of(&self.subscriptions.known),
            resolved: resolved
                .map(|(regex, topics)| (regex.to_string(), texts_of(topics)))
                .collect(),
        }
    }

    /// What was kept of it. `None` where that is no group.
    pub(in crate::group) fn restored(saved: &SavedConsumerGroup) -> Option<Self> {
        let mut group = ConsumerGroup {
            group_epoch: saved.group_epoch,
            assignment_epoch: saved.assignment_epoch,
            assigned_at_ms: saved.assigned_at_ms,
            target: targets(&saved.target)?,
            ..ConsumerGroup::default()
        };
        for member in &saved.members {
            let member = member.member()?;
            if member.held().any(|held| group.holders.contains_key(&held)) {
                return None;
            }
            group.put(member);
        }
        for (regex, topics) in &saved.resolved {
            let topics = texts(topics);
            group.subscriptions.set_resolved(text(regex), topics);
        }
        group.subscriptions.known = known(&saved.known)?;
        Some(group)
    }
}
