//! Produce: checks batches and appends them.

mod inspect;
mod recode;

use std::time::Duration;

use thalweg_protocol::messages::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse,
    ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use thalweg_protocol::records::{Compression, RecordBatch};
use thalweg_protocol::{DecodeError, ErrorCode, Offset, PartitionId, StrBytes};

use self::inspect::{Fault, Inspected, InspectedPartition, Inspection};
use super::{Call, Job};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster, Reply, Wait};
use crate::log::{AppendAs, Appended, SequenceError, only_batch};
use crate::quota::{Counted, throttle_ms};
use crate::topic::TopicConfig;

/// The acknowledgements a producer may ask for.
const ALL: i16 = -1;
const NONE: i16 = 0;
const LEADER: i16 = 1;

/// Topics are named by their ids from that version on.
const BY_ID_FROM: i16 = 13;

/// Looks at the batches, for [`produce`] under the lock.
pub(super) fn read(call: Call) -> Result<Job, DecodeError> {
    let (caller, request, reply) = call.decode::<ProduceRequest>()?;
    Ok(job(caller, inspect::inspect(request), reply))
}

fn job(caller: Caller, mut request: Inspected, reply: Reply<ProduceRequest>) -> Job {
    Job::in_parts(move |cluster| {
        let needed = recode::needed(cluster, &caller, &request);
        if needed.is_empty() {
            produce(cluster, &caller, request, reply);
            return None;
        }
        Some(Box::new(move || {
            recode::recode_all(&mut request, &needed);
            job(caller, request, reply)
        }))
    })
}

/// Appends the batches, and answers when those that are to be replicated are.
fn produce(
    cluster: &mut Cluster,
    caller: &Caller,
    request: Inspected,
    reply: Reply<ProduceRequest>,
) {
    let acks = request.acks;
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or_default());
    let denied = request.transactional_id.as_ref().and_then(|id| {
        let checked = cluster.check_transactional_id(caller, Operation::Write, id);
        checked.err()
    });
    let mut outstanding = Vec::new();
    let mut response = ProduceResponse::default();
    for topic in request.topics {
        let (name, unknown) = resolve(cluster, caller, &topic.name, &topic.id);
        let refused = denied.or(unknown);
        let mut answered = TopicProduceResponse {
            name: topic.name,
            topic_id: topic.id,
            ..Default::default()
        };
        for partition in topic.partitions {
            let index = partition.index;
            let appended = match refused {
                Some(code) => Err(Fault::new(code, refusal(code))),
                None => append(
                    cluster,
                    caller,
                    acks,
                    &request.transactional_id,
                    &name,
                    &partition,
                ),
            };
            if let Ok(appended) = &appended {
                outstanding.push(Outstanding {
                    topic: name.clone(),
                    partition: index,
                    needed: appended.last_offset + 1,
                    topic_at: response.responses.len(),
                    partition_at: answered.partition_responses.len(),
                });
            }
            answered.partition_responses.push(partition_response(
                cluster,
                (&name, index),
                appended,
            ));
        }
        response.responses.push(answered);
    }
    match acks {
        NONE => {
            let partitions = response
                .responses
                .iter()
                .flat_map(|topic| &topic.partition_responses);
            // There is no answer to say it in: as Kafka does, the connection says that it failed.
            if partitions
                .clone()
                .any(|partition| !partition.error_code.is_none())
            {
                return reply.close();
            }
            reply.send_nothing();
        }
        ALL => {
            let mut wait = Replicating {
                reply: Some(reply),
                response,
                outstanding,
                caller: caller.clone(),
            };
            if !wait.try_answer(cluster, timeout.is_zero()) {
                let places = wait.outstanding.iter();
                let places: Vec<_> = places.map(|o| (o.topic.clone(), o.partition)).collect();
                cluster.wait(Box::new(wait), places, timeout);
            }
        }
        _ => finish(cluster, caller, response, reply),
    }
}

fn finish(
    cluster: &mut Cluster,
    caller: &Caller,
    mut response: ProduceResponse,
    reply: Reply<ProduceRequest>,
) {
    let quiet = cluster.count_bytes(caller, Counted::Produced, caller.request_bytes);
    response.throttle_time_ms = throttle_ms(quiet);
    if reply.version() >= 10 {
        response.node_endpoints = endpoints(cluster, &response);
    } else {
        // Who leads what has moved is said from that version on (KIP-951).
        let topics = response.responses.iter_mut();
        for partition in topics.flat_map(|topic| &mut topic.partition_responses) {
            partition.current_leader = LeaderIdAndEpoch::default();
        }
    }
    reply.send_throttled(&response, quiet);
}

/// Where the leaders listen that the response names (KIP-951).
fn endpoints(cluster: &Cluster, response: &ProduceResponse) -> Vec<NodeEndpoint> {
    let partitions = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses);
    let leaders = partitions.map(|partition| partition.current_leader.leader_id);
    cluster.endpoints(leaders)
}

/// What is said to a whole topic.
fn refusal(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => "Topic authorization failed.",
        ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => {
            "Transactional Id authorization failed."
        }
        _ => "This server does not host this topic-partition.",
    }
}

/// The topic's name, or the error for one there is not.
fn resolve(
    cluster: &Cluster,
    caller: &Caller,
    name: &StrBytes,
    id: &thalweg_protocol::Uuid,
) -> (StrBytes, Option<ErrorCode>) {
    if caller.version >= BY_ID_FROM {
        return match cluster.topics.name_of(id) {
            Some(name) => {
                let checked = cluster.check_topic(caller, Operation::Write, name);
                (name.clone(), checked.err())
            }
            None => (StrBytes::new(), Some(ErrorCode::UNKNOWN_TOPIC_ID)),
        };
    }
    let name = name.detached();
    if let Err(denied) = cluster.check_topic(caller, Operation::Write, &name) {
        return (name, Some(denied));
    }
    let unknown = cluster.topics.topic(&name).is_none();
    (
        name,
        unknown.then_some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
    )
}

fn partition_response(
    cluster: &Cluster,
    (topic, index): (&StrBytes, PartitionId),
    appended: Result<Appended, Fault>,
) -> PartitionProduceResponse {
    let partition = cluster.topics.partition(topic, index);
    match appended {
        Ok(appended) => PartitionProduceResponse {
            index,
            base_offset: Offset(appended.base_offset),
            log_append_time_ms: appended.log_append_time_ms,
            log_start_offset: Offset(partition.map_or(-1, |partition| partition.log.start())),
            ..Default::default()
        },
        Err(fault) => {
            let moved = fault.error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER;
            let leader = partition.filter(|_| moved);
            PartitionProduceResponse {
                index,
                error_code: fault.error_code,
                base_offset: Offset(-1),
                record_errors: fault.records.into_iter().map(record_error).collect(),
                error_message: fault.told.then(|| fault.message.into()),
                log_start_offset: Offset(match partition {
                    Some(partition) if fault.by_log => partition.log.start(),
                    _ => -1,
                }),
                current_leader: leader.map(leader_of).unwrap_or_default(),
                ..Default::default()
            }
        }
    }
}

fn leader_of(partition: &crate::topic::Partition) -> LeaderIdAndEpoch {
    LeaderIdAndEpoch {
        leader_id: partition.leader.unwrap_or_default(),
        leader_epoch: partition.leader_epoch,
        ..Default::default()
    }
}

fn record_error((batch_index, message): (i32, String)) -> BatchIndexAndErrorMessage {
    BatchIndexAndErrorMessage {
        batch_index,
        batch_index_error_message: Some(message.into()),
        ..Default::default()
    }
}

/// Whether the batch would be appended, as far as can be said without what its producer did before.
fn admit(
    cluster: &Cluster,
    caller: &Caller,
    acks: i16,
    topic: &StrBytes,
    sent: &InspectedPartition,
) -> Result<(), Fault> {
    let found = cluster.topics.topic(topic);
    let partition = found.and_then(|found| found.partition(sent.index));
    let (Some(found), Some(partition)) = (found, partition) else {
        return Err(Fault::new(
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "This server does not host this topic-partition.",
        ));
    };
    check_compression(sent.compression, caller.version)?;
    let bytes = sent.bytes.clone()?;
    if ![ALL, NONE, LEADER].contains(&acks) {
        let message = "Produce request specified an invalid value for required acks.";
        return Err(Fault::new(ErrorCode::INVALID_REQUIRED_ACKS, message));
    }
    match partition.check_leader(caller.node, -1) {
        ErrorCode::NONE => {}
        code => {
            return Err(Fault::new(
                code,
                "This server is not the leader for that topic-partition.",
            ));
        }
    }
    if acks == ALL && partition.in_sync.len() < found.config.in_sync_min() {
        let (have, need) = (partition.in_sync.len(), found.config.in_sync_min());
        let message = format!(
            "The size of the current ISR : {have} is insufficient to satisfy the min.isr requirement of {need} for partition {topic}-{}",
            sent.index
        );
        return Err(Fault::new(ErrorCode::NOT_ENOUGH_REPLICAS, message).by_log());
    }
    // As Kafka does: what is too large is not looked into.
    check_size(&found.config, bytes)?;
    let inspection = sent.batch.as_ref().map_err(Fault::clone)?;
    check_topic(&found.config, inspection, cluster.now.wall_ms)
}

/// Appends one batch, or says why not.
fn append(
    cluster: &mut Cluster,
    caller: &Caller,
    acks: i16,
    transactional_id: &Option<StrBytes>,
    topic: &StrBytes,
    sent: &InspectedPartition,
) -> Result<Appended, Fault> {
    let index = sent.index;
    admit(cluster, caller, acks, topic, sent)?;
    let found = cluster.topics.topic(topic).expect("admitted");
    let partition = found.partition(index).expect("admitted");
    let batch = recode::as_stored(&found.config, sent)?;
    check_segment(&found.config, batch.len())?;
    let how = AppendAs {
        leader_epoch: partition.leader_epoch,
        now_ms: cluster.now.wall_ms,
        log_append_time: found.config.log_append_time(),
        segment_bytes: found
            .config
            .segment_bytes()
            .min(cluster.segment_bytes_max()),
        segment_ms: found.config.segment_ms(),
    };
    let view = only_batch(&batch).expect("inspected");
    // As Kafka does: without a producer it belongs to no transaction, whatever it says of itself.
    if view.is_transactional() && view.producer_id().0 >= 0 {
        let place = (topic, index);
        crate::transaction::check_produce(cluster, caller, transactional_id.as_ref(), &view, place)
            .map_err(|code| {
                let fault =
                    Fault::new(code, "The producer's transaction does not take this batch.");
                match code {
                    ErrorCode::INVALID_TXN_STATE | ErrorCode::NOT_ENOUGH_REPLICAS => fault.told(),
                    _ => fault,
                }
            })?;
    }
    if let Some(known) = check_producer(cluster, (topic, index), &view)? {
        return Ok(known);
    }
    if !cluster.make_room(batch.len()) {
        let most = cluster.log_bytes_max();
        let message = format!(
            "The logs take the {most} bytes of memory they may, and there is no closed segment to drop: \
             allow more (memory_bytes_max), or delete records or topics."
        );
        return Err(Fault::new(ErrorCode::KAFKA_STORAGE_ERROR, message).told());
    }
    let appended = {
        let partition = cluster
            .topics
            .partition_mut(topic, index)
            .expect("found above");
        partition.log.append(&batch, how)
    };
    cluster.appended(topic, index);
    Ok(appended)
}

/// Whether a producer of that version may compress as it does.
fn check_compression(compression: Option<Compression>, version: i16) -> Result<(), Fault> {
    if compression == Some(Compression::Zstd) && version < 7 {
        let message =
            "Produce requests with version 6 or below are not allowed to use ZStandard compression";
        return Err(Fault::new(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, message));
    }
    Ok(())
}

/// Whether the topic takes batches of that size.
fn check_size(config: &TopicConfig, bytes: usize) -> Result<(), Fault> {
    let most = config.message_bytes_max();
    match bytes <= most {
        true => Ok(()),
        false => Err(too_large(bytes, most)),
    }
}

fn too_large(bytes: usize, most: usize) -> Fault {
    let message = format!(
        "The record batch size in the append is {bytes} bytes which exceeds the maximum configured value of {most}."
    );
    Fault::new(ErrorCode::MESSAGE_TOO_LARGE, message)
}

/// Whether a batch of that size fits a segment of the topic.
fn check_segment(config: &TopicConfig, bytes: usize) -> Result<(), Fault> {
    let segment = config.segment_bytes();
    if bytes <= segment {
        return Ok(());
    }
    let message = format!(
        "Message batch size is {bytes} bytes in append to partition, which exceeds the maximum configured segment size of {segment}."
    );
    Err(Fault::new(ErrorCode::RECORD_LIST_TOO_LARGE, message))
}

/// Whether the topic takes the batch.
fn check_topic(config: &TopicConfig, inspection: &Inspection, now_ms: i64) -> Result<(), Fault> {
    let facts = &inspection.facts;
    if facts.decompressed_bytes > config.decompressed_bytes_max() {
        let (bytes, most) = (facts.decompressed_bytes, config.decompressed_bytes_max());
        let message = format!(
            "A record of {bytes} bytes, decompressed, exceeds the maximum configured value of {most} (max.decompressed.message.bytes)."
        );
        return Err(Fault::new(ErrorCode::INVALID_RECORD, message).by_log());
    }
    if facts.keyless.is_some() && config.compacts() {
        let message = "One or more records have been rejected due to validation failure: Compacted topic cannot accept message without key";
        let words = "Compacted topic cannot accept message without key";
        let fault = Fault::new(ErrorCode::INVALID_RECORD, message);
        let view = only_batch(&inspection.bytes).expect("inspected");
        let rows = inspect::keyless_rows(&view).into_iter();
        return Err(rows.fold(fault, |fault, row| fault.about(row, words)));
    }
    if config.log_append_time() {
        return Ok(());
    }
    let (before, after) = config.timestamp_bounds_ms();
    let too_old = facts.earliest.0 >= 0 && now_ms.saturating_sub(facts.earliest.0) > before;
    let too_new = facts.latest.0.saturating_sub(now_ms) > after;
    if !too_old && !too_new {
        return Ok(());
    }
    let (timestamp, row) = if too_old {
        facts.earliest
    } else {
        facts.latest
    };
    let least = now_ms.saturating_sub(before);
    let most = now_ms.saturating_add(after);
    let words = format!(
        "Timestamp {timestamp} of message with offset {row} is out of range. The timestamp should be within [{least}, {most}]"
    );
    let message =
        format!("One or more records have been rejected due to invalid timestamp: {words}");
    Err(Fault::new(ErrorCode::INVALID_TIMESTAMP, message).about(row, words))
}

/// Whether a batch of an idempotent producer follows its last one; where it repeats one, where that
/// lies.
fn check_producer(
    cluster: &Cluster,
    (topic, index): (&StrBytes, PartitionId),
    view: &RecordBatch<'_>,
) -> Result<Option<Appended>, Fault> {
    if view.producer_id().0 < 0 {
        return Ok(None);
    }
    let Some(partition) = cluster.topics.partition(topic, index) else {
        return Ok(None);
    };
    let (id, base) = (view.producer_id(), view.base_sequence());
    match partition.log.producers().check(view) {
        Ok(None) => Ok(None),
        Ok(Some(known)) => Ok(Some(Appended {
            base_offset: known.base_offset,
            last_offset: known.last_offset,
            log_append_time_ms: -1,
        })),
        Err(SequenceError::OldProducerEpoch { known }) => {
            let epoch = view.producer_epoch();
            let message = format!(
                "Epoch of producer {id} at offset {} in {topic}-{index} is {epoch}, which is smaller than the last seen epoch {known}",
                partition.log.end()
            );
            Err(Fault::new(ErrorCode::INVALID_PRODUCER_EPOCH, message).by_log())
        }
        Err(SequenceError::OutOfOrder { last_sequence }) => {
            let message = format!(
                "Out of order sequence number for producer {id} at offset {} in partition {topic}-{index}: {base} (incoming seq. number), {last_sequence} (current end sequence number)",
                partition.log.end()
            );
            Err(Fault::new(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, message).by_log())
        }
        Err(SequenceError::OutsideTransaction) => {
            let message = format!(
                "Expected transactional write from producer {id} at offset {} in partition {topic}-{index}",
                partition.log.end()
            );
            Err(Fault::new(ErrorCode::INVALID_TXN_STATE, message).by_log())
        }
    }
}

/// A partition whose batch is not replicated yet, and where its answer stands.
#[derive(Debug)]
struct Outstanding {
    topic: StrBytes,
    partition: PartitionId,
    /// What the high watermark has to reach.
    needed: i64,
    topic_at: usize,
    partition_at: usize,
}

/// A request with acks=all.
#[derive(Debug)]
struct Replicating {
    reply: Option<Reply<ProduceRequest>>,
    response: ProduceResponse,
    outstanding: Vec<Outstanding>,
    caller: Caller,
}

impl Replicating {
    fn fail(response: &mut ProduceResponse, of: &Outstanding, error_code: ErrorCode) {
        let topic = response.responses.get_mut(of.topic_at);
        let partition = topic.and_then(|topic| topic.partition_responses.get_mut(of.partition_at));
        if let Some(partition) = partition {
            partition.error_code = error_code;
            partition.base_offset = Offset(-1);
            partition.log_append_time_ms = -1;
            partition.log_start_offset = Offset(-1);
        }
    }
}

impl Wait for Replicating {
    fn try_answer(&mut self, cluster: &mut Cluster, last: bool) -> bool {
        let (node, response) = (self.caller.node, &mut self.response);
        self.outstanding.retain(|outstanding| {
            let Some(topic) = cluster.topics.topic(&outstanding.topic) else {
                Self::fail(response, outstanding, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
                return false;
            };
            let Some(partition) = topic.partition(outstanding.partition) else {
                Self::fail(response, outstanding, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
                return false;
            };
            if partition.leader != Some(node) {
                Self::fail(response, outstanding, ErrorCode::NOT_LEADER_OR_FOLLOWER);
                return false;
            }
            if partition.log.high_watermark() < outstanding.needed {
                return true;
            }
            if partition.in_sync.len() < topic.config.in_sync_min() {
                Self::fail(
                    response,
                    outstanding,
                    ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                );
            }
            false
        });
        if !self.outstanding.is_empty() && !last {
            return false;
        }
        for outstanding in self.outstanding.drain(..) {
            Self::fail(response, &outstanding, ErrorCode::REQUEST_TIMED_OUT);
        }
        if let Some(reply) = self.reply.take() {
            finish(cluster, &self.caller, std::mem::take(response), reply);
        }
        true
    }
}
