//! A share group as it is kept on disk. How far it has come in its partitions is kept apart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ShareGroup, ShareMember};
use crate::group::saved::{
    SavedPartitions, maybe_text, maybe_text_of, partitions, partitions_of, targets, targets_of,
    text, texts, texts_of,
};

/// Everything but the timers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedShareGroup {
    epoch: i32,
    assignment_epoch: i32,
    assigned_ms: Option<i64>,
    members: BTreeMap<String, SavedMember>,
    target: BTreeMap<String, SavedPartitions>,
    /// Partitions by topic id.
    topics: BTreeMap<String, i32>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedMember {
    rack_id: Option<String>,
    client_id: String,
    client_host: String,
    subscribed: Vec<String>,
    member_epoch: i32,
    previous_member_epoch: i32,
    assigned: SavedPartitions,
}

impl SavedMember {
    fn of(member: &ShareMember) -> Self {
        SavedMember {
            rack_id: maybe_text_of(&member.rack_id),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            subscribed: texts_of(&member.subscribed),
            member_epoch: member.epoch,
            previous_member_epoch: member.previous_epoch,
            assigned: partitions_of(&member.assigned),
        }
    }

    fn member(&self) -> Option<ShareMember> {
        Some(ShareMember {
            rack_id: maybe_text(&self.rack_id),
            client_id: text(&self.client_id),
            client_host: text(&self.client_host),
            subscribed: texts(&self.subscribed),
            epoch: self.member_epoch,
            previous_epoch: self.previous_member_epoch,
            assigned: partitions(&self.assigned)?,
            session: None,
        })
    }
}

impl ShareGroup {
    /// What is kept of it.
    pub(in crate::group) fn saved(&self) -> SavedShareGroup {
        let members = self.members.iter();
        let topics = self.topics.iter();
        SavedShareGroup {
            epoch: self.epoch,
            assignment_epoch: self.assignment_epoch,
            assigned_ms: self.assigned_ms,
            members: members
                .map(|(id, member)| (id.to_string(), SavedMember::of(member)))
                .collect(),
            target: targets_of(&self.target),
            topics: topics.map(|(id, count)| (id.to_string(), *count)).collect(),
        }
    }

    /// What was kept of it. `None` where that is no group.
    pub(in crate::group) fn restored(saved: &SavedShareGroup) -> Option<Self> {
        let members = saved.members.iter();
        let members = members.map(|(id, member)| Some((text(id), member.member()?)));
        let topics = saved.topics.iter();
        let topics = topics.map(|(id, count)| Some((id.parse().ok()?, *count)));
        let topics: BTreeMap<_, _> = topics.collect::<Option<_>>()?;
        Some(ShareGroup {
            epoch: saved.epoch,
            assignment_epoch: saved.assignment_epoch,
            assigned_ms: saved.assigned_ms,
            members: members.collect::<Option<_>>()?,
            target: targets(&saved.target)?,
            // What was only becoming ready has had its time.
            ready: topics.clone(),
            topics,
        })
    }
}
