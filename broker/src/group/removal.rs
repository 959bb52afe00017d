//! How groups and offsets go: deleted by administrators, with their topic, or with time.

use std::time::Duration;

use thalweg_protocol::{ErrorCode, PartitionId, StrBytes};

use super::journal::{Change, What};
use super::kinds::{ExpiresFrom, Group};
use super::{CommittedOffset, GroupTimer, Groups};
use crate::cluster::{Cluster, Timer};

impl Groups {
    /// A group is no longer there.
    fn removed(&mut self, id: StrBytes, removed: Option<Group>) {
        if let Some(Group::Classic(_)) = removed {
            let what = What::Group(None);
            self.journal.push(Change { group: id, what });
        }
    }

    /// An offset is no longer there.
    fn forgotten(&mut self, group: &StrBytes, topic: StrBytes, partition: PartitionId) {
        self.journal.push(Change {
            group: group.clone(),
            what: What::Offset {
                topic,
                partition,
                value: None,
                producer: None,
            },
        });
    }
}

/// Deletes a group without members, and its offsets.
///
/// # Errors
/// There is no such group, or it has members.
pub(crate) fn delete_group(cluster: &mut Cluster, group_id: &str) -> Result<(), ErrorCode> {
    let groups = &mut cluster.groups;
    let group = groups
        .group(group_id)
        .ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
    group.check_delete()?;
    let removed = groups.remove(group_id);
    let gone = groups.offsets.remove_group(group_id);
    let id = StrBytes::from(group_id);
    for (topic, partition) in gone {
        groups.forgotten(&id, topic, partition);
    }
    groups.removed(id, removed);
    cluster.forget_share_group(group_id);
    Ok(())
}

/// Whether offsets of a group may be deleted at all.
///
/// # Errors
/// There is no such group, or its members are no consumers.
pub(crate) fn check_offset_delete(cluster: &Cluster, group_id: &str) -> Result<(), ErrorCode> {
    let group = cluster.groups.group(group_id);
    let group = group.ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
    group.check_offset_delete()
}

/// Deletes the offset of a partition, if there is one.
///
/// # Errors
/// Members of the group read the topic.
pub(crate) fn delete_offset(
    cluster: &mut Cluster,
    group_id: &str,
    topic: &str,
    partition: PartitionId,
) -> Result<(), ErrorCode> {
    let group = cluster.groups.group(group_id);
    if group.is_some_and(|group| group.is_subscribed_to(topic)) {
        return Err(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC);
    }
    if cluster.groups.offsets.remove(group_id, topic, partition) {
        let group = StrBytes::from(group_id);
        cluster.groups.forgotten(&group, topic.into(), partition);
    }
    Ok(())
}

/// A topic is gone, and the offsets committed of it with it.
pub(crate) fn topic_deleted(cluster: &mut Cluster, topic: &str) {
    for (group, partition) in cluster.groups.offsets.remove_topic(topic) {
        cluster.groups.forgotten(&group, topic.into(), partition);
    }
}

/// Looks for what has expired later on, if there is anything that may.
pub(super) fn look_for_expiry_later(cluster: &mut Cluster) {
    if cluster.groups.expiry_timer.is_some() || cluster.groups.by_id.is_empty() {
        return;
    }
    let interval_ms = cluster
        .settings
        .number("offsets.retention.check.interval.ms");
    let interval = Duration::from_millis(u64::try_from(interval_ms).unwrap_or(1));
    let timer = cluster.set_timer(interval, Timer::Group(GroupTimer::Expiry));
    cluster.groups.expiry_timer = Some(timer);
}

/// Removes the offsets that have expired, and the groups without members that have none.
pub(super) fn expire(cluster: &mut Cluster) {
    cluster.groups.expiry_timer = None;
    let now_ms = cluster.now.wall_ms;
    let retention_ms = cluster.settings.number("offsets.retention.minutes") * 60_000;
    let groups = &mut cluster.groups;
    let mut gone: Vec<StrBytes> = Vec::new();
    let mut forgotten = Vec::new();
    for (id, group) in &groups.by_id {
        if let Some(from) = group.offsets_expire_from() {
            let expired = |topic: &str, offset: &CommittedOffset| {
                !group.is_subscribed_to(topic) && is_expired(offset, from, now_ms, retention_ms)
            };
            let expired = groups.offsets.expire(id, expired);
            forgotten.extend(expired.into_iter().map(|it| (id.clone(), it)));
        }
        if Group::is_empty(group) && !groups.offsets.has_any(id) {
            gone.push(id.clone());
        }
    }
    for id in gone {
        let removed = groups.remove(&id);
        groups.removed(id, removed);
    }
    for (group, (topic, partition)) in forgotten {
        groups.forgotten(&group, topic, partition);
    }
    look_for_expiry_later(cluster);
}

fn is_expired(offset: &CommittedOffset, from: ExpiresFrom, now_ms: i64, retention_ms: i64) -> bool {
    if let Some(expires_ms) = offset.expires_ms {
        return now_ms >= expires_ms;
    }
    let from_ms = match from {
        ExpiresFrom::Commit => offset.committed_ms,
        ExpiresFrom::Moment(moment_ms) => moment_ms,
    };
    now_ms.saturating_sub(from_ms) >= retention_ms
}
