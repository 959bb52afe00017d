//! Share groups (KIP-932): members, their subscriptions, and who reads what.
//!
//! What members do with the partitions they read is not the group's matter: see
//! [`share`](crate::share). A partition's members may come and go without any of them having to wait
//! for another.

mod assignor;
mod heartbeat;
mod saved;

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::{StrBytes, Uuid};

pub(crate) use assignor::Assignment;
pub(crate) use heartbeat::heartbeat;
pub(crate) use saved::SavedShareGroup;

use self::assignor::{Candidate, assign};
use super::{Group, GroupTimer, SETTLES_EMPTY_GROUPS};
use crate::cluster::{Cluster, Timer, TimerId};
use crate::release::Release;
use crate::share::ShareConfig;

/// What a timer of a share group is for: a member was silent for too long.
#[derive(Debug)]
pub(crate) struct ShareGroupTimer {
    member_id: StrBytes,
}

/// A member.
#[derive(Debug)]
pub(crate) struct ShareMember {
    pub(crate) rack_id: Option<StrBytes>,
    pub(crate) client_id: StrBytes,
    pub(crate) client_host: StrBytes,
    /// By name, each once.
    pub(crate) subscribed: BTreeSet<StrBytes>,
    pub(crate) epoch: i32,
    previous_epoch: i32,
    pub(crate) assigned: Assignment,
    session: Option<TimerId>,
}

/// A share group.
#[derive(Debug)]
pub(crate) struct ShareGroup {
    /// Raised when members or what they subscribe to change.
    pub(crate) epoch: i32,
    /// The group epoch the target assignment was made for.
    pub(crate) assignment_epoch: i32,
    assigned_ms: Option<i64>,
    pub(crate) members: BTreeMap<StrBytes, ShareMember>,
    target: BTreeMap<StrBytes, Assignment>,
    /// The topics subscribed to that there are, with how many partitions they have.
    topics: BTreeMap<Uuid, i32>,
    /// The topics that may be assigned, with how many of their partitions: as in Kafka, the heartbeat
    /// that brings a topic only begins to make the state of its partitions.
    ready: BTreeMap<Uuid, i32>,
}

impl Default for ShareGroup {
    /// Epochs begin at 1: 0 is what members join with.
    fn default() -> Self {
        ShareGroup {
            epoch: 1,
            assignment_epoch: 1,
            assigned_ms: None,
            members: BTreeMap::new(),
            target: BTreeMap::new(),
            topics: BTreeMap::new(),
            ready: BTreeMap::new(),
        }
    }
}

impl ShareGroup {
    /// Kafka's word for the state.
    pub(crate) fn state_name(&self) -> &'static str {
        if self.members.is_empty() {
            return "Empty";
        }
        "Stable"
    }

    /// Whether any member subscribes to a topic.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        let mut members = self.members.values();
        members.any(|member| member.subscribed.contains(topic))
    }

    /// The topics subscribed to that there are now.
    fn topics_now(&self, cluster: &Cluster) -> BTreeMap<Uuid, i32> {
        let names = self.members.values().flat_map(|member| &member.subscribed);
        let names: BTreeSet<&StrBytes> = names.collect();
        let found = names.into_iter().filter_map(|name| {
            let topic = cluster.topics.topic(name)?;
            let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
            Some((topic.id, count))
        });
        found.collect()
    }

    /// Makes a new target where the last is of another epoch and old enough.
    fn assign(&mut self, cluster: &Cluster, group_id: &str) {
        let now_ms = cluster.now.wall_ms;
        let pause_ms = ShareConfig::of(cluster, group_id).assignment_interval_ms();
        let is_early = self
            .assigned_ms
            .is_some_and(|assigned| now_ms < assigned.saturating_add(pause_ms));
        if self.assignment_epoch >= self.epoch || is_early {
            return;
        }
        let ready = |id: &Uuid| self.topics.contains_key(id) && self.ready.contains_key(id);
        let members: Vec<Candidate<'_>> = self
            .members
            .iter()
            .map(|(id, member)| {
                let names = member.subscribed.iter();
                let topics = names.filter_map(|name| Some(cluster.topics.topic(name)?.id));
                Candidate {
                    id,
                    topics: topics.filter(ready).collect(),
                    has: self.target.get(id),
                }
            })
            .collect();
        let assignable = self.ready.iter().filter(|(id, _)| ready(id));
        let assignable = assignable.map(|(id, count)| (*id, *count)).collect();
        self.target = assign(&members, &assignable);
        self.assignment_epoch = self.epoch;
        self.assigned_ms = Some(now_ms);
    }

    /// Whether any topic that is subscribed to has become ready since the last target.
    fn is_ready_for_more(&self) -> bool {
        let mut ready = self.ready.iter();
        ready.any(|(id, count)| {
            let targets = self.target.values().filter_map(|target| target.get(id));
            let assigned: BTreeSet<_> = targets.flatten().collect();
            self.topics.contains_key(id)
                && usize::try_from(*count).is_ok_and(|count| assigned.len() != count)
        })
    }

    /// Forgets a member.
    fn remove(&mut self, release: Release, member_id: &str) -> Option<ShareMember> {
        let member = self.members.remove(member_id)?;
        self.target.remove(member_id);
        self.epoch += 1;
        if self.members.is_empty() && release >= SETTLES_EMPTY_GROUPS {
            self.assignment_epoch = self.epoch;
            self.assigned_ms = None;
        }
        Some(member)
    }
}

/// A share group, if the id is one's.
pub(crate) fn share_group<'a>(cluster: &'a Cluster, group_id: &str) -> Option<&'a ShareGroup> {
    match cluster.groups.group(group_id) {
        Some(Group::Share(group)) => Some(group),
        _ => None,
    }
}

/// Does what a timer was set for.
pub(super) fn handle_timer(cluster: &mut Cluster, group_id: &StrBytes, timer: ShareGroupTimer) {
    let release = cluster.release;
    if let Some(Group::Share(group)) = cluster.groups.group_mut(group_id) {
        tracing::info!(
            group = &**group_id,
            member = &*timer.member_id,
            "a member of a share group was silent for too long"
        );
        group.remove(release, &timer.member_id);
    }
}

/// Another broker coordinates the group now, or none. Members' sessions begin anew with a new one,
/// and do not end while there is none.
pub(super) fn change_coordinator(cluster: &mut Cluster, group_id: &StrBytes, is_led: bool) {
    let timeout = ShareConfig::of(cluster, group_id).session_timeout();
    let ends_at = cluster.now.instant + timeout;
    let Some(Group::Share(group)) = cluster.groups.group_mut(group_id) else {
        return;
    };
    for (member_id, member) in &mut group.members {
        if let Some(before) = member.session.take() {
            cluster.timers.cancel(before);
        }
        if is_led {
            let timer = Timer::Group(session_timer(group_id, member_id));
            member.session = Some(cluster.timers.set(ends_at, timer));
        }
    }
}

/// A timer that ends a member's session.
fn session_timer(group_id: &StrBytes, member_id: &StrBytes) -> GroupTimer {
    let member_id = member_id.clone();
    GroupTimer::Share(group_id.clone(), ShareGroupTimer { member_id })
}
