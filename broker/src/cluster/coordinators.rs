//! Which broker coordinates a group, a transactional id, a share partition: the one that leads the
//! partition of an internal topic that the key falls into.

use thalweg_protocol::messages::{CreatableTopic, CreatableTopicConfig};
use thalweg_protocol::{BrokerId, ErrorCode, PartitionId};

use super::Cluster;
use super::new_topic::create_topic;

/// What is coordinated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CoordinatorKind {
    Group,
    Transaction,
    /// A partition of a share group: `group:topic id:partition`.
    Share,
}

impl CoordinatorKind {
    /// The kind of a request's key type.
    pub(crate) fn of_key_type(key_type: i8) -> Option<Self> {
        match key_type {
            0 => Some(CoordinatorKind::Group),
            1 => Some(CoordinatorKind::Transaction),
            2 => Some(CoordinatorKind::Share),
            _ => None,
        }
    }

    /// The topic whose leaders are the coordinators.
    pub(crate) fn topic(self) -> &'static str {
        match self {
            CoordinatorKind::Group => "__consumer_offsets",
            CoordinatorKind::Transaction => "__transaction_state",
            CoordinatorKind::Share => "__share_group_state",
        }
    }

    fn partitions_key(self) -> &'static str {
        match self {
            CoordinatorKind::Group => "offsets.topic.num.partitions",
            CoordinatorKind::Transaction => "transaction.state.log.num.partitions",
            CoordinatorKind::Share => "share.coordinator.state.topic.num.partitions",
        }
    }

    fn replicas_key(self) -> &'static str {
        match self {
            CoordinatorKind::Group => "offsets.topic.replication.factor",
            CoordinatorKind::Transaction => "transaction.state.log.replication.factor",
            CoordinatorKind::Share => "share.coordinator.state.topic.replication.factor",
        }
    }

    fn cleanup_policy(self) -> &'static str {
        match self {
            CoordinatorKind::Group | CoordinatorKind::Transaction => "compact",
            CoordinatorKind::Share => "delete",
        }
    }
}

/// The partition of the kind's internal topic that a key falls into.
pub(crate) fn coordinator_partition(
    cluster: &Cluster,
    kind: CoordinatorKind,
    key: &str,
) -> PartitionId {
    let there = cluster.topics.topic(kind.topic());
    let count = match there.and_then(|topic| u32::try_from(topic.partitions.len()).ok()) {
        Some(count) => count,
        None => cluster
            .settings
            .number32(kind.partitions_key())
            .unsigned_abs(),
    };
    // As Java's `Utils.abs`, which makes 0 of the one number that has no positive counterpart.
    let positive = java_hash_code(key)
        .checked_abs()
        .unwrap_or(0)
        .unsigned_abs();
    let partition = positive.checked_rem(count).unwrap_or(0);
    PartitionId(i32::try_from(partition).unwrap_or(0))
}

/// The broker that coordinates a key; `None` while there is none.
pub(crate) fn coordinator_of(
    cluster: &Cluster,
    kind: CoordinatorKind,
    key: &str,
) -> Option<BrokerId> {
    let index = coordinator_partition(cluster, kind, key);
    let leader = cluster.topics.partition(kind.topic(), index)?.leader?;
    cluster.nodes.is_alive(leader).then_some(leader)
}

/// Whether `node` is the one to ask about a key.
///
/// # Errors
/// `NOT_COORDINATOR` where it is another broker, or none.
pub(crate) fn check_coordinator(
    cluster: &Cluster,
    kind: CoordinatorKind,
    key: &str,
    node: BrokerId,
) -> Result<(), ErrorCode> {
    match coordinator_of(cluster, kind, key) {
        Some(coordinator) if coordinator == node => Ok(()),
        _ => Err(ErrorCode::NOT_COORDINATOR),
    }
}

/// Makes the internal topic of a kind unless it is there, with as many replicas as its setting says
/// and brokers run.
pub(crate) fn create_coordinator_topic(cluster: &mut Cluster, kind: CoordinatorKind) {
    if cluster.topics.topic(kind.topic()).is_some() {
        return;
    }
    let running = i32::try_from(cluster.nodes.alive().count()).unwrap_or(i32::MAX);
    let replicas = cluster.settings.number32(kind.replicas_key()).min(running);
    let config = |(name, value): (&str, &str)| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    let configs = [
        ("cleanup.policy", kind.cleanup_policy()),
        ("segment.bytes", "104857600"),
    ];
    let topic = CreatableTopic {
        name: kind.topic().into(),
        num_partitions: cluster.settings.number32(kind.partitions_key()),
        replication_factor: i16::try_from(replicas).unwrap_or(i16::MAX),
        configs: configs.into_iter().map(config).collect(),
        ..Default::default()
    };
    if let Err((error, reason)) = create_topic(cluster, topic, false) {
        tracing::warn!(topic = kind.topic(), %error, reason, "internal topic cannot be made");
    }
}

/// Java's `String.hashCode`, over UTF-16 code units.
fn java_hash_code(text: &str) -> i32 {
    let step = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(i32::from(unit));
    text.encode_utf16().fold(0, step)
}

#[cfg(test)]
mod tests {
    //! Goal: keys fall into the partitions that Java puts them in.

    use super::*;

    #[test]
    fn hash_codes_are_javas() {
        for (text, hash) in [
            ("", 0),
            ("hello", 99_162_322),
            ("polygenelubricants", i32::MIN),
            ("ö€😀", 17_139_289),
        ] {
            assert_eq!(java_hash_code(text), hash, "{text}");
        }
    }
}
