//! Members go out of a consumer group, which may become a classic group by that: when all that are
//! left use the classic protocol.

use std::collections::BTreeSet;

use thalweg_protocol::StrBytes;
use thalweg_protocol::messages::ConsumerProtocolTopicPartitions;

use super::ConsumerGroup;
use super::member::Member;
use crate::cluster::Cluster;
use crate::group::assignor::Partitions;
use crate::group::classic::{self, Migrant};
use crate::group::migration::MigrationPolicy;
use crate::group::{Group, insert};
use crate::topic::Topics;

/// Takes members out of the group, all at once. They are some of it.
pub(super) fn fence(cluster: &mut Cluster, id: &StrBytes, fenced: &BTreeSet<StrBytes>) {
    if fenced.is_empty() {
        return;
    }
    match cluster.groups.remove(id) {
        Some(Group::Consumer(mut group)) => {
            if group.becomes_classic_without(cluster, fenced) {
                group.remove(cluster, fenced);
                // The epoch it had is the generation that its members have to rebalance from.
                let generation = group.group_epoch.saturating_sub(1);
                return become_classic(cluster, id, *group, generation, true);
            }
            group.remove(cluster, fenced);
            insert(cluster, id.clone(), Group::Consumer(group));
        }
        Some(other) => insert(cluster, id.clone(), other),
        None => {}
    }
}

/// Makes a classic group of a consumer group, all of whose members use the classic protocol by now.
pub(super) fn become_classic(
    cluster: &mut Cluster,
    id: &StrBytes,
    group: ConsumerGroup,
    generation: i32,
    rebalances: bool,
) {
    for watch in group.watches.into_values() {
        watch.end(cluster);
    }
    let nothing = Partitions::new();
    let mut migrants = Vec::new();
    for member in group.members.into_values() {
        let target = group.target.get(&member.id).unwrap_or(&nothing);
        let assigned = by_name(target, &cluster.topics);
        migrants.extend(migrant(member).map(|migrant| (migrant, assigned)));
    }
    tracing::info!(group = %id, "is a classic group again");
    classic::found(cluster, id, generation, migrants, rebalances);
}

/// Partitions by the names of their topics, as far as those exist.
pub(super) fn by_name(
    partitions: &Partitions,
    topics: &Topics,
) -> Vec<ConsumerProtocolTopicPartitions> {
    let named = |(topic, partitions): (&_, &BTreeSet<_>)| {
        Some(ConsumerProtocolTopicPartitions {
            topic: topics.name_of(topic)?.clone(),
            partitions: partitions.iter().copied().collect(),
        })
    };
    partitions.iter().filter_map(named).collect()
}

fn migrant(member: Member) -> Option<Migrant> {
    let terms = member.classic?;
    Some(Migrant {
        id: member.id,
        instance_id: member.instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        session_timeout_ms: terms.session_timeout_ms,
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        protocols: terms.protocols,
    })
}

impl ConsumerGroup {
    /// How many members use the classic protocol.
    pub(super) fn classic_members(&self) -> usize {
        let members = self.members.values();
        members.filter(|member| member.classic.is_some()).count()
    }

    /// Whether the group is classic once these members have gone.
    fn becomes_classic_without(&self, cluster: &Cluster, fenced: &BTreeSet<StrBytes>) -> bool {
        let mut left = self.members.values();
        let mut left_count = 0;
        let all_classic = left.all(|member| {
            let stays = !fenced.contains(&member.id);
            left_count += usize::from(stays);
            !stays || member.classic.is_some()
        });
        all_classic && left_count > 0 && may_become_classic(cluster, left_count)
    }

    /// Whether the group is classic once a member that uses the classic protocol takes the place of
    /// this one.
    pub(super) fn becomes_classic_replacing(&self, cluster: &Cluster, replaced: &Member) -> bool {
        replaced.classic.is_none()
            && self.classic_members() + 1 == self.members.len()
            && may_become_classic(cluster, self.members.len())
    }
}

/// Whether a consumer group may become a classic one of so many members.
fn may_become_classic(cluster: &Cluster, members: usize) -> bool {
    let max = cluster.settings.number("group.max.size");
    MigrationPolicy::of(cluster).downgrade && i64::try_from(members).is_ok_and(|it| it <= max)
}
