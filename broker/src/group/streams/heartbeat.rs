//! StreamsGroupHeartbeat: joining, staying, leaving, and what time-outs do instead.
//!
//! Nothing of the group changes before the request is known to be good: what fails leaves no trace.

mod answer;
mod check;
mod joining;

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_protocol::messages::{
    CreatableTopic, StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse, StreamsGroupStatus,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::assignor::{GroupView, MemberView, assign};
use super::member::{AWAY_EPOCH, Member, MemberState, Progress};
use super::reconcile::{HeldBy, Reconcile};
use super::tasks::{self, Tasks};
use super::topics::{Configured, configure, status};
use super::topology::Topology;
use super::{StreamsGroup, StreamsTimer};
use crate::cluster::{Caller, Cluster, Timer};
use crate::group::kinds::with_group;
use crate::group::{Fault, Group, GroupTimer, SETTLES_EMPTY_GROUPS, insert};
use answer::{Change, status_of};
use check::{JOIN, NEWER_FEATURES, check, check_old_features, check_progress, check_tasks};
use joining::update;

/// The answer to a heartbeat, and the internal topics it takes to go on.
type Answer = (StreamsGroupHeartbeatResponse, Vec<CreatableTopic>);

/// Answers a heartbeat.
pub(crate) fn heartbeat(
    cluster: &mut Cluster,
    caller: &Caller,
    request: &StreamsGroupHeartbeatRequest,
) -> Result<Answer, Fault> {
    if cluster.release < NEWER_FEATURES {
        check_old_features(request)?;
    }
    check(request)?;
    let id = request.group_id.detached();
    if request.member_epoch < JOIN {
        let left = with_group(cluster, &id, |cluster, group: &mut StreamsGroup| {
            group.handle_leave(cluster, &id, request)
        });
        return left.map(|response| (response, Vec::new()));
    }
    if request.member_epoch > JOIN {
        return with_group(cluster, &id, |cluster, group: &mut StreamsGroup| {
            group.handle_heartbeat(cluster, caller, &id, request)
        });
    }
    let (mut group, was_there, before) = match cluster.groups.remove(&id) {
        None => (Box::default(), false, None),
        Some(Group::Streams(group)) => (group, true, None),
        Some(other @ Group::Classic(_)) if other.gives_way() => {
            (Box::default(), false, Some(other))
        }
        Some(other) => {
            let message = format!("Group {id} is not a streams group.");
            insert(cluster, id, other);
            return Err((ErrorCode::GROUP_ID_NOT_FOUND, message));
        }
    };
    let mut result = group.handle_heartbeat(cluster, caller, &id, request);
    let stays = match &mut result {
        Err(_) if !was_there => before,
        Ok((response, _)) if !was_there => {
            // As Kafka does it: a group that was just made has no endpoints yet.
            group.endpoint_epoch = 0;
            response.endpoint_information_epoch = 0;
            Some(Group::Streams(group))
        }
        _ => Some(Group::Streams(group)),
    };
    if let Some(group) = stays {
        insert(cluster, id, group);
    }
    result
}

/// Does what a timer was set for.
pub(crate) fn handle_timer(cluster: &mut Cluster, id: &StrBytes, timer: StreamsTimer) {
    // Whoever is gone needs no watching over: an error says just that.
    let _ = with_group(cluster, id, |cluster, group: &mut StreamsGroup| {
        match timer {
            StreamsTimer::Session { member } => {
                group.member(&member, id)?;
                tracing::info!(group = %id, %member, "fenced: its session expired");
                group.remove(cluster, &member);
            }
            StreamsTimer::Rebalance {
                member,
                member_epoch,
            } => {
                if group.member(&member, id)?.member_epoch == member_epoch {
                    tracing::info!(group = %id, %member, "fenced: it did not give up in time");
                    group.remove(cluster, &member);
                }
            }
            StreamsTimer::InitialDelay => {
                group.initial_delay = None;
                if !group.is_empty() && group.group_epoch > group.assignment_epoch {
                    group.assign_anew(cluster);
                }
            }
        }
        Ok(())
    });
}

/// The group's coordinator is another broker now, or none: time-outs begin anew with it.
pub(crate) fn change_coordinator(cluster: &mut Cluster, id: &StrBytes, is_there: bool) {
    let _ = with_group(cluster, id, |cluster, group: &mut StreamsGroup| {
        for watch in std::mem::take(&mut group.watches).into_values() {
            watch.end(cluster);
        }
        // What Kafka keeps in the coordinator's memory alone.
        group.shutdown_requested_by = None;
        group.progress.clear();
        group.endpoint_epoch = 0;
        for member in group.members.values().cloned().collect::<Vec<_>>() {
            if is_there {
                group.watch_over(cluster, id, &member, true);
            }
        }
        Ok(())
    });
}

impl StreamsGroup {
    fn handle_heartbeat(
        &mut self,
        cluster: &mut Cluster,
        caller: &Caller,
        id: &StrBytes,
        request: &StreamsGroupHeartbeatRequest,
    ) -> Result<Answer, Fault> {
        let (member, replaced) = self.find_or_make(cluster, id, request)?;
        let updated = update(&member, caller, request);
        let topology = self.topology_with(request)?;
        let known = look(&topology, cluster);
        let topics_changed = known != self.known;
        let configured = match topics_changed || self.topology.is_none() {
            true => configure(&topology, &cluster.topics)?,
            false => self.configured.clone(),
        };
        check_tasks(&configured, request)?;
        check_progress(request)?;
        // Nothing fails from here on.
        let was_empty = self.is_empty();
        let is_new = !self.members.contains_key(&updated.id);
        let member_changed = updated != member || is_new && replaced.is_none();
        let matters = request.instance_id.is_none() || member.differs_in_what_matters(&updated);
        let mut bump = member_changed && matters || topics_changed;
        if let Some(replaced) = &replaced {
            self.replace(cluster, replaced, &member);
        }
        self.put(updated.clone());
        self.note_progress(&updated.id, request);
        let mut statuses = Vec::new();
        let newest = topology.topology_epoch;
        if self.topology.is_some() && updated.topology_epoch < newest {
            let behind = updated.topology_epoch;
            statuses.push(status_of(
                status::STALE_TOPOLOGY,
                format!(
                    "The member's topology epoch {behind} is behind the group's topology epoch \
                     {newest}."
                ),
            ));
        }
        bump |= self.configure_as(cluster, id, topology, configured);
        self.known = known;
        self.group_epoch += i32::from(bump);
        self.delay_if_first(cluster, id, was_empty);
        statuses.extend(self.assign_if_due(cluster, id));
        let next = self.reconcile(&updated, request);
        self.watch_over(cluster, id, &next, next != updated);
        if request.shutdown_application && self.shutdown_requested_by.is_none() {
            self.shutdown_requested_by = Some(next.id.clone());
        }
        self.put(next.clone());
        self.statuses(cluster, caller, id, &next, &mut statuses);
        let change = Change {
            before: &member,
            after: &next,
        };
        let response = self.respond(cluster, id, request, &change, statuses);
        Ok((response, self.configured.missing.clone()))
    }

    /// The topology of the group, or the first one it gets.
    fn topology_with(&self, request: &StreamsGroupHeartbeatRequest) -> Result<Topology, Fault> {
        match (&self.topology, &request.topology) {
            (None, Some(first)) => Topology::read(first),
            (Some(known), Some(sent)) if sent.epoch < known.topology_epoch => Ok(known.clone()),
            (Some(known), Some(sent)) if Topology::read(sent).as_ref() != Ok(known) => {
                let message = "Topology updates are not supported yet.";
                Err((ErrorCode::INVALID_REQUEST, message.to_owned()))
            }
            (Some(known), _) => Ok(known.clone()),
            (None, None) => {
                let message = "The topology is null and the group topology is also null.";
                Err((ErrorCode::UNKNOWN_SERVER_ERROR, message.to_owned()))
            }
        }
    }

    fn note_progress(&mut self, member: &StrBytes, request: &StreamsGroupHeartbeatRequest) {
        if request.task_offsets.is_none() && request.task_end_offsets.is_none() {
            return;
        }
        let Progress {
            offsets,
            end_offsets,
        } = self.progress.entry(member.clone()).or_default();
        for (kept, sent) in [
            (offsets, &request.task_offsets),
            (end_offsets, &request.task_end_offsets),
        ] {
            if let Some(sent) = sent {
                kept.clone_from(sent);
                for offset in kept.iter_mut() {
                    offset.subtopology_id = offset.subtopology_id.detached();
                }
                kept.sort_by(|a, b| {
                    (&a.subtopology_id, a.partition).cmp(&(&b.subtopology_id, b.partition))
                });
            }
        }
    }

    /// Takes over what was found out. Says whether a new target is necessary.
    fn configure_as(
        &mut self,
        cluster: &Cluster,
        id: &StrBytes,
        topology: Topology,
        configured: Configured,
    ) -> bool {
        let validated = match configured.is_ready() {
            true => topology.topology_epoch,
            false => -1,
        };
        let config = (
            cluster.group_number(id, "streams.num.standby.replicas"),
            cluster.group_text(id, "streams.rack.aware.assignment.tags"),
        );
        let changed =
            validated != self.validated_topology_epoch || config != self.assignment_config;
        self.validated_topology_epoch = validated;
        self.assignment_config = config;
        self.topology = Some(topology);
        self.configured = configured;
        changed
    }

    fn delay_if_first(&mut self, cluster: &mut Cluster, id: &StrBytes, was_empty: bool) {
        let delay = cluster.group_time(id, "streams.initial.rebalance.delay.ms");
        if was_empty && !delay.is_zero() && self.initial_delay.is_none() {
            let timer = GroupTimer::Streams(id.clone(), StreamsTimer::InitialDelay);
            self.initial_delay = Some(cluster.set_timer(delay, Timer::Group(timer)));
        }
    }

    /// Makes a new target for a new group epoch, or says why that is not done yet.
    fn assign_if_due(&mut self, cluster: &Cluster, id: &StrBytes) -> Option<StreamsGroupStatus> {
        let delayed = |by: &str| {
            let detail = format!("Assignment delayed due to the configured {by}.");
            Some(status_of(status::ASSIGNMENT_DELAYED, detail))
        };
        if self.initial_delay.is_some() {
            return delayed("initial rebalance delay");
        }
        if self.assignment_epoch >= self.group_epoch {
            return None;
        }
        let pause_ms = cluster.group_number(id, "streams.assignment.interval.ms");
        let now_ms = cluster.now.wall_ms;
        if self
            .assigned_at_ms
            .is_some_and(|at_ms| now_ms < at_ms + pause_ms)
        {
            return delayed("assignment interval");
        }
        self.assign_anew(cluster);
        None
    }

    fn assign_anew(&mut self, cluster: &Cluster) {
        let parts = self
            .topology
            .as_ref()
            .map(|topology| &topology.subtopologies);
        let mut view = GroupView {
            standby_replicas: usize::try_from(self.assignment_config.0).unwrap_or(0),
            ..GroupView::default()
        };
        // While it is not ready there is nothing to assign.
        if self.configured.is_ready() {
            for (id, count) in &self.configured.task_counts {
                let part = parts.and_then(|parts| parts.get(id));
                let is_stateful = part.is_some_and(|part| !part.changelogs.is_empty());
                view.subtopologies.insert(id.clone(), (*count, is_stateful));
            }
        }
        for (id, member) in &self.members {
            let offsets = self
                .progress
                .get(id)
                .into_iter()
                .flat_map(|progress| &progress.offsets);
            let offset = |row: &thalweg_protocol::messages::StreamsTaskOffset| {
                ((row.subtopology_id.clone(), row.partition), row.offset.0)
            };
            let member = MemberView {
                process_id: member.process_id.clone(),
                target: self.target.get(id),
                offsets: offsets.map(offset).collect(),
            };
            view.members.insert(id.clone(), member);
        }
        self.target = assign(&view);
        self.assignment_epoch = self.group_epoch;
        self.assigned_at_ms = Some(cluster.now.wall_ms);
    }

    fn reconcile(&self, member: &Member, request: &StreamsGroupHeartbeatRequest) -> Member {
        if member.is_reconciled_to(self.assignment_epoch) {
            return member.clone();
        }
        let nothing = Tasks::default();
        let target = self
            .target
            .get(&member.id)
            .filter(|_| self.initial_delay.is_none());
        let reported = match (&request.active_tasks, &request.standby_tasks) {
            (Some(active), Some(standby)) => Some(Tasks {
                active: tasks::read(active),
                standby: tasks::read(standby),
            }),
            _ => None,
        };
        let held_by = HeldBy::members(self.members.values());
        let reconcile = Reconcile {
            target: target.unwrap_or(&nothing),
            target_epoch: self.assignment_epoch,
            reported: reported.as_ref(),
            held_by: &held_by,
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
        let timer = |timer| GroupTimer::Streams(id.clone(), timer);
        let timeout = cluster.group_time(id, "streams.session.timeout.ms");
        let expired = StreamsTimer::Session {
            member: member.id.clone(),
        };
        watch.renew_session(cluster, timeout, timer(expired));
        if has_moved {
            let gives_up = member.state == MemberState::UnrevokedTasks;
            let timeout = u64::try_from(member.rebalance_timeout_ms).unwrap_or(0);
            let expired = StreamsTimer::Rebalance {
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
        request: &StreamsGroupHeartbeatRequest,
    ) -> Result<StreamsGroupHeartbeatResponse, Fault> {
        if request.shutdown_application && self.shutdown_requested_by.is_none() {
            self.shutdown_requested_by = Some(request.member_id.detached());
        }
        let response = StreamsGroupHeartbeatResponse {
            member_id: request.member_id.clone(),
            member_epoch: request.member_epoch,
            status: Some(Vec::new()),
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
        self.progress.remove(member);
        self.group_epoch += 1;
        if self.is_empty() && cluster.release >= SETTLES_EMPTY_GROUPS {
            self.assignment_epoch = self.group_epoch;
            self.assigned_at_ms = None;
        }
        if self.is_empty() {
            self.shutdown_requested_by = None;
        }
    }

    /// Puts a static member that came back in the place of the one it was.
    fn replace(&mut self, cluster: &mut Cluster, old: &StrBytes, new: &Member) {
        if let Some(watch) = self.watches.remove(old) {
            watch.end(cluster);
        }
        let target = self.target.remove(old).unwrap_or_default();
        self.unlist(old);
        self.progress.remove(old);
        self.put(new.clone());
        self.target.insert(new.id.clone(), target);
    }
}

/// The topics a topology needs, as far as they are there.
fn look(
    topology: &Topology,
    cluster: &Cluster,
) -> BTreeMap<StrBytes, (thalweg_protocol::Uuid, usize)> {
    let look = |name: &StrBytes| {
        let topic = cluster.topics.topic(name)?;
        Some((name.clone(), (topic.id, topic.partitions.len())))
    };
    topology.required_topics().filter_map(look).collect()
}
