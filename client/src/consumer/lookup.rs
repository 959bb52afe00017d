//! Questions about offsets, put to the brokers that know: committed ones to the group coordinator,
//! those by time and those where a leader epoch ends to the leader of the partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use thalweg_protocol::messages::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic, OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode, Offset, PartitionId, StrBytes};

use super::core::{Answer, Asked, Question};
use super::pilot::Answers;
use super::shared::Shared;
use crate::admin::Admin;
use crate::cluster::{Purpose, Target};
use crate::error::CallError;
use crate::isolation_level::IsolationLevel;
use crate::topic_partition::TopicPartition;

/// ListOffsets' number for the first offset.
const EARLIEST: i64 = -2;
/// ListOffsets' number for the end.
const LATEST: i64 = -1;

/// Asks the group coordinator where the group stopped.
pub(super) async fn look_up_committed(shared: &Shared, asked: Vec<Asked>) -> Answers {
    let Some(group) = &shared.group else {
        // Without a group nothing was ever committed.
        return asked
            .into_iter()
            .map(|asked| (asked, Ok(Answer::Nowhere)))
            .collect();
    };
    let names: Vec<TopicPartition> = asked.iter().map(|asked| asked.name.clone()).collect();
    // As Java: who reads committed records must not begin behind offsets that are about to be.
    let require_stable = shared.isolation == IsolationLevel::ReadCommitted;
    let group_id = group.handle.metadata().group_id;
    let admin = Admin::new(&shared.cluster);
    match admin
        .committed_offsets(&group_id, &names, require_stable)
        .await
    {
        Ok(committed) => asked
            .into_iter()
            .map(|asked| {
                let at = committed.get(&asked.name);
                let answer = at.map(|at| Answer::At(at.offset, at.leader_epoch.unwrap_or(-1)));
                (asked, Ok(answer.unwrap_or(Answer::Nowhere)))
            })
            .collect(),
        Err(error) => refuse_all(asked, &error),
    }
}

/// Asks the leader of partitions for offsets by time.
pub(super) async fn look_up_offsets(
    shared: &Shared,
    leader: BrokerId,
    asked: Vec<Asked>,
) -> Answers {
    let now_ms = (shared.wall_clock)();
    let metadata = shared.cluster.metadata();
    let timestamp = |question: Question| match question {
        Question::Earliest => EARLIEST,
        Question::AtTimestamp(timestamp) => timestamp,
        Question::Since(age) => now_ms
            .saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
            .max(0),
        Question::Latest | Question::Committed | Question::EndOfEpoch { .. } => LATEST,
    };
    let topics = by_topic(&asked)
        .into_iter()
        .map(|(topic, asked)| ListOffsetsTopic {
            name: StrBytes::from(&**topic),
            partitions: asked
                .into_iter()
                .map(|asked| {
                    let leader = metadata.leader(topic, asked.name.partition);
                    ListOffsetsPartition {
                        partition_index: asked.name.partition,
                        current_leader_epoch: leader.map_or(-1, |leader| leader.leader_epoch),
                        timestamp: timestamp(asked.question),
                        ..ListOffsetsPartition::default()
                    }
                })
                .collect(),
            ..ListOffsetsTopic::default()
        });
    let timeout = shared.cluster.config().request_timeout;
    let request = ListOffsetsRequest {
        replica_id: BrokerId(-1),
        isolation_level: shared.isolation.code(),
        topics: topics.collect(),
        timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
        ..ListOffsetsRequest::default()
    };
    let called = shared
        .cluster
        .call(Target::Broker(leader), Purpose::Control, &request)
        .await;
    let response = match called {
        Ok(response) => response,
        Err(error) => return refuse_all(asked, &error),
    };
    let mut answers: BTreeMap<(StrBytes, PartitionId), (ErrorCode, Offset)> = BTreeMap::new();
    for topic in response.topics {
        for partition in topic.partitions {
            let key = (topic.name.clone(), partition.partition_index);
            answers.insert(key, (partition.error_code, partition.offset));
        }
    }
    judge(ApiKey::ListOffsets, asked, |asked| {
        let key = (StrBytes::from(&*asked.name.topic), asked.name.partition);
        let (code, offset) = answers.get(&key).copied()?;
        Some((
            code,
            if offset.0 < 0 {
                Answer::Nowhere
            } else {
                Answer::At(offset, -1)
            },
        ))
    })
}

/// Asks the leader of partitions where leader epochs end.
pub(super) async fn look_up_epochs(
    shared: &Shared,
    leader: BrokerId,
    asked: Vec<Asked>,
) -> Answers {
    let metadata = shared.cluster.metadata();
    let topics = by_topic(&asked)
        .into_iter()
        .map(|(topic, asked)| OffsetForLeaderTopic {
            topic: StrBytes::from(&**topic),
            partitions: asked
                .into_iter()
                .filter_map(|asked| {
                    let Question::EndOfEpoch { leader_epoch, .. } = asked.question else {
                        return None;
                    };
                    let leader = metadata.leader(topic, asked.name.partition);
                    Some(OffsetForLeaderPartition {
                        partition: asked.name.partition,
                        current_leader_epoch: leader.map_or(-1, |leader| leader.leader_epoch),
                        leader_epoch,
                        ..OffsetForLeaderPartition::default()
                    })
                })
                .collect(),
            ..OffsetForLeaderTopic::default()
        });
    let request = OffsetForLeaderEpochRequest {
        replica_id: BrokerId(-1),
        topics: topics.collect(),
        ..OffsetForLeaderEpochRequest::default()
    };
    let called = shared
        .cluster
        .call(Target::Broker(leader), Purpose::Control, &request)
        .await;
    let response = match called {
        Ok(response) => response,
        Err(error) => return refuse_all(asked, &error),
    };
    let mut answers = BTreeMap::new();
    for topic in response.topics {
        for partition in topic.partitions {
            let end = Answer::EpochEnd {
                leader_epoch: partition.leader_epoch,
                end_offset: partition.end_offset,
            };
            answers.insert(
                (topic.topic.clone(), partition.partition),
                (partition.error_code, end),
            );
        }
    }
    judge(ApiKey::OffsetForLeaderEpoch, asked, |asked| {
        let key = (StrBytes::from(&*asked.name.topic), asked.name.partition);
        answers.get(&key).copied()
    })
}

fn by_topic(asked: &[Asked]) -> BTreeMap<&Arc<str>, Vec<&Asked>> {
    let mut topics: BTreeMap<&Arc<str>, Vec<&Asked>> = BTreeMap::new();
    for asked in asked {
        topics.entry(&asked.name.topic).or_default().push(asked);
    }
    topics
}

fn refuse_all(asked: Vec<Asked>, error: &CallError) -> Answers {
    asked
        .into_iter()
        .map(|asked| (asked, Err(error.clone())))
        .collect()
}

/// Turns error codes into errors. What the broker left out counts as not answered.
fn judge(
    api: ApiKey,
    asked: Vec<Asked>,
    answer: impl Fn(&Asked) -> Option<(ErrorCode, Answer)>,
) -> Answers {
    let judged = asked.into_iter().map(|asked| {
        let verdict = match answer(&asked) {
            Some((ErrorCode::NONE, answer)) => Ok(answer),
            Some((code, _)) => Err(CallError::refused(
                api,
                format!("partition {}", asked.name),
                code,
                None,
            )),
            None => Err(CallError::TooSlow { api }),
        };
        (asked, verdict)
    });
    judged.collect()
}
