//! What can be said against a heartbeat.

use std::collections::BTreeSet;

use thalweg_protocol::messages::{StreamsGroupHeartbeatRequest, StreamsTaskIds, StreamsTaskOffset};
use thalweg_protocol::{ErrorCode, PartitionId, StrBytes};

use crate::group::faults::{self, Fault};
use crate::group::streams::member::{AWAY_EPOCH, Member};
use crate::group::streams::tasks::{self, TaskSet};
use crate::group::streams::topics::Configured;
use crate::group::streams::topology;
use crate::release::Release;

/// The epoch members join with.
pub(super) const JOIN: i32 = 0;

fn invalid<T>(message: impl Into<String>) -> Result<T, Fault> {
    Err((ErrorCode::INVALID_REQUEST, message.into()))
}

/// The release from which streams groups have static members, and are told of how far tasks are.
pub(super) const NEWER_FEATURES: Release = Release::of(4, 4);

/// What no release before [`NEWER_FEATURES`] knew what to do with.
pub(super) fn check_old_features(request: &StreamsGroupHeartbeatRequest) -> Result<(), Fault> {
    let has_some = |tasks: &Option<Vec<_>>| tasks.as_ref().is_some_and(|all| !all.is_empty());
    let topology = request.topology.iter();
    let mut parts = topology.flat_map(|topology| &topology.subtopologies);
    if request.instance_id.is_some() {
        return invalid("Static membership is not yet supported.");
    }
    if request.task_offsets.is_some() {
        return invalid("TaskOffsets are not supported yet.");
    }
    if request.task_end_offsets.is_some() {
        return invalid("TaskEndOffsets are not supported yet.");
    }
    if has_some(&request.warmup_tasks) {
        return invalid("WarmupTasks are not supported yet.");
    }
    if parts.any(|part| !part.source_topic_regex.is_empty()) {
        return invalid("Regular expressions for source topics are not supported yet.");
    }
    Ok(())
}

/// What can be said without knowing the group.
pub(super) fn check(request: &StreamsGroupHeartbeatRequest) -> Result<(), Fault> {
    let is_blank =
        |text: &Option<StrBytes>| text.as_deref().is_some_and(|text| text.trim().is_empty());
    let has_some = |tasks: &Option<Vec<_>>| tasks.as_ref().is_some_and(|all| !all.is_empty());
    if let Some(topology) = &request.topology {
        topology::check_names(topology)?;
        topology::check(topology)?;
    }
    if request.member_id.trim().is_empty() {
        return invalid("MemberId can't be empty.");
    }
    if request.group_id.trim().is_empty() {
        return invalid("GroupId can't be empty.");
    }
    if is_blank(&request.instance_id) {
        return invalid("InstanceId can't be empty.");
    }
    if is_blank(&request.rack_id) {
        return invalid("RackId can't be empty.");
    }
    let epoch = request.member_epoch;
    if epoch == JOIN {
        if request.rebalance_timeout_ms == -1 {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        for (tasks, name) in [
            (&request.active_tasks, "ActiveTasks"),
            (&request.standby_tasks, "StandbyTasks"),
            (&request.warmup_tasks, "WarmupTasks"),
        ] {
            if has_some(tasks) {
                return invalid(format!("{name} must be empty when (re-)joining."));
            }
        }
        if request.topology.is_none() {
            return invalid("Topology must be non-null when (re-)joining.");
        }
    } else if epoch == AWAY_EPOCH && request.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    } else if epoch < AWAY_EPOCH {
        return invalid(format!(
            "MemberEpoch is {epoch}, but must be greater than or equal to -2."
        ));
    }
    let roles = [
        &request.active_tasks,
        &request.standby_tasks,
        &request.warmup_tasks,
    ];
    if roles.iter().any(|tasks| tasks.is_some()) && roles.iter().any(|tasks| tasks.is_none()) {
        return invalid("If one task-type is non-null, all must be non-null.");
    }
    if epoch != JOIN && request.topology.is_some() {
        return invalid("Topology can only be provided when (re-)joining.");
    }
    Ok(())
}

/// Whether the tasks a member reports are tasks of the topology.
pub(super) fn check_tasks(
    configured: &Configured,
    request: &StreamsGroupHeartbeatRequest,
) -> Result<(), Fault> {
    if !configured.is_ready() {
        return Ok(());
    }
    let roles = [
        &request.active_tasks,
        &request.standby_tasks,
        &request.warmup_tasks,
    ];
    for of_subtopology in roles.into_iter().flatten().flatten() {
        let id = &of_subtopology.subtopology_id;
        let Some(count) = configured.task_counts.get(id) else {
            return invalid(format!("Subtopology {id} does not exist in the topology."));
        };
        let exists = |task: &PartitionId| usize::try_from(task.0).is_ok_and(|task| task < *count);
        if let Some(task) = of_subtopology.partitions.iter().find(|task| !exists(task)) {
            return invalid(format!(
                "Task {task} for subtopology {id} is invalid. Number of tasks for this subtopology: \
                 {count}"
            ));
        }
    }
    Ok(())
}

/// Whether a member reports each offset once.
pub(super) fn check_progress(request: &StreamsGroupHeartbeatRequest) -> Result<(), Fault> {
    for offsets in [&request.task_offsets, &request.task_end_offsets] {
        let mut seen = BTreeSet::new();
        for StreamsTaskOffset {
            subtopology_id,
            partition,
            ..
        } in offsets.iter().flatten()
        {
            if !seen.insert((subtopology_id, partition)) {
                return invalid(format!(
                    "Task offsets contain a duplicate entry for subtopology {subtopology_id} and \
                     partition {partition}."
                ));
            }
        }
    }
    Ok(())
}

/// Whether a member may speak in this epoch.
pub(super) fn check_epoch(
    member: &Member,
    request: &StreamsGroupHeartbeatRequest,
) -> Result<(), Fault> {
    let within = |reported: &Option<Vec<StreamsTaskIds>>, assigned: &TaskSet| {
        let Some(reported) = reported else {
            return false;
        };
        let reported = tasks::read(reported);
        tasks::each(&reported).all(|(id, task)| tasks::contains(assigned, id, task))
    };
    let received = request.member_epoch;
    faults::check_epoch("streams", received, member.member_epoch, || {
        received == member.previous_member_epoch
            && within(&request.active_tasks, &member.assigned.active_set())
            && within(&request.standby_tasks, &member.assigned.standby)
            && within(&request.warmup_tasks, &TaskSet::new())
    })
}
