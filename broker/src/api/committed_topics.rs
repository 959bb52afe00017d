//! The topics of OffsetCommit, TxnOffsetCommit and OffsetDelete: which of them exist, and what became of each.

use std::collections::BTreeMap;

use thalweg_protocol::{ErrorCode, Offset, PartitionId, StrBytes, Uuid};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::group::Commit;

/// A topic of the request.
pub(super) struct TopicToCommit {
    pub(super) topic: TopicName,
    pub(super) partitions: Vec<PartitionToCommit>,
}

/// How a topic is named, by the request's version.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TopicName {
    Name(StrBytes),
    Id(Uuid),
}

impl TopicName {
    /// The fields of an answer: the name and the id, of which one stays at its default.
    pub(super) fn fields(self) -> (StrBytes, Uuid) {
        match self {
            TopicName::Name(name) => (name, Uuid::ZERO),
            TopicName::Id(id) => (StrBytes::new(), id),
        }
    }
}

/// A partition of the request.
pub(super) struct PartitionToCommit {
    pub(super) index: PartitionId,
    pub(super) offset: Offset,
    pub(super) leader_epoch: i32,
    pub(super) metadata: Option<StrBytes>,
}

/// What became of a topic, in the words of the request.
pub(super) struct TopicOutcome {
    pub(super) topic: TopicName,
    pub(super) partitions: Vec<(PartitionId, ErrorCode)>,
}

/// Commits what exists of `topics` through `commit`. As Kafka does, the answer has what was refused
/// before what was handed to the group, which is not asked at all if nothing is left for it.
pub(super) fn commit_topics(
    cluster: &mut Cluster,
    caller: &Caller,
    topics: Vec<TopicToCommit>,
    commit: impl FnOnce(&mut Cluster, &[Commit]) -> Result<Vec<ErrorCode>, ErrorCode>,
) -> Vec<TopicOutcome> {
    let mut outcomes = Outcomes::default();
    let mut accepted = Vec::new();
    let mut commits = Vec::new();
    for TopicToCommit { topic, partitions } in topics {
        let found = resolve(cluster, caller, &topic);
        for partition in partitions {
            let known = found.as_ref().map_err(|error| *error);
            let known = known.and_then(|(name, count)| {
                let exists = (0..*count).contains(&partition.index.0);
                exists.then_some(name).ok_or(UNKNOWN)
            });
            match known {
                Err(error) => outcomes.add(&topic, partition.index, error),
                Ok(name) => {
                    accepted.push((topic.clone(), partition.index));
                    commits.push(Commit {
                        topic: name.clone(),
                        partition: partition.index,
                        offset: partition.offset,
                        leader_epoch: partition.leader_epoch,
                        metadata: partition.metadata,
                    });
                }
            }
        }
    }
    if commits.is_empty() {
        return outcomes.in_order();
    }
    let result = commit(cluster, &commits);
    let mut errors = match result {
        Ok(errors) => errors,
        Err(error) => vec![error; commits.len()],
    }
    .into_iter();
    for (topic, index) in accepted {
        let error = errors.next().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
        outcomes.add(&topic, index, error);
    }
    outcomes.in_order()
}

const UNKNOWN: ErrorCode = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;

/// The topic's name as the cluster keeps it, and how many partitions it has.
fn resolve(
    cluster: &Cluster,
    caller: &Caller,
    topic: &TopicName,
) -> Result<(StrBytes, i32), ErrorCode> {
    let (name, unknown) = match topic {
        TopicName::Name(name) => (Some(name), UNKNOWN),
        TopicName::Id(id) => (cluster.topics.name_of(id), ErrorCode::UNKNOWN_TOPIC_ID),
    };
    if let Some(name) = name {
        cluster.check_topic(caller, Operation::Read, name)?;
    }
    let found = name.and_then(|name| cluster.topics.topic_with_name(name));
    let (name, topic) = found.ok_or(unknown)?;
    let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
    Ok((name.clone(), count))
}

/// Outcomes by topic, in the order in which the topics first came.
#[derive(Default)]
pub(super) struct Outcomes {
    in_order: Vec<TopicOutcome>,
    position: BTreeMap<TopicName, usize>,
}

impl Outcomes {
    pub(super) fn in_order(self) -> Vec<TopicOutcome> {
        self.in_order
    }

    pub(super) fn add(&mut self, topic: &TopicName, index: PartitionId, error: ErrorCode) {
        let next = self.in_order.len();
        let position = *self.position.entry(topic.clone()).or_insert(next);
        if position == next {
            self.in_order.push(TopicOutcome {
                topic: topic.clone(),
                partitions: Vec::new(),
            });
        }
        if let Some(outcome) = self.in_order.get_mut(position) {
            outcome.partitions.push((index, error));
        }
    }
}
