//! A share fetch: it waits until there are free records, locks them, and answers with the batches
//! they lie in.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use thalweg_protocol::messages::{
    AcquiredRecords, ShareFetchPartitionData, ShareFetchRequest, ShareFetchResponse,
    ShareFetchableTopicResponse,
};
use thalweg_protocol::{BrokerId, ErrorCode, Offset, PartitionId, StrBytes, Uuid};

use super::partition::{Acquired, Bounds, Wanted};
use super::{Answered, Place, SessionKey, ShareConfig, Step, leader_of, no_leader};
use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster, Reply, Wait};
use crate::log::{AbortedRange, Log, StoredBatch};

/// A share fetch that may wait.
#[derive(Debug)]
pub(crate) struct Fetching {
    pub(crate) caller: Caller,
    pub(crate) key: SessionKey,
    pub(crate) step: Step,
    /// The epoch the session has as long as no other request comes.
    pub(crate) epoch: Option<i32>,
    pub(crate) partitions: Vec<Place>,
    /// What became of the acknowledgements that came along.
    pub(crate) answered: Vec<Answered>,
    pub(crate) bytes_min: usize,
    pub(crate) bytes_max: usize,
    pub(crate) records_max: i64,
    pub(crate) batch_size: i64,
    /// No more than `records_max`, even if that splits a batch.
    pub(crate) is_exact: bool,
    pub(crate) reply: Option<Reply<ShareFetchRequest>>,
}

/// What a partition has for the member.
struct Found {
    records: Bytes,
    acquired: Vec<Acquired>,
}

impl Fetching {
    /// The topics and partitions to wait for.
    pub(crate) fn places(&self, cluster: &Cluster) -> Vec<(StrBytes, PartitionId)> {
        let named = |(topic_id, index): &Place| {
            let name = cluster.topics.name_of(topic_id)?;
            Some((name.clone(), *index))
        };
        self.partitions.iter().filter_map(named).collect()
    }

    /// Why a partition cannot be read here.
    fn fault(&self, cluster: &Cluster, (topic_id, index): &Place) -> Result<StrBytes, ErrorCode> {
        let name = cluster.topics.name_of(topic_id);
        let name = name.ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?.clone();
        if !cluster.authorize(&self.caller, Operation::Read, ResourceType::Topic, &name) {
            return Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
        }
        let partition = cluster.topics.partition(&name, *index);
        let partition = partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        match partition.check_leader(self.caller.node, -1) {
            ErrorCode::NONE => Ok(name),
            code => Err(code),
        }
    }

    /// The partitions that can be read.
    fn readable(&self, cluster: &Cluster) -> Vec<(Place, StrBytes)> {
        let readable = |place: &Place| Some((*place, self.fault(cluster, place).ok()?));
        self.partitions.iter().filter_map(readable).collect()
    }

    /// Whether there are enough bytes with free records. A partition that the group has not begun is
    /// begun.
    fn is_enough(&self, cluster: &mut Cluster, readable: &[(Place, StrBytes)]) -> bool {
        let group_id = &self.key.group_id;
        let config = ShareConfig::of(cluster, group_id);
        let (limits, committed) = (config.limits(), config.reads_committed());
        let mut total = 0;
        let mut any = false;
        for (place, name) in readable {
            let Some(state) = cluster.shared_or_begun(group_id, place) else {
                continue;
            };
            if !state.has_room(limits) {
                continue;
            }
            let from = state.next_offset();
            let Some(partition) = cluster.topics.partition(name, place.1) else {
                continue;
            };
            any = true;
            let until = until(&partition.log, committed);
            let enough = self.bytes_min.saturating_sub(total).max(1);
            total += partition.log.bytes_between(from, until, enough);
        }
        any && total >= self.bytes_min
    }

    /// Locks what there is, in all partitions.
    fn acquire(
        &self,
        cluster: &mut Cluster,
        readable: &[(Place, StrBytes)],
    ) -> Vec<(Place, Found)> {
        let mut all = Vec::new();
        let (mut records_left, mut bytes_left) = (self.records_max, self.bytes_max);
        for ((place, name), others) in readable.iter().zip((0..readable.len()).rev()) {
            if records_left <= 0 {
                break;
            }
            let bytes_max = bytes_left / (others + 1);
            let Some(found) = self.acquire_in(cluster, *place, name, records_left, bytes_max)
            else {
                continue;
            };
            let counts = found
                .acquired
                .iter()
                .map(|range| range.last - range.first + 1);
            records_left -= counts.sum::<i64>();
            bytes_left = bytes_left.saturating_sub(found.records.len());
            all.push((*place, found));
        }
        all
    }

    fn acquire_in(
        &self,
        cluster: &mut Cluster,
        place: Place,
        name: &StrBytes,
        records_max: i64,
        bytes_max: usize,
    ) -> Option<Found> {
        let group_id = &self.key.group_id;
        let config = ShareConfig::of(cluster, group_id);
        let (limits, committed) = (config.limits(), config.reads_committed());
        let lock_until = cluster.now.instant + config.lock();
        let from = cluster.shared_or_begun(group_id, &place)?.next_offset();
        let log = &cluster.topics.partition(name, place.1)?.log;
        let batches = batches(log, from, until(log, committed), bytes_max);
        let aborted = match (committed, batches.last()) {
            (true, Some(last)) => log.aborted_between(from, last.last_offset() + 1),
            _ => Vec::new(),
        };
        let bounds = batches.iter().map(|batch| bounds(batch, &aborted));
        let bounds: Vec<Bounds> = bounds.collect();
        let wanted = Wanted {
            member: &self.key.member_id,
            records_max,
            is_exact: self.is_exact,
            batch_size: self.batch_size,
            until: lock_until,
        };
        let state = cluster.shared_or_begun(group_id, &place)?;
        let acquired = state.acquire(&wanted, limits, &bounds);
        let records = records(&batches, &acquired);
        cluster.set_lock_timer(group_id, place);
        (!acquired.is_empty()).then_some(Found { records, acquired })
    }

    /// Answers with what was found, errors, and what became of acknowledgements.
    fn answer(&mut self, cluster: &mut Cluster, found: Vec<(Place, Found)>) {
        let Some(reply) = self.reply.take() else {
            return;
        };
        let mut parts: Vec<(Place, ShareFetchPartitionData)> = Vec::new();
        let mut found = found.into_iter().peekable();
        for place in &self.partitions {
            let mut part = empty(place.1);
            match self.fault(cluster, place) {
                Err(error_code) => {
                    part.error_code = error_code;
                    if error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER {
                        part.current_leader = leader_of(cluster, place);
                    }
                }
                // What was found comes in the order of the partitions.
                Ok(_) => {
                    if let Some((_, found)) = found.next_if(|(at, _)| at == place) {
                        part.records = Some(found.records);
                        part.acquired_records = found.acquired.iter().map(told).collect();
                    }
                }
            }
            let is_news = !part.acquired_records.is_empty();
            let failed = !part.error_code.is_none();
            let sessions = &mut cluster.shares.sessions;
            if sessions.has_to_tell(&self.key, place, is_news, failed) || self.step == Step::Opened
            {
                parts.push((*place, part));
            }
        }
        add_answered(&mut parts, std::mem::take(&mut self.answered));
        let moved = parts
            .iter()
            .filter(|(_, part)| part.error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER);
        let leaders = moved.map(|(_, part)| part.current_leader.leader_id);
        let node_endpoints = cluster.endpoints(leaders.collect::<Vec<BrokerId>>().into_iter());
        reply.send(&ShareFetchResponse {
            acquisition_lock_timeout_ms: lock_ms(cluster, &self.key.group_id),
            responses: by_topic(parts),
            node_endpoints,
            ..Default::default()
        });
    }
}

impl Wait for Fetching {
    fn try_answer(&mut self, cluster: &mut Cluster, last: bool) -> bool {
        if self.reply.as_ref().is_some_and(Reply::is_orphaned) {
            return true;
        }
        if cluster.shares.sessions.epoch(&self.key) != self.epoch {
            // Another request took the session over; nothing may be locked in its name.
            if let Some(reply) = self.reply.take() {
                reply.send(&ShareFetchResponse {
                    error_code: ErrorCode::INVALID_SHARE_SESSION_EPOCH,
                    ..Default::default()
                });
            }
            return true;
        }
        let readable = self.readable(cluster);
        let nothing_to_wait_for =
            readable.is_empty() || self.records_max == 0 || self.bytes_max == 0;
        for round in 1.. {
            if !last && !nothing_to_wait_for && !self.is_enough(cluster, &readable) {
                return false;
            }
            let found = self.acquire(cluster, &readable);
            // What was read may all have been aborted: then there may be more behind it.
            let more = !last
                && found.is_empty()
                && !nothing_to_wait_for
                && self.bytes_min > 0
                && round < ROUNDS_MAX;
            if more && self.is_enough(cluster, &readable) {
                continue;
            }
            if more {
                return false;
            }
            self.answer(cluster, found);
            break;
        }
        true
    }
}

/// How often one look goes on behind what nobody is to see.
const ROUNDS_MAX: u32 = 100;

/// How long locks last, as answers tell it.
pub(crate) fn lock_ms(cluster: &Cluster, group_id: &str) -> i32 {
    let lock = ShareConfig::of(cluster, group_id).lock();
    i32::try_from(lock.as_millis()).unwrap_or(i32::MAX)
}

fn until(log: &Log, committed: bool) -> i64 {
    if committed {
        log.last_stable_offset()
    } else {
        log.high_watermark()
    }
}

/// The batches from `from` on, at least one.
fn batches(log: &Log, from: i64, until: i64, bytes_max: usize) -> Vec<StoredBatch> {
    let mut taken: Vec<StoredBatch> = Vec::new();
    let mut total = 0;
    for batch in log.batches_from(from) {
        let is_too_much = !taken.is_empty() && total + batch.len() > bytes_max;
        if batch.last_offset() >= until || is_too_much {
            break;
        }
        total += batch.len();
        taken.push(batch.clone());
    }
    taken
}

fn bounds(batch: &StoredBatch, aborted: &[AbortedRange]) -> Bounds {
    let view = batch.view();
    let is_of = |range: &AbortedRange| {
        range.producer_id == view.producer_id()
            && (range.first..range.last).contains(&batch.base_offset())
    };
    Bounds {
        first: batch.base_offset(),
        last: batch.last_offset(),
        is_aborted: view.is_transactional() && !view.is_control() && aborted.iter().any(is_of),
    }
}

/// The batches from the first record that was acquired to the last.
fn records(batches: &[StoredBatch], acquired: &[Acquired]) -> Bytes {
    let (Some(first), Some(last)) = (acquired.first(), acquired.last()) else {
        return Bytes::new();
    };
    let within = |batch: &&StoredBatch| {
        batch.last_offset() >= first.first && batch.base_offset() <= last.last
    };
    let mut all = BytesMut::new();
    for batch in batches.iter().filter(within) {
        all.extend_from_slice(batch.bytes());
    }
    all.freeze()
}

fn told(range: &Acquired) -> AcquiredRecords {
    AcquiredRecords {
        first_offset: Offset(range.first),
        last_offset: Offset(range.last),
        delivery_count: range.deliveries,
        ..Default::default()
    }
}

fn empty(partition_index: PartitionId) -> ShareFetchPartitionData {
    ShareFetchPartitionData {
        partition_index,
        records: Some(Bytes::new()),
        current_leader: no_leader(),
        ..Default::default()
    }
}

/// Says what became of acknowledgements, in the partitions they were of.
fn add_answered(parts: &mut Vec<(Place, ShareFetchPartitionData)>, answered: Vec<Answered>) {
    let known = parts.iter().zip(0..).map(|((place, _), at)| (*place, at));
    let known: BTreeMap<Place, usize> = known.collect();
    for answered in answered {
        let at = known.get(&answered.place).copied();
        let at = at.unwrap_or_else(|| {
            parts.push((answered.place, empty(answered.place.1)));
            parts.len() - 1
        });
        if let Some((_, part)) = parts.get_mut(at) {
            part.acknowledge_error_code = answered.error_code;
            part.acknowledge_error_message = answered.message;
        }
    }
}

fn by_topic(parts: Vec<(Place, ShareFetchPartitionData)>) -> Vec<ShareFetchableTopicResponse> {
    let mut topics: BTreeMap<Uuid, Vec<ShareFetchPartitionData>> = BTreeMap::new();
    for ((topic_id, _), part) in parts {
        topics.entry(topic_id).or_default().push(part);
    }
    let topic = |(topic_id, partitions)| ShareFetchableTopicResponse {
        topic_id,
        partitions,
        ..Default::default()
    };
    topics.into_iter().map(topic).collect()
}
