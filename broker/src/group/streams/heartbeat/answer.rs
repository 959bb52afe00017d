//! What a member is told.

use thalweg_protocol::StrBytes;
use thalweg_protocol::messages::{
    StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse, StreamsGroupStatus,
};

use super::check::{JOIN, NEWER_FEATURES};
use crate::cluster::{Caller, Cluster};
use crate::group::streams::StreamsGroup;
use crate::group::streams::member::Member;
use crate::group::streams::tasks;
use crate::group::streams::topics::status;

/// A member before and after a heartbeat.
pub(super) struct Change<'a> {
    pub(super) before: &'a Member,
    pub(super) after: &'a Member,
}

/// A status, with its words.
pub(super) fn status_of(code: i8, detail: impl Into<StrBytes>) -> StreamsGroupStatus {
    StreamsGroupStatus {
        status_code: code,
        status_detail: detail.into(),
        ..Default::default()
    }
}

impl StreamsGroup {
    /// What the member should know beyond its tasks.
    pub(super) fn statuses(
        &self,
        cluster: &Cluster,
        caller: &Caller,
        id: &StrBytes,
        member: &Member,
        statuses: &mut Vec<StreamsGroupStatus>,
    ) {
        if let Some((code, message)) = &self.configured.problem {
            statuses.push(status_of(*code, message.as_str()));
        }
        if let Some(requester) = &self.shutdown_requested_by {
            statuses.push(status_of(
                status::SHUTDOWN_APPLICATION,
                format!(
                    "Streams group member {requester} encountered a fatal error and requested a \
                     shutdown for the entire application."
                ),
            ));
        }
        let tags = cluster.group_text(id, "streams.rack.aware.assignment.tags");
        let wanted = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty());
        let missing: Vec<&str> = wanted
            .filter(|tag| !member.client_tags.contains_key(*tag))
            .collect();
        if caller.version >= 1 && !missing.is_empty() {
            statuses.push(status_of(
                status::MISSING_CLIENT_TAGS,
                format!(
                    "Missing required client tags for rack-aware standby assignment: [{}]. \
                     Configure them via 'client.tag.<tagKey>' in your Streams config.",
                    missing.join(", ")
                ),
            ));
        }
    }

    /// Tells the member what it is to have, and who has what.
    pub(super) fn respond(
        &mut self,
        cluster: &Cluster,
        id: &StrBytes,
        request: &StreamsGroupHeartbeatRequest,
        change: &Change<'_>,
        statuses: Vec<StreamsGroupStatus>,
    ) -> StreamsGroupHeartbeatResponse {
        let (before, member) = (change.before, change.after);
        let tasks_changed = before.assigned != member.assigned;
        let endpoint_changed = before.user_endpoint != member.user_endpoint;
        let tell = request.member_epoch == JOIN || tasks_changed;
        let has_endpoint = member.user_endpoint.is_some();
        let is_old = cluster.release < NEWER_FEATURES;
        let endpoints_changed = match is_old {
            true => tell && has_endpoint,
            false => endpoint_changed || tasks_changed && has_endpoint,
        };
        self.endpoint_epoch += i32::from(endpoints_changed);
        let tell_endpoints = self.endpoint_epoch != request.endpoint_information_epoch;
        let (task_offset_interval_ms, acceptable_recovery_lag) = match is_old {
            true => (0, 0),
            false => (
                cluster.group_number32(id, "streams.task.offset.interval.ms"),
                cluster.group_number(id, "streams.acceptable.recovery.lag"),
            ),
        };
        StreamsGroupHeartbeatResponse {
            member_id: member.id.clone(),
            member_epoch: member.member_epoch,
            heartbeat_interval_ms: cluster.group_number32(id, "streams.heartbeat.interval.ms"),
            task_offset_interval_ms,
            acceptable_recovery_lag,
            status: Some(statuses),
            active_tasks: tell.then(|| tasks::write(&member.assigned.active_set())),
            standby_tasks: tell.then(|| tasks::write(&member.assigned.standby)),
            warmup_tasks: tell.then(Vec::new),
            endpoint_information_epoch: self.endpoint_epoch,
            partitions_by_user_endpoint: tell_endpoints.then(|| self.endpoints(&cluster.topics)),
            ..Default::default()
        }
    }
}
