//! Committing offsets for a group.
//!
//! Commits are made by a task of their own, one after the other in the order they were asked for: a
//! later one must not be overtaken by an earlier one that is tried again, and one whose future was
//! dropped is still made.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thalweg_protocol::messages::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};
use thalweg_protocol::{ApiKey, ErrorCode, StrBytes};
use tokio::sync::{Notify, oneshot};

use super::shared::{Group, Shared};
use crate::cluster::{Cluster, Purpose, Target};
use crate::error::{CallError, Disposition};
use crate::group::GroupMetadata;
use crate::offset_and_metadata::OffsetAndMetadata;
use crate::topic_partition::TopicPartition;

/// From the version after this one on topics are named by id.
const NAMES_UNTIL: i16 = 9;

/// How many commits may wait before asking for another one waits too.
const WAITING_MAX: usize = 256;

/// Why offsets were not committed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum OffsetCommitError {
    /// The consumer has no `group_id`, so there is nobody to commit for.
    NoGroup,
    /// The member is not the owner of a partition (any more): the group has rebalanced without it.
    /// Whoever owns the partition now goes on from the last offset committed.
    NotOwned {
        /// The group.
        group_id: Arc<str>,
        /// One of the partitions.
        topic_partition: TopicPartition,
    },
    /// The coordinator does not count this consumer as a member of the group, or only in a past
    /// generation: its partitions are somebody else's.
    NotMember {
        /// The group.
        group_id: Arc<str>,
        /// What the coordinator said.
        code: ErrorCode,
    },
    /// The coordinator refuses the offset of a partition. Those of the other partitions may have
    /// been committed.
    Refused {
        /// The partition.
        topic_partition: TopicPartition,
        /// What the coordinator said.
        error: CallError,
    },
    /// Offsets of the group cannot be committed at all: this client may not, or the coordinator is
    /// too old. Nothing was committed.
    Failed {
        /// The group.
        group_id: Arc<str>,
        /// Why not.
        error: CallError,
    },
    /// The coordinator could not be reached or did not answer, and trying again did not help. The
    /// offsets may have been committed all the same; committing them again does no harm.
    Unanswered {
        /// The last failure.
        error: CallError,
    },
    /// The consumer is closed.
    Closed,
}

impl OffsetCommitError {
    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            OffsetCommitError::NotOwned { .. } | OffsetCommitError::NotMember { .. } => {
                Disposition::Rejoin
            }
            OffsetCommitError::Refused { error, .. } | OffsetCommitError::Failed { error, .. } => {
                error.disposition()
            }
            OffsetCommitError::Unanswered { .. } => Disposition::Retry,
            OffsetCommitError::NoGroup | OffsetCommitError::Closed => Disposition::Fatal,
        }
    }
}

impl fmt::Display for OffsetCommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OffsetCommitError::NoGroup => {
                f.write_str("there is no group to commit offsets for: set group_id")
            }
            OffsetCommitError::NotOwned {
                group_id,
                topic_partition,
            } => write!(
                f,
                "{topic_partition} is not this consumer's any more: group '{group_id}' has \
                 rebalanced, and its new owner goes on from the last committed offset"
            ),
            OffsetCommitError::NotMember { group_id, code } => write!(
                f,
                "this consumer is no member of group '{group_id}' any more: {} ({})",
                code.name(),
                code.meaning()
            ),
            OffsetCommitError::Refused {
                topic_partition,
                error,
            } => {
                write!(f, "cannot commit the offset of {topic_partition}: {error}")
            }
            OffsetCommitError::Failed { group_id, error } => {
                write!(f, "cannot commit offsets of group '{group_id}': {error}")
            }
            OffsetCommitError::Unanswered { error } => {
                write!(
                    f,
                    "whether the offsets were committed is not known: {error}"
                )
            }
            OffsetCommitError::Closed => f.write_str("the consumer is closed"),
        }
    }
}

impl std::error::Error for OffsetCommitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OffsetCommitError::Refused { error, .. }
            | OffsetCommitError::Failed { error, .. }
            | OffsetCommitError::Unanswered { error } => Some(error),
            _ => None,
        }
    }
}

/// Offsets by partition.
pub(super) type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// Commits that wait for their turn.
#[derive(Default)]
pub(super) struct CommitQueue {
    jobs: Mutex<Jobs>,
    /// Tells the task that there is one.
    added: Notify,
    /// Tells whoever waits for room that there is some.
    taken: Notify,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    /// Nobody makes commits any more.
    ended: bool,
}

struct Job {
    offsets: Offsets,
    /// The assignments of the partitions when the commit was asked for, in their order.
    assignments: Vec<Option<u64>>,
    done: oneshot::Sender<Result<(), OffsetCommitError>>,
}

impl CommitQueue {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a commit, and waits for it. It is made even if this future is dropped after its
    /// first poll, unless very many wait already. `assignments` has the numbers of the partitions'
    /// assignments, in their order.
    pub(super) async fn commit(
        &self,
        offsets: Offsets,
        assignments: Vec<Option<u64>>,
    ) -> Result<(), OffsetCommitError> {
        let (done, outcome) = oneshot::channel();
        let mut job = Some(Job {
            offsets,
            assignments,
            done,
        });
        while job.is_some() {
            let taken = self.taken.notified();
            if self.try_push(&mut job) {
                break;
            }
            taken.await;
        }
        self.added.notify_one();
        outcome.await.unwrap_or(Err(OffsetCommitError::Closed))
    }

    /// Takes the job unless too many wait. Where nobody is left to make it, it is dropped.
    fn try_push(&self, job: &mut Option<Job>) -> bool {
        let mut jobs = self.jobs();
        if jobs.ended {
            *job = None;
            return true;
        }
        if jobs.waiting.len() >= WAITING_MAX {
            return false;
        }
        jobs.waiting.extend(job.take());
        true
    }

    /// Refuses the jobs that wait, and all to come.
    fn end(&self) {
        let mut jobs = self.jobs();
        jobs.ended = true;
        let waiting = std::mem::take(&mut jobs.waiting);
        drop(jobs);
        drop(waiting);
        self.taken.notify_waiters();
    }

    /// Returns when every commit asked for so far has been made, or has failed.
    pub(super) async fn settled(&self) {
        // An empty one behind them.
        let _ = self.commit(Offsets::new(), Vec::new()).await;
    }

    fn next(&self) -> Option<Job> {
        let job = self.jobs().waiting.pop_front();
        self.taken.notify_waiters();
        job
    }
}

/// Makes commits until the consumer is closed and none is left. Then the member may leave its group:
/// before, the coordinator would refuse what is still to be committed.
pub(super) async fn run(shared: Arc<Shared>) {
    let Some(group) = &shared.group else { return };
    let _guard = EndsQueue(group);
    loop {
        while let Some(job) = group.commits.next() {
            let outcome = commit(&shared, group, &job).await;
            // Nobody may be waiting any more.
            let _ = job.done.send(outcome);
        }
        if shared.is_closed() {
            return;
        }
        group.commits.added.notified().await;
    }
}

/// Ends a queue with the task that serves it, and then the membership.
struct EndsQueue<'g>(&'g Group);

impl Drop for EndsQueue<'_> {
    fn drop(&mut self) {
        self.0.commits.end();
        self.0.handle.close(true);
    }
}

/// Tells [`run`] to look whether the consumer is closed.
pub(super) fn wake(queue: &CommitQueue) {
    queue.added.notify_one();
}

async fn commit(shared: &Shared, group: &Group, job: &Job) -> Result<(), OffsetCommitError> {
    let offsets = &job.offsets;
    if offsets.is_empty() {
        return Ok(());
    }
    let cluster = &shared.cluster;
    let mut retry = cluster.retry("commit offsets");
    loop {
        // Who the member is may change from one attempt to the next: a rebalance that leaves it its
        // partitions only brings a new generation.
        let metadata = group.handle.metadata();
        if !metadata.member_id.is_empty() {
            let core = shared.core();
            // One that was lost and won back may have been read on by somebody else in between:
            // what was to be committed of it before would turn it back.
            let mut asked = offsets.keys().zip(&job.assignments);
            let foreign = asked.find(|(name, number)| {
                number.is_none() || core.assignment_number(name) != **number
            });
            if let Some((foreign, _)) = foreign {
                let topic_partition = foreign.clone();
                return Err(OffsetCommitError::NotOwned {
                    group_id: metadata.group_id,
                    topic_partition,
                });
            }
        }
        let to = Target::GroupCoordinator(&metadata.group_id);
        let attempt = attempt(cluster, to, &metadata, offsets);
        let error = match tokio::time::timeout_at(retry.deadline(), attempt).await {
            Ok(Ok(response)) => match judge(&metadata, offsets, &response)? {
                None => return Ok(()),
                Some(error) => error,
            },
            Ok(Err(error)) if error.disposition() == Disposition::Retry => error,
            Ok(Err(error)) if error.outcome_unknown() => {
                return Err(OffsetCommitError::Unanswered { error });
            }
            Ok(Err(error)) => {
                let group_id = metadata.group_id;
                return Err(OffsetCommitError::Failed { group_id, error });
            }
            Err(_) => CallError::TooSlow {
                api: ApiKey::OffsetCommit,
            },
        };
        cluster.reroute(&error, to);
        retry
            .rest(error)
            .await
            .map_err(|error| OffsetCommitError::Unanswered { error })?;
    }
}

async fn attempt(
    cluster: &Cluster,
    to: Target<'_>,
    metadata: &GroupMetadata,
    offsets: &Offsets,
) -> Result<OffsetCommitResponse, CallError> {
    // On the shared connection: the member's own may be waiting for a rebalance.
    let connection = cluster.connection(to, Purpose::Control).await?;
    let version = connection.version_at_most::<OffsetCommitRequest>(NAMES_UNTIL)?;
    let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
    for (name, offset) in offsets {
        let partition = OffsetCommitRequestPartition {
            partition_index: name.partition,
            committed_offset: offset.offset,
            committed_leader_epoch: offset.leader_epoch.unwrap_or(-1),
            committed_metadata: Some(StrBytes::from(&*offset.metadata)),
            ..OffsetCommitRequestPartition::default()
        };
        match topics.last_mut() {
            Some(topic) if *topic.name == *name.topic => topic.partitions.push(partition),
            _ => topics.push(OffsetCommitRequestTopic {
                name: StrBytes::from(&*name.topic),
                partitions: vec![partition],
                ..OffsetCommitRequestTopic::default()
            }),
        }
    }
    let request = OffsetCommitRequest {
        group_id: StrBytes::from(&*metadata.group_id),
        generation_id_or_member_epoch: metadata.generation_id,
        member_id: StrBytes::from(&*metadata.member_id),
        group_instance_id: metadata.group_instance_id.as_deref().map(StrBytes::from),
        topics,
        ..OffsetCommitRequest::default()
    };
    connection.send(&request, version)?.await
}

/// What the answer means: `None` that all is committed, an error inside of `Ok` that trying again
/// may help.
fn judge(
    metadata: &GroupMetadata,
    offsets: &Offsets,
    response: &OffsetCommitResponse,
) -> Result<Option<CallError>, OffsetCommitError> {
    let mut passing = None;
    let answered = response.topics.iter().map(|topic| topic.partitions.len());
    if answered.sum::<usize>() < offsets.len() {
        let api = ApiKey::OffsetCommit;
        return Err(OffsetCommitError::Unanswered {
            error: CallError::NotMentioned { api },
        });
    }
    for topic in &response.topics {
        for partition in &topic.partitions {
            let code = partition.error_code;
            let group_id = || Arc::clone(&metadata.group_id);
            let error =
                |subject: String| CallError::refused(ApiKey::OffsetCommit, subject, code, None);
            match code {
                ErrorCode::NONE => {}
                ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_INSTANCE_ID => {
                    return Err(OffsetCommitError::NotMember {
                        group_id: group_id(),
                        code,
                    });
                }
                ErrorCode::ILLEGAL_GENERATION if metadata.member_id.is_empty() => {
                    return Err(OffsetCommitError::NotMember {
                        group_id: group_id(),
                        code,
                    });
                }
                // The group is between two generations, or this member has not heard yet of the
                // next one. What stays this member's can be committed in that; what does not is
                // lost by the next heartbeat at the latest.
                ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::ILLEGAL_GENERATION => {
                    passing = Some(error(format!("group '{}'", metadata.group_id)));
                }
                code if Disposition::of(code) == Disposition::Retry => {
                    passing = Some(error(format!("group '{}'", metadata.group_id)));
                }
                ErrorCode::GROUP_AUTHORIZATION_FAILED => {
                    let group_id = group_id();
                    let error = error(format!("group '{group_id}'"));
                    return Err(OffsetCommitError::Failed { group_id, error });
                }
                _ => {
                    let topic_partition = TopicPartition::new(
                        Arc::<str>::from(&*topic.name),
                        partition.partition_index,
                    );
                    let error = error(format!("partition {topic_partition}"));
                    return Err(OffsetCommitError::Refused {
                        topic_partition,
                        error,
                    });
                }
            }
        }
    }
    Ok(passing)
}
