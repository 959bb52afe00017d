//! A member's heartbeat: it joins, stays, changes its subscription, leaves.

use std::collections::BTreeSet;

use thalweg_protocol::messages::{
    ShareGroupAssignment, ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse,
    ShareGroupTopicPartitions,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::{Assignment, ShareGroup, ShareMember, session_timer};
use crate::cluster::{Caller, Cluster, Timer};
use crate::group::Group;
use crate::share::ShareConfig;

/// The member epoch that joins.
const JOINING: i32 = 0;
/// The member epoch that leaves.
const LEAVING: i32 = -1;

type Fault = (ErrorCode, String);

/// Handles a heartbeat.
///
/// # Errors
/// In Kafka's words.
pub(crate) fn heartbeat(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ShareGroupHeartbeatRequest,
) -> Result<ShareGroupHeartbeatResponse, Fault> {
    check(&request)?;
    let group_id = request.group_id.detached();
    let mut is_new = false;
    let mut group = match cluster.groups.remove(&group_id) {
        Some(Group::Share(group)) => group,
        Some(other) => {
            crate::group::insert(cluster, group_id.clone(), other);
            return Err(not_found(format!("Group {group_id} is not a share group.")));
        }
        None if request.member_epoch == JOINING => {
            is_new = true;
            ShareGroup::default()
        }
        None => return Err(not_found(format!("Group {group_id} not found."))),
    };
    let answered = match request.member_epoch {
        LEAVING => leave(cluster, &mut group, &group_id, &request),
        _ => stay(cluster, caller, &mut group, &group_id, request),
    };
    if !is_new || answered.is_ok() {
        crate::group::insert(cluster, group_id, Group::Share(group));
    }
    answered
}

fn not_found(message: String) -> Fault {
    (ErrorCode::GROUP_ID_NOT_FOUND, message)
}

/// Whether the request makes sense by itself.
fn check(request: &ShareGroupHeartbeatRequest) -> Result<(), Fault> {
    let is_empty = |text: &Option<StrBytes>| text.as_deref() == Some("");
    let names = request.subscribed_topic_names.as_deref();
    let message = if request.member_id.is_empty() {
        "MemberId can't be empty."
    } else if request.group_id.is_empty() {
        "GroupId can't be empty."
    } else if is_empty(&request.rack_id) {
        "RackId can't be empty."
    } else if request.member_epoch == JOINING && names.is_none_or(<[StrBytes]>::is_empty) {
        "SubscribedTopicNames must be set in first request."
    } else if request.member_epoch < LEAVING {
        "MemberEpoch is invalid."
    } else {
        return Ok(());
    };
    Err((ErrorCode::INVALID_REQUEST, message.to_owned()))
}

fn unknown_member(group_id: &str, member_id: &str) -> Fault {
    let message = format!("Member {member_id} is not a member of group {group_id}.");
    (ErrorCode::UNKNOWN_MEMBER_ID, message)
}

fn leave(
    cluster: &mut Cluster,
    group: &mut ShareGroup,
    group_id: &str,
    request: &ShareGroupHeartbeatRequest,
) -> Result<ShareGroupHeartbeatResponse, Fault> {
    let Some(member) = group.remove(cluster.release, &request.member_id) else {
        return Err(unknown_member(group_id, &request.member_id));
    };
    if let Some(session) = member.session {
        cluster.timers.cancel(session);
    }
    Ok(ShareGroupHeartbeatResponse {
        member_id: Some(request.member_id.clone()),
        member_epoch: LEAVING,
        assignment: None,
        ..Default::default()
    })
}

/// Joins or stays.
fn stay(
    cluster: &mut Cluster,
    caller: &Caller,
    group: &mut ShareGroup,
    group_id: &StrBytes,
    request: ShareGroupHeartbeatRequest,
) -> Result<ShareGroupHeartbeatResponse, Fault> {
    let member_id = request.member_id.detached();
    let is_full = request.subscribed_topic_names.is_some();
    admit(cluster, group, group_id, &member_id, request.member_epoch)?;
    let mut changed = group.assignment_epoch >= group.epoch
        && !group.members.is_empty()
        && group.is_ready_for_more();
    let mut member = group.members.remove(&member_id).unwrap_or_else(new_member);
    if let Some(rack_id) = request.rack_id {
        member.rack_id = Some(rack_id.detached());
    }
    member.client_id = caller.client_id();
    member.client_host = caller.client_host();
    if let Some(names) = request.subscribed_topic_names {
        let names: BTreeSet<StrBytes> = names.iter().map(StrBytes::detached).collect();
        if names != member.subscribed {
            member.subscribed = names;
            changed = true;
        }
    }
    group.members.insert(member_id.clone(), member);
    let topics = group.topics_now(cluster);
    changed |= topics != group.topics;
    group.topics = topics;
    group.epoch += i32::from(changed);
    group.assign(cluster, group_id);
    let answered = reconcile(
        cluster,
        group,
        group_id,
        member_id,
        request.member_epoch,
        is_full,
    );
    group.ready.extend(&group.topics);
    answered
}

/// Whether a member may be one, and has the epoch it should have.
fn admit(
    cluster: &Cluster,
    group: &ShareGroup,
    group_id: &str,
    member_id: &str,
    epoch: i32,
) -> Result<(), Fault> {
    let known = group.members.get(member_id);
    let members_max = cluster.settings.number32("group.share.max.size");
    let is_full = usize::try_from(members_max).is_ok_and(|max| group.members.len() >= max);
    if is_full && known.is_none() {
        let message =
            format!("The share group has reached its maximum capacity of {members_max} members.");
        return Err((ErrorCode::GROUP_MAX_SIZE_REACHED, message));
    }
    if epoch == JOINING {
        return Ok(());
    }
    let Some(member) = known else {
        return Err(unknown_member(group_id, member_id));
    };
    let (has, had) = (member.epoch, member.previous_epoch);
    let message = if epoch > has {
        format!(
            "The share group member has a greater member epoch ({epoch}) than the one known by the \
             group coordinator ({has}). The member must abandon all its partitions and rejoin."
        )
    } else if epoch < has && epoch != had {
        format!(
            "The share group member has a smaller member epoch ({epoch}) than the one known by the \
             group coordinator ({has}), and it does not match the previous member epoch ({had}). \
             The member must abandon all its partitions and rejoin."
        )
    } else {
        return Ok(());
    };
    Err((ErrorCode::FENCED_MEMBER_EPOCH, message))
}

fn new_member() -> ShareMember {
    ShareMember {
        rack_id: None,
        client_id: StrBytes::new(),
        client_host: StrBytes::new(),
        subscribed: BTreeSet::new(),
        epoch: 0,
        previous_epoch: -1,
        assigned: Assignment::new(),
        session: None,
    }
}

/// Gives a member what it is to read, and begins its session anew.
fn reconcile(
    cluster: &mut Cluster,
    group: &mut ShareGroup,
    group_id: &StrBytes,
    member_id: StrBytes,
    asked_epoch: i32,
    is_full: bool,
) -> Result<ShareGroupHeartbeatResponse, Fault> {
    let config = ShareConfig::of(cluster, group_id);
    let (timeout, heartbeat_interval_ms) =
        (config.session_timeout(), config.heartbeat_interval_ms());
    let timer = Timer::Group(session_timer(group_id, &member_id));
    let session = cluster.set_timer(timeout, timer);
    let assignment_epoch = group.assignment_epoch;
    let target = group.target.get(&member_id).cloned().unwrap_or_default();
    let Some(member) = group.members.get_mut(&member_id) else {
        return Err(unknown_member(group_id, &member_id));
    };
    if let Some(before) = member.session.replace(session) {
        cluster.timers.cancel(before);
    }
    let mut changed = false;
    if member.epoch != assignment_epoch {
        member.previous_epoch = member.epoch;
        member.epoch = assignment_epoch;
        changed = member.assigned != target;
        member.assigned = target;
    }
    let tell = asked_epoch == JOINING || is_full || changed;
    Ok(ShareGroupHeartbeatResponse {
        member_id: Some(member_id),
        member_epoch: member.epoch,
        heartbeat_interval_ms,
        assignment: tell.then(|| on_wire(&member.assigned)),
        ..Default::default()
    })
}

fn on_wire(assigned: &Assignment) -> ShareGroupAssignment {
    let topic = |(topic_id, partitions): (&_, &BTreeSet<_>)| ShareGroupTopicPartitions {
        topic_id: *topic_id,
        partitions: partitions.iter().copied().collect(),
        ..Default::default()
    };
    ShareGroupAssignment {
        topic_partitions: assigned.iter().map(topic).collect(),
        ..Default::default()
    }
}
