//! From what the core decides to Kafka's messages, and back.

use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, EndTxnRequest,
    InitProducerIdRequest, PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
    TopicProduceResponse, TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
};
use thalweg_protocol::{ErrorCode, ProducerId, Request, StrBytes, Uuid};

use crate::cluster::{Cluster, Leader, MetadataSnapshot, Purpose, Target};
use crate::crash_point::CrashPoint;
use crate::error::{CallError, Disposition};
use crate::{GroupMetadata, OffsetAndMetadata, TopicPartition};

use super::core::Outbound;
use super::lane::Answer;
use super::refused::RecordError;
use super::sequence::Identity;
use super::transactions::{Call, CallAnswer, End, Protocol};

/// From this version on, Produce names topics by their ids.
pub(super) const PRODUCE_BY_TOPIC_ID: i16 = 13;
/// The newest version of Produce in a transaction of protocol One; later ones add partitions to the
/// transaction implicitly.
const PRODUCE_ONE_MAX: i16 = 11;
/// The newest versions of the other requests in a transaction of protocol One.
const TXN_OFFSET_COMMIT_ONE_MAX: i16 = 4;
const END_TXN_ONE_MAX: i16 = 4;
/// From this version on TxnOffsetCommit names topics by their ids, which we do not use.
const TXN_OFFSET_COMMIT_MAX: i16 = 5;
/// The first version of InitProducerId that takes the identity to be succeeded (KIP-360).
const INIT_PRODUCER_ID_WITH_IDENTITY: i16 = 3;

/// What all requests of one transactional producer have in common.
#[derive(Debug, Clone)]
pub(super) struct TransactionalId {
    pub(super) id: Arc<str>,
    pub(super) transaction_timeout: Duration,
}

/// The newest version of Produce that may be used.
pub(super) fn produce_version_max(protocol: Option<Protocol>, topic_ids_known: bool) -> i16 {
    match protocol {
        Some(Protocol::One) => PRODUCE_ONE_MAX,
        _ if topic_ids_known => i16::MAX,
        _ => PRODUCE_BY_TOPIC_ID - 1,
    }
}

/// Whether the ids of all topics of a request are known.
pub(super) fn topic_ids_known(outbound: &Outbound, metadata: &MetadataSnapshot) -> bool {
    outbound.parcels.iter().all(|(topic_partition, _)| {
        metadata
            .topic(&topic_partition.topic)
            .is_some_and(|topic| topic.id() != Uuid::ZERO)
    })
}

pub(super) fn produce_request(
    outbound: &Outbound,
    metadata: &MetadataSnapshot,
    transactional_id: Option<&str>,
    acks: i16,
    timeout: Duration,
) -> ProduceRequest {
    let mut topic_data: Vec<TopicProduceData> = Vec::new();
    // Where the topic of the parcel before is; it need not be the last one that was begun.
    let mut latest = 0;
    for (topic_partition, parcel) in &outbound.parcels {
        let partition = PartitionProduceData {
            index: topic_partition.partition,
            records: Some(parcel.bytes.clone()),
            ..Default::default()
        };
        // Parcels of a topic mostly follow one another.
        let is_its = |topic: &TopicProduceData| *topic.name == *topic_partition.topic;
        if !topic_data.get(latest).is_some_and(is_its) {
            let known = topic_data.iter().position(is_its);
            latest = known.unwrap_or(topic_data.len());
        }
        match topic_data.get_mut(latest) {
            Some(topic) => topic.partition_data.push(partition),
            None => topic_data.push(TopicProduceData {
                name: StrBytes::from(&*topic_partition.topic),
                topic_id: metadata
                    .topic(&topic_partition.topic)
                    .map_or(Uuid::ZERO, |topic| topic.id()),
                partition_data: vec![partition],
                ..Default::default()
            }),
        }
    }
    ProduceRequest {
        transactional_id: transactional_id.map(StrBytes::from),
        acks,
        timeout_ms: millis(timeout),
        topic_data,
        ..Default::default()
    }
}

/// The answers of a response, in the order of the parcels. Leaders it mentions go to the cluster.
pub(super) fn produce_answers(
    response: &ProduceResponse,
    topics: &[(TopicPartition, Uuid)],
    by_id: bool,
    cluster: &Cluster,
) -> Vec<Option<Answer>> {
    let names = |answered: &TopicProduceResponse, (asked, id): &(TopicPartition, Uuid)| {
        if by_id {
            answered.topic_id == *id
        } else {
            *answered.name == *asked.topic
        }
    };
    topics
        .iter()
        .map(|asked| {
            let (topic_partition, _) = asked;
            let topic = response
                .responses
                .iter()
                .find(|answered| names(answered, asked))?;
            let partition = topic
                .partition_responses
                .iter()
                .find(|partition| partition.index == topic_partition.partition)?;
            let leader = &partition.current_leader;
            if leader.leader_id.0 >= 0 {
                let leader = Leader {
                    broker: leader.leader_id,
                    leader_epoch: leader.leader_epoch,
                };
                cluster.learn_leader(&topic_partition.topic, topic_partition.partition, leader);
            }
            let record_errors: Arc<[RecordError]> = partition
                .record_errors
                .iter()
                .filter_map(|error| {
                    let message = error.batch_index_error_message.as_deref();
                    Some((
                        u32::try_from(error.batch_index).ok()?,
                        message.map(Arc::from),
                    ))
                })
                .collect();
            let in_batch = record_errors
                .iter()
                .find_map(|(_, message)| message.as_deref());
            let message = partition.error_message.as_deref().or(in_batch);
            Some(Answer::Leader {
                code: partition.error_code,
                base_offset: partition.base_offset,
                message: message.map(Arc::from),
                record_errors,
            })
        })
        .collect()
}

/// What follows from a request that failed as a whole.
pub(super) fn failed_request(error: &CallError) -> Answer {
    let reason = error.to_string().into();
    if error.outcome_unknown() {
        Answer::Lost { reason }
    } else {
        Answer::NotSent { reason }
    }
}

/// Asks for a producer id without transactions.
pub(super) async fn init_idempotent(cluster: &Cluster) -> Result<Identity, CallError> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        producer_id: ProducerId(-1),
        producer_epoch: -1,
        ..Default::default()
    };
    let response = cluster
        .call(Target::Any, Purpose::Control, &request)
        .point()
        .await?;
    match response.error_code {
        ErrorCode::NONE => Ok(Identity {
            producer_id: response.producer_id,
            producer_epoch: response.producer_epoch,
        }),
        code => Err(CallError::refused(
            InitProducerIdRequest::API_KEY,
            "an idempotent producer",
            code,
            None,
        )),
    }
}

/// Makes a call to a coordinator, once.
pub(super) async fn perform(cluster: Cluster, of: TransactionalId, call: Call) -> CallAnswer {
    let target = match &call {
        Call::OffsetCommit { group, .. } => Target::GroupCoordinator(&group.group_id),
        _ => Target::TransactionCoordinator(&of.id),
    };
    let answer = match attempt(&cluster, &of, &call, target).point().await {
        Ok(answer) => answer,
        Err(error) => {
            cluster.reroute(&error, target);
            failed_call(&error)
        }
    };
    let moved = |code: ErrorCode| {
        matches!(
            code,
            ErrorCode::NOT_COORDINATOR
                | ErrorCode::COORDINATOR_NOT_AVAILABLE
                | ErrorCode::REQUEST_TIMED_OUT
        )
    };
    let has_moved = match &answer {
        CallAnswer::Code(code, _) => moved(*code),
        CallAnswer::Partitions(codes) => codes.iter().any(|(_, code)| moved(*code)),
        CallAnswer::Lost { .. } | CallAnswer::Unsupported { .. } => false,
    };
    if has_moved {
        cluster.coordinator_moved(target);
    }
    answer
}

/// What follows from a call that failed as a whole.
fn failed_call(error: &CallError) -> CallAnswer {
    let reason: Arc<str> = error.to_string().into();
    match error {
        CallError::UnsupportedVersion(_) | CallError::Unencodable { .. } => {
            CallAnswer::Unsupported { reason }
        }
        // From looking the coordinator up.
        CallError::Refused { code, .. } if error.disposition() != Disposition::Retry => {
            CallAnswer::Code(*code, None)
        }
        _ => CallAnswer::Lost {
            sent: error.outcome_unknown(),
            reason,
        },
    }
}

async fn attempt(
    cluster: &Cluster,
    of: &TransactionalId,
    call: &Call,
    target: Target<'_>,
) -> Result<CallAnswer, CallError> {
    let connection = cluster
        .connection(target, Purpose::Transaction)
        .point()
        .await?;
    let transactional_id = StrBytes::from(&*of.id);
    Ok(match call {
        Call::InitProducerId { known } => {
            let version = connection.version::<InitProducerIdRequest>()?;
            let known = known.filter(|_| version >= INIT_PRODUCER_ID_WITH_IDENTITY);
            let request = InitProducerIdRequest {
                transactional_id: Some(transactional_id),
                transaction_timeout_ms: millis(of.transaction_timeout),
                producer_id: known.map_or(ProducerId(-1), |identity| identity.producer_id),
                producer_epoch: known.map_or(-1, |identity| identity.producer_epoch),
                ..Default::default()
            };
            let response = connection.send(&request, version)?.point().await?;
            let identity = Identity {
                producer_id: response.producer_id,
                producer_epoch: response.producer_epoch,
            };
            let gave_one = response.error_code == ErrorCode::NONE;
            CallAnswer::Code(response.error_code, gave_one.then_some(identity))
        }
        Call::AddPartitions {
            identity,
            partitions,
        } => {
            let request = AddPartitionsToTxnRequest {
                v3_and_below_transactional_id: transactional_id,
                v3_and_below_producer_id: identity.producer_id,
                v3_and_below_producer_epoch: identity.producer_epoch,
                v3_and_below_topics: by_topic(partitions.iter().map(|tp| (tp, ())))
                    .map(|(name, partitions)| AddPartitionsToTxnTopic {
                        name,
                        partitions: partitions.iter().map(|(tp, ())| tp.partition).collect(),
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            };
            let version = connection.version_at_most::<AddPartitionsToTxnRequest>(3)?;
            let response = connection.send(&request, version)?.point().await?;
            let results = response
                .results_by_topic_v3_and_below
                .iter()
                .flat_map(|topic| {
                    let name: Arc<str> = Arc::from(&*topic.name);
                    topic.results_by_partition.iter().map(move |result| {
                        let partition = result.partition_index;
                        let topic = Arc::clone(&name);
                        (
                            TopicPartition { topic, partition },
                            result.partition_error_code,
                        )
                    })
                });
            CallAnswer::Partitions(complete(partitions.iter(), results.collect()))
        }
        Call::AddOffsets { identity, group } => {
            let request = AddOffsetsToTxnRequest {
                transactional_id,
                producer_id: identity.producer_id,
                producer_epoch: identity.producer_epoch,
                group_id: StrBytes::from(&**group),
                ..Default::default()
            };
            let version = connection.version::<AddOffsetsToTxnRequest>()?;
            let response = connection.send(&request, version)?.point().await?;
            CallAnswer::Code(response.error_code, None)
        }
        Call::OffsetCommit {
            identity,
            protocol,
            group,
            offsets,
        } => {
            let request = offset_commit(transactional_id, *identity, group, offsets);
            let max = match protocol {
                Protocol::One => TXN_OFFSET_COMMIT_ONE_MAX,
                Protocol::Two => TXN_OFFSET_COMMIT_MAX,
            };
            let version = connection.version_at_most::<TxnOffsetCommitRequest>(max)?;
            let response = connection.send(&request, version)?.point().await?;
            let results = response.topics.iter().flat_map(|topic| {
                let name: Arc<str> = Arc::from(&*topic.name);
                topic.partitions.iter().map(move |result| {
                    let partition = result.partition_index;
                    let topic = Arc::clone(&name);
                    (TopicPartition { topic, partition }, result.error_code)
                })
            });
            let asked = offsets.iter().map(|(topic_partition, _)| topic_partition);
            CallAnswer::Partitions(complete(asked, results.collect()))
        }
        Call::EndTransaction {
            identity,
            protocol,
            end,
        } => {
            let request = EndTxnRequest {
                transactional_id,
                producer_id: identity.producer_id,
                producer_epoch: identity.producer_epoch,
                committed: *end == End::Commit,
                ..Default::default()
            };
            let max = match protocol {
                Protocol::One => END_TXN_ONE_MAX,
                Protocol::Two => i16::MAX,
            };
            let version = connection.version_at_most::<EndTxnRequest>(max)?;
            let response = connection.send(&request, version)?.point().await?;
            let next = Identity {
                producer_id: response.producer_id,
                producer_epoch: response.producer_epoch,
            };
            let gave_one = response.error_code == ErrorCode::NONE && next.producer_id.0 >= 0;
            CallAnswer::Code(response.error_code, gave_one.then_some(next))
        }
    })
}

fn offset_commit(
    transactional_id: StrBytes,
    identity: Identity,
    group: &GroupMetadata,
    offsets: &[(TopicPartition, OffsetAndMetadata)],
) -> TxnOffsetCommitRequest {
    let topics = by_topic(offsets.iter().map(|(tp, offset)| (tp, offset)));
    TxnOffsetCommitRequest {
        transactional_id,
        group_id: StrBytes::from(&*group.group_id),
        producer_id: identity.producer_id,
        producer_epoch: identity.producer_epoch,
        generation_id_or_member_epoch: group.generation_id,
        member_id: StrBytes::from(&*group.member_id),
        group_instance_id: group.group_instance_id.as_deref().map(StrBytes::from),
        topics: topics
            .map(|(name, partitions)| TxnOffsetCommitRequestTopic {
                name,
                partitions: partitions
                    .into_iter()
                    .map(
                        |(topic_partition, offset)| TxnOffsetCommitRequestPartition {
                            partition_index: topic_partition.partition,
                            committed_offset: offset.offset,
                            committed_leader_epoch: offset.leader_epoch.unwrap_or(-1),
                            committed_metadata: Some(StrBytes::from(&*offset.metadata)),
                            ..Default::default()
                        },
                    )
                    .collect(),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

/// Groups partitions by topic, in the order in which topics come first.
fn by_topic<'p, V: Copy>(
    partitions: impl Iterator<Item = (&'p TopicPartition, V)>,
) -> impl Iterator<Item = (StrBytes, Vec<(&'p TopicPartition, V)>)> {
    let mut topics: Vec<(StrBytes, Vec<(&'p TopicPartition, V)>)> = Vec::new();
    for (topic_partition, value) in partitions {
        match topics
            .iter_mut()
            .find(|(name, _)| **name == *topic_partition.topic)
        {
            Some((_, members)) => members.push((topic_partition, value)),
            None => {
                let name = StrBytes::from(&*topic_partition.topic);
                topics.push((name, vec![(topic_partition, value)]));
            }
        }
    }
    topics.into_iter()
}

/// Adds the partitions that an answer leaves out, as not done.
fn complete<'p>(
    asked: impl Iterator<Item = &'p TopicPartition>,
    mut answered: Vec<(TopicPartition, ErrorCode)>,
) -> Vec<(TopicPartition, ErrorCode)> {
    for topic_partition in asked {
        if !answered.iter().any(|(known, _)| known == topic_partition) {
            answered.push((topic_partition.clone(), ErrorCode::UNKNOWN_SERVER_ERROR));
        }
    }
    answered
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use thalweg_protocol::BrokerId;

    use super::*;
    use crate::producer::lane::Parcel;

    /// Goal: every parcel goes to its own topic, in whatever order topics take turns. An app's outputs
    /// and its changelog did when it took partitions over, and what was meant for one went to the
    /// other: lost there, and a foreign record here.
    #[test]
    fn parcels_go_to_their_own_topics_in_whatever_order_they_come() {
        let order = [
            ("a", 0),
            ("a", 1),
            ("b", 0),
            ("a", 2),
            ("a", 3),
            ("b", 1),
            ("b", 2),
            ("a", 4),
        ];
        let parcel = |(id, (topic, partition)): (u64, (&str, i32))| {
            let bytes = Bytes::from(format!("{topic}{partition}"));
            (TopicPartition::new(topic, partition), Parcel { id, bytes })
        };
        let outbound = Outbound {
            id: 0,
            broker: BrokerId(0),
            parcels: (0..).zip(order).map(parcel).collect(),
        };
        let metadata = MetadataSnapshot::default();
        let request = produce_request(&outbound, &metadata, None, -1, Duration::ZERO);
        let mut sent = Vec::new();
        for topic in &request.topic_data {
            for partition in &topic.partition_data {
                let place = format!("{}{}", topic.name, partition.index.0);
                assert_eq!(partition.records.as_deref(), Some(place.as_bytes()));
                sent.push(place);
            }
        }
        assert_eq!(sent, ["a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2"]);
    }
}
