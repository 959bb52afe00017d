//! ConsumerGroupHeartbeat: joining, staying, leaving, and what time-outs do instead.
//!
//! Nothing of the group changes before the request is known to be good: what fails leaves no trace.

mod check;
mod joining;

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::messages::{
    ConsumerGroupAssignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    ConsumerGroupTopicPartitions,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::advance::Said;
use super::downgrade::fence;
use super::member::{AWAY_EPOCH, Owned};
use super::subscription::compile;
use super::upgrade::upgraded;
use super::{ConsumerGroup, ConsumerTimer};
use crate::cluster::{Caller, Cluster};
use crate::group::journal::{Change, What};
use crate::group::kinds::with_group;
use crate::group::{Fault, Group, insert};
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
        let left = with_group(cluster, &id, |_, group: &mut ConsumerGroup| {
            group.handle_leave(&id, request)
        });
        let (response, gone) = left?;
        fence(cluster, &id, &gone);
        return Ok(response);
    }
    if request.member_epoch > JOIN {
        return with_group(cluster, &id, |cluster, group: &mut ConsumerGroup| {
            group.handle_heartbeat(cluster, caller, &id, request)
        });
    }
    join(cluster, caller, &id, request)
}

/// A member joins a group, which comes to be by that if it is none of consumers yet.
fn join(
    cluster: &mut Cluster,
    caller: &Caller,
    id: &StrBytes,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<ConsumerGroupHeartbeatResponse, Fault> {
    let (group, before) = match cluster.groups.remove(id) {
        None => (Ok(Box::default()), None),
        Some(Group::Consumer(group)) => {
            let mut group = group;
            let result = group.handle_heartbeat(cluster, caller, id, request);
            insert(cluster, id.clone(), Group::Consumer(group));
            return result;
        }
        Some(Group::Classic(classic)) if classic.is_empty() => (Ok(Box::default()), Some(classic)),
        Some(Group::Classic(mut classic)) => {
            let upgraded = upgraded(cluster, id, &mut classic);
            (upgraded.map(Box::new), Some(classic))
        }
        Some(other) => {
            insert(cluster, id.clone(), other);
            let message = format!("Group {id} is not a consumer group.");
            return Err((ErrorCode::GROUP_ID_NOT_FOUND, message));
        }
    };
    let joined = group.and_then(|mut group| {
        let response = group.handle_heartbeat(cluster, caller, id, request)?;
        Ok((group, response))
    });
    let result = match joined {
        Ok((mut group, response)) => {
            group.watch_over_the_unwatched(cluster, id);
            insert(cluster, id.clone(), Group::Consumer(group));
            Ok(response)
        }
        Err(fault) => Err(fault),
    };
    match (before, &result) {
        (Some(classic), Err(_)) => insert(cluster, id.clone(), Group::Classic(classic)),
        (Some(classic), Ok(_)) => {
            classic.end(cluster);
            let what = What::Group(None);
            let group = id.clone();
            cluster.groups.journal.push(Change { group, what });
        }
        (None, _) => {}
    }
    result
}

/// Does what a timer was set for.
pub(crate) fn handle_timer(cluster: &mut Cluster, id: &StrBytes, timer: ConsumerTimer) {
    let late = with_group(cluster, id, |cluster, group: &mut ConsumerGroup| {
        let (member, why) = match timer {
            ConsumerTimer::Session { member } => (member, "its session expired"),
            ConsumerTimer::Join { member } => (member, "it did not join again in time"),
            ConsumerTimer::Sync { member } => (member, "it did not sync in time"),
            ConsumerTimer::Rebalance {
                member,
                member_epoch,
            } => {
                if group.member(&member, id)?.member_epoch != member_epoch {
                    return Ok(None);
                }
                (member, "it did not give up in time")
            }
            ConsumerTimer::Regexes { caller } => {
                group.handle_regexes_due(cluster, &caller);
                return Ok(None);
            }
        };
        group.member(&member, id)?;
        tracing::info!(group = %id, %member, "fenced: {why}");
        Ok(Some(member))
    });
    // Whoever is gone needs no watching over: an error says just that.
    if let Ok(Some(member)) = late {
        fence(cluster, id, &BTreeSet::from([member]));
    }
}

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
        let instance_id = request.instance_id.as_ref();
        self.check_room(cluster, &request.member_id, instance_id)?;
        let member_id = match request.member_id.is_empty() {
            true => StrBytes::from(cluster.new_uuid().to_string()),
            false => request.member_id.detached(),
        };
        let (member, replaced) = self.find_or_make(id, member_id, request)?;
        let updated = update(&member, caller, request);
        let regex_changed = member.topic_regex != updated.topic_regex;
        if regex_changed && !self.subscriptions.has_regex(&updated.topic_regex) {
            compile(&updated.topic_regex)?;
        }
        // Nothing fails from here on.
        let said = Said {
            before: &member,
            member: updated,
            replaced,
            reported: request.topic_partitions.as_deref(),
        };
        let next = self.take_in(cluster, caller, id, said);

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
        Ok(response)
    }

    /// Lets a member go for a while, or says who is to be taken out of the group.
    fn handle_leave(
        &mut self,
        id: &StrBytes,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<(ConsumerGroupHeartbeatResponse, BTreeSet<StrBytes>), Fault> {
        let response = ConsumerGroupHeartbeatResponse {
            member_id: Some(request.member_id.clone()),
            member_epoch: request.member_epoch,
            ..Default::default()
        };
        let member = match &request.instance_id {
            Some(instance_id) => self.known_static_member(instance_id, &request.member_id)?,
            None => self.member(&request.member_id, id)?,
        };
        if request.instance_id.is_some() && request.member_epoch == AWAY_EPOCH {
            let away = member.gone_for_a_while();
            self.put(away);
            return Ok((response, BTreeSet::new()));
        }
        Ok((response, BTreeSet::from([member.id.clone()])))
    }

    /// Watches over those who came with a classic group.
    fn watch_over_the_unwatched(&mut self, cluster: &mut Cluster, id: &StrBytes) {
        let unwatched = self.members.values();
        let unwatched = unwatched.filter(|member| !self.watches.contains_key(&member.id));
        for member in unwatched.cloned().collect::<Vec<_>>() {
            self.watch_over(cluster, id, &member, false);
        }
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
