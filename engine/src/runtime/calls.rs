//! What the runtime asks the cluster for beside records: offsets, ranges, purges, culprits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thalweg_client::{
    Admin, CallError, ConfigEntry, ConfigResource, CrashPoint, Disposition, GroupMetadata,
    IsolationLevel, OffsetAndMetadata, OffsetSpec, TopicPartition,
};
use thalweg_protocol::{ErrorCode, Offset};

use super::cycle::TransactFault;
use super::takeover::{CommittedInput, OffsetRange};
use crate::task::TopicLimits;

/// How long looking at a configuration may take: what is refused is refused without it too.
const CONFIGS_DEADLINE: Duration = Duration::from_secs(5);

/// Questions to the cluster on behalf of one group. Cloned into background tasks.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    admin: Admin,
    group_id: Arc<str>,
}

impl Calls {
    pub(crate) fn new(admin: Admin, group_id: Arc<str>) -> Self {
        Self { admin, group_id }
    }

    pub(crate) fn group_id(&self) -> &str {
        &self.group_id
    }

    pub(crate) fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The committed offsets of the group, stable ones only: while a transaction that holds any of
    /// them is undecided, this waits (E3). In the order of `partitions`.
    pub(crate) async fn stable_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<CommittedInput>>, CallError> {
        let mut committed = self
            .admin
            .committed_offsets(&self.group_id, partitions, true)
            .point()
            .await?;
        Ok(partitions
            .iter()
            .map(|partition| {
                let found = committed.remove(partition)?;
                Some(CommittedInput {
                    offset: found.offset,
                    metadata: found.metadata.to_string(),
                })
            })
            .collect())
    }

    /// Commits offsets outside of a transaction, as a member of the group.
    pub(crate) async fn commit_offsets(
        &self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Result<(), TransactFault> {
        let Err(error) = self.admin.commit_offsets(group, offsets).point().await else {
            return Ok(());
        };
        Err(match error.code() {
            Some(
                ErrorCode::ILLEGAL_GENERATION
                | ErrorCode::REBALANCE_IN_PROGRESS
                | ErrorCode::STALE_MEMBER_EPOCH,
            ) => TransactFault::StaleGeneration {
                used: group.generation_id,
            },
            Some(ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_INSTANCE_ID) => {
                TransactFault::NotMember(error.to_string())
            }
            Some(ErrorCode::OFFSET_METADATA_TOO_LARGE) => {
                TransactFault::Fatal(metadata_refused(&error))
            }
            _ if error.disposition() == Disposition::Fatal && !may_come_right(&error) => {
                TransactFault::Fatal(error.to_string())
            }
            _ => TransactFault::EndUnknown(error.to_string()),
        })
    }

    /// How topics are configured, those that could be read: without the permission to, the brokers
    /// have the last word.
    pub(crate) async fn all_limits(&self, topics: &[String]) -> BTreeMap<String, TopicLimits> {
        let asked = topics
            .iter()
            .map(|topic| ConfigResource::topic(topic.as_str()));
        let asking = self.admin.describe_configs(asked);
        let Ok(outcomes) = tokio::time::timeout(CONFIGS_DEADLINE, asking).point().await else {
            return BTreeMap::new();
        };
        let mut limits = BTreeMap::new();
        for (resource, outcome) in outcomes {
            match (&resource, outcome) {
                (ConfigResource::Topic(topic), Ok(configs)) => {
                    limits.insert(topic.to_string(), limits_of(&configs));
                }
                (resource, Err(error)) => {
                    tracing::debug!(%resource, "its configuration cannot be read: {error}");
                }
                _ => {}
            }
        }
        limits
    }

    /// How a topic is configured, if that can be read.
    pub(crate) async fn topic_limits(&self, topic: &str) -> Option<TopicLimits> {
        self.all_limits(&[topic.to_owned()])
            .point()
            .await
            .remove(topic)
    }

    /// Takes members of processes that are gone out of the group.
    pub(crate) async fn leave_group(&self, member_ids: &[String]) -> Result<(), CallError> {
        self.admin
            .remove_members(&self.group_id, member_ids)
            .point()
            .await
    }

    /// Where partitions begin and end, the records of open transactions included. In their order.
    pub(crate) async fn ranges(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<OffsetRange>, CallError> {
        let begins = self
            .offsets(partitions, OffsetSpec::Earliest)
            .point()
            .await?;
        let ends = self.offsets(partitions, OffsetSpec::Latest).point().await?;
        let of = |offsets: &BTreeMap<TopicPartition, Option<Offset>>, partition| {
            offsets
                .get(partition)
                .copied()
                .flatten()
                .unwrap_or(Offset(0))
        };
        Ok(partitions
            .iter()
            .map(|partition| OffsetRange {
                log_start_offset: of(&begins, partition),
                end_offset: of(&ends, partition),
            })
            .collect())
    }

    /// The ends of partitions, the records of open transactions included.
    pub(crate) async fn ends(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Offset>, CallError> {
        // No crash point: for `run_until_end`, beside what workers do.
        let ends = self.offsets(partitions, OffsetSpec::Latest).await?;
        Ok(ends
            .into_iter()
            .map(|(partition, end)| (partition, end.unwrap_or(Offset(0))))
            .collect())
    }

    /// The offset of the first record with this timestamp or a later one.
    pub(crate) async fn offset_at(
        &self,
        partition: &TopicPartition,
        timestamp: i64,
    ) -> Result<Option<Offset>, CallError> {
        let one = std::slice::from_ref(partition);
        let found = self
            .offsets(one, OffsetSpec::Timestamp(timestamp))
            .point()
            .await?;
        Ok(found.get(partition).copied().flatten())
    }

    async fn offsets(
        &self,
        partitions: &[TopicPartition],
        spec: OffsetSpec,
    ) -> Result<BTreeMap<TopicPartition, Option<Offset>>, CallError> {
        let asked = partitions.iter().map(|partition| (partition.clone(), spec));
        let listed = self
            .admin
            .list_offsets(asked, IsolationLevel::ReadUncommitted)
            .point()
            .await
            .all()?;
        Ok(listed
            .into_iter()
            .map(|(partition, found)| (partition, found.offset))
            .collect())
    }
}

/// Whether asking again may help, also where the client has tried for as long as it tries by itself: a
/// takeover, or a commit in doubt, waits for a broker that is away for however long that is.
pub(crate) fn may_come_right(error: &CallError) -> bool {
    let last = match error {
        CallError::Exhausted { last, .. } => last,
        error => error,
    };
    last.disposition() == Disposition::Retry
}

/// The brokers keep less with an offset than Kafka does by default.
pub(crate) fn metadata_refused(error: &impl ToString) -> String {
    format!(
        "{}: what is committed with the offsets (event time, T4) takes up to 4096 bytes; raise \
         offset.metadata.max.bytes of the brokers to that, Kafka's default",
        error.to_string()
    )
}

fn limits_of(configs: &BTreeMap<String, ConfigEntry>) -> TopicLimits {
    let value = |name| {
        configs
            .get(name)
            .and_then(|entry: &ConfigEntry| entry.value.as_deref())
    };
    let number = |name| value(name).and_then(|value| value.parse::<i64>().ok());
    // Kafka before 3.6 has one bound for both sides.
    let timestamps = |name| {
        let appended = value("message.timestamp.type") == Some("LogAppendTime");
        let bound = number(name).or_else(|| number("message.timestamp.difference.max.ms"));
        bound.filter(|bound| !appended && *bound < i64::MAX)
    };
    TopicLimits {
        batch_bytes_max: number("max.message.bytes").and_then(|bytes| usize::try_from(bytes).ok()),
        needs_key: value("cleanup.policy")
            .is_some_and(|policy| policy.split(',').any(|word| word.trim() == "compact")),
        timestamp_before_max_ms: timestamps("message.timestamp.before.max.ms"),
        timestamp_after_max_ms: timestamps("message.timestamp.after.max.ms"),
    }
}
