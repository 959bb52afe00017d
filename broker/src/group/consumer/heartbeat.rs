//! ConsumerGroupHeartbeat: joining, staying, leaving, and what time-outs do instead.
//!
//! Nothing of the group changes before the request is known to be good: what fails leaves no trace.

mod check;
mod joining;

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_protocol::messages::{
    ConsumerGroupAssignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    ConsumerGroupTopicPartitions,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::member::{AWAY_EPOCH, Member, MemberState, Owned};
use super::reconcile::Reconcile;
use super::subscription::compile;
use super::{ConsumerGroup, ConsumerTimer};
use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster, Timer};
use crate::group::assignor::{GroupView, Partitions, Subscriber};
use crate::group::kinds::with_group;
use crate::group::{Fault, Group, GroupTimer, SETTLES_EMPTY_GROUPS, insert};
use crate::release::Release;
use check::{JOIN, check};
use joining::update;

/// Answers a heartbeat.
pub(crate) fn heartbeat(
    cluster: &mut Cluster,
    caller: &Caller,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<ConsumerGroupHeartbeatResponse, Fault> {
    check(caller, request)?;
    let id = request.group_id.detached();
    if request.member_epoch < JOIN {
        return with_group(cluster, &id, |cluster, group: &mut ConsumerGroup| {
            group.handle_leave(cluster, &id, request)
        });
    }
    if request.member_epoch > JOIN {
        return with_group(cluster, &id, |cluster, group: &mut ConsumerGroup| {
            group.handle_heartbeat(cluster, caller, &id, request)
        });
    }
    let (mut group, was_there, before) = match cluster.groups.remove(&id) {
        None => (Box::default(), false, None),
        Some(Group::Consumer(group)) => (group, true, None),
        Some(other @ Group::Classic(_)) if other.gives_way() => {
            (Box::default(), false, Some(other))
        }
        Some(other) => {
            let message = match &other {
                Group::Classic(_) => format!(
                    "Cannot upgrade classic group {id} to consumer group because online upgrade is \
                     disabled."
                ),
                _ => format!("Group {id} is not a consumer group."),
            };
            insert(cluster, id, other);
            return Err((ErrorCode::GROUP_ID_NOT_FOUND, message));
        }
    };
    let result = group.handle_heartbeat(cluster, caller, &id, request);
    let stays = match result {
        Err(_) if !was_there => before,
        _ => Some(Group::Consumer(group)),
    };
    if let Some(group) = stays {
        insert(cluster, id, group);
    }
    result
}

/// Does what a timer was set for.
pub(crate) fn handle_timer(cluster: &mut Cluster, id: &StrBytes, timer: ConsumerTimer) {
    // Whoever is gone needs no watching over: an error says just that.
    let _ = with_group(cluster, id, |cluster, group: &mut ConsumerGroup| {
        match timer {
            ConsumerTimer::Session { member } => {
                group.member(&member, id)?;
                tracing::info!(group = %id, %member, "fenced: its session expired");
                group.remove(cluster, &member);
            }
            ConsumerTimer::Rebalance {
                member,
                member_epoch,
            } => {
                if group.member(&member, id)?.member_epoch == member_epoch {
                    tracing::info!(group = %id, %member, "fenced: it did not give up in time");
                    group.remove(cluster, &member);
                }
            }
            ConsumerTimer::Regexes { caller } => group.handle_regexes_due(cluster, &caller),
        }
        Ok(())
    });
}

/// The release from which another assignor is a reason for a new target.
const HEEDS_ASSIGNORS: Release = Release::of(4, 4);

/// The group's coordinator is another broker now, or none: time-outs begin anew with it.
pub(crate) fn change_coordinator(cluster: &mut Cluster, id: &StrBytes, is_there: bool) {
    let _ = with_group(cluster, id, |cluster, group: &mut ConsumerGroup| {
        for watch in std::mem::take(&mut group.watches).into_values() {
            watch.end(cluster);
        }
        for member in group.members.values().cloned().collect::<Vec<_>>() {
            if is_there {
                group.watch_over(cluster, id, &member, true);
            }
        }
        Ok(())
    });
}

impl ConsumerGroup {
    fn handle_heartbeat(
        &mut self,
        cluster: &mut Cluster,
        caller: &Caller,
        id: &StrBytes,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerGroupHeartbeatResponse, Fault> {
        self.check_room(cluster, request)?;
        let member_id = match request.member_id.is_empty() {
            true => StrBytes::from(cluster.new_uuid().to_string()),
            false => request.member_id.detached(),
        };
        let (member, replaced) = self.find_or_make(id, member_id, request)?;
        let updated = update(&member, caller, request);
        let assignor_before = self.assignor();
        let regex_changed = member.topic_regex != updated.topic_regex;
        if regex_changed && !self.subscriptions.has_regex(&updated.topic_regex) {
            compile(&updated.topic_regex)?;
        }
        // Nothing fails from here on.
        if let Some(replaced) = replaced {
            self.replace(cluster, &replaced, &member);
        }
        let names_changed = member.topic_names != updated.topic_names;
        if self.members.get(&updated.id) != Some(&updated) {
            self.put(updated.clone());
        }
        self.subscriptions.tidy();
        let resolved =
            updated.topic_regex.is_empty() || self.subscriptions.is_resolved(&updated.topic_regex);
        let bump = names_changed
            || regex_changed && resolved
            || cluster.release >= HEEDS_ASSIGNORS && assignor_before != self.assignor();
        self.schedule_regexes(cluster, caller, id);
        self.look_for_changes(cluster, bump);
        self.assign_if_due(cluster, id);

        let next = self.reconcile(cluster, &updated, request, names_changed || regex_changed);
        let is_full = request.rebalance_timeout_ms != -1
            && (request.subscribed_topic_names.is_some()
                || request.subscribed_topic_regex.is_some())
            && request.topic_partitions.is_some();
        let tell = request.member_epoch == JOIN || is_full || next.assigned != member.assigned;
        let response = ConsumerGroupHeartbeatResponse {
            member_id: Some(next.id.clone()),
            member_epoch: next.member_epoch,
            heartbeat_interval_ms: cluster.group_number32(id, "consumer.heartbeat.interval.ms"),
            assignment: tell.then(|| assignment(&next.assigned)),
            ..Default::default()
        };
        self.watch_over(cluster, id, &next, next != updated);
        if next != updated {
            self.put(next);
        }
        Ok(response)
    }

    /// Puts a static member that came back in the place of the one it was.
    fn replace(&mut self, cluster: &mut Cluster, old: &StrBytes, new: &Member) {
        if let Some(watch) = self.watches.remove(old) {
            watch.end(cluster);
        }
        let target = self.target.remove(old).unwrap_or_default();
        self.unlist(old);
        self.put(new.clone());
        self.target.insert(new.id.clone(), target);
    }

    /// Raises the group epoch where there is a reason to: one given, or topics that changed.
    fn look_for_changes(&mut self, cluster: &Cluster, bump: bool) {
        let known = self.subscriptions.look(&cluster.topics);
        if bump || known != self.subscriptions.known {
            self.group_epoch += 1;
            self.subscriptions.known = known;
        }
    }

    /// Makes a new target for a new group epoch, not more often than the settings allow.
    fn assign_if_due(&mut self, cluster: &Cluster, id: &StrBytes) {
        let now_ms = cluster.now.wall_ms;
        let pause_ms = cluster.group_number(id, "consumer.assignment.interval.ms");
        let too_soon = self
            .assigned_at_ms
            .is_some_and(|at_ms| now_ms < at_ms + pause_ms);
        if self.assignment_epoch >= self.group_epoch || too_soon {
            return;
        }
        self.target = self.new_target(cluster);
        self.assignment_epoch = self.group_epoch;
        self.assigned_at_ms = Some(now_ms);
    }

    fn new_target(&self, cluster: &Cluster) -> BTreeMap<StrBytes, Partitions> {
        let mut view = GroupView {
            same_subscriptions: self.subscriptions.are_same(self.members.len()),
            ..GroupView::default()
        };
        let known = self.subscriptions.known.values();
        view.partition_counts = known.copied().collect();
        for (member_id, member) in &self.members {
            let subscriber = Subscriber {
                instance_id: member.instance_id.as_ref(),
                topics: self.subscriptions.topics_of(member, &cluster.topics),
                target: self.target.get(member_id),
            };
            view.members.insert(member_id, subscriber);
        }
        self.assignor().assign(&view)
    }

    fn reconcile(
        &self,
        cluster: &Cluster,
        member: &Member,
        request: &ConsumerGroupHeartbeatRequest,
        subscription_changed: bool,
    ) -> Member {
        let nothing = Partitions::new();
        let subscribed = self.subscriptions.topics_of(member, &cluster.topics);
        let reconcile = Reconcile {
            target: self.target.get(&member.id).unwrap_or(&nothing),
            target_epoch: self.assignment_epoch,
            subscribed: &subscribed,
            subscription_changed,
            reported: request.topic_partitions.as_deref(),
            is_held: &|topic, partition| self.holders.contains_key(&(*topic, partition)),
        };
        reconcile.step(member)
    }

    /// Watches over a member from now on. One that `has_moved` has a new time to give up in.
    fn watch_over(
        &mut self,
        cluster: &mut Cluster,
        id: &StrBytes,
        member: &Member,
        has_moved: bool,
    ) {
        let mut watch = self.watches.remove(&member.id).unwrap_or_default();
        let timer = |timer| GroupTimer::Consumer(id.clone(), timer);
        let timeout = cluster.group_time(id, "consumer.session.timeout.ms");
        let expired = ConsumerTimer::Session {
            member: member.id.clone(),
        };
        watch.renew_session(cluster, timeout, timer(expired));
        if has_moved {
            let gives_up = member.state == MemberState::UnrevokedPartitions;
            let timeout = u64::try_from(member.rebalance_timeout_ms).unwrap_or(0);
            let expired = ConsumerTimer::Rebalance {
                member: member.id.clone(),
                member_epoch: member.member_epoch,
            };
            let end = gives_up.then(|| (Duration::from_millis(timeout), timer(expired)));
            watch.renew_rebalance(cluster, end);
        }
        self.watches.insert(member.id.clone(), watch);
    }

    fn handle_leave(
        &mut self,
        cluster: &mut Cluster,
        id: &StrBytes,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerGroupHeartbeatResponse, Fault> {
        let response = ConsumerGroupHeartbeatResponse {
            member_id: Some(request.member_id.clone()),
            member_epoch: request.member_epoch,
            ..Default::default()
        };
        let Some(instance_id) = &request.instance_id else {
            let member = self.member(&request.member_id, id)?.id.clone();
            self.remove(cluster, &member);
            return Ok(response);
        };
        let member = self.known_static_member(instance_id, &request.member_id)?;
        if request.member_epoch == AWAY_EPOCH {
            let away = member.gone_for_a_while();
            self.put(away);
        } else {
            let member = member.id.clone();
            self.remove(cluster, &member);
        }
        Ok(response)
    }

    /// Takes a member out of the group.
    fn remove(&mut self, cluster: &mut Cluster, member: &StrBytes) {
        if let Some(watch) = self.watches.remove(member) {
            watch.end(cluster);
        }
        self.unlist(member);
        self.target.remove(member);
        self.subscriptions.tidy();
        self.look_for_changes(cluster, true);
        if self.members.is_empty() && cluster.release >= SETTLES_EMPTY_GROUPS {
            self.assignment_epoch = self.group_epoch;
            self.assigned_at_ms = None;
        }
    }

    fn schedule_regexes(&mut self, cluster: &mut Cluster, caller: &Caller, id: &StrBytes) {
        let interval_ms = cluster
            .settings
            .number("group.consumer.regex.refresh.interval.ms");
        let now_ms = cluster.now.wall_ms;
        if self
            .subscriptions
            .schedule(&cluster.topics, now_ms, interval_ms)
        {
            let due = ConsumerTimer::Regexes {
                caller: caller.clone(),
            };
            let timer = GroupTimer::Consumer(id.clone(), due);
            cluster.set_timer(Duration::ZERO, Timer::Group(timer));
        }
    }

    fn handle_regexes_due(&mut self, cluster: &Cluster, caller: &Caller) {
        let now_ms = cluster.now.wall_ms;
        let may_see = |name: &StrBytes| {
            cluster.authorize(caller, Operation::Describe, ResourceType::Topic, name)
        };
        let changed = self.subscriptions.resolve(&cluster.topics, now_ms, may_see);
        self.look_for_changes(cluster, changed);
    }
}

fn assignment(assigned: &Owned) -> ConsumerGroupAssignment {
    let topic = |(topic_id, partitions): (&_, &BTreeMap<_, i32>)| ConsumerGroupTopicPartitions {
        topic_id: *topic_id,
        partitions: partitions.keys().copied().collect(),
        ..Default::default()
    };
    ConsumerGroupAssignment {
        topic_partitions: assigned.iter().map(topic).collect(),
        ..Default::default()
    }
}
