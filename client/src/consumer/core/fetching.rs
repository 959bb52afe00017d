//! What to fetch next from a broker, and what to make of what it sends.
//!
//! A broker answers the requests of one connection in turn, and holds a fetch that finds nothing
//! for up to `fetch_max_wait`. So a consumer talks to each broker over a few *lanes*, each with a
//! connection and a fetch session of its own, and a partition travels in one of them at a time:
//!
//! ```text
//! lane 0   [ quiet partitions ............ waiting at the broker ............ ] → takes all in
//! lane 1   [ busy ][ busy ][ busy ]                                     └ ends just before lane 0
//! lane 2            (free for a partition that is resumed or sought while 0 and 1 wait)
//! ```
//!
//! - Partitions with data are split over two lanes, so that two requests are under way.
//! - A request of lane 1 or 2 never waits longer than that of lane 0: then lane 0 takes its
//!   quiet partitions over, and the lane is free again. So a partition that becomes fetchable
//!   always finds a free lane soon.
//! - A partition whose share of the budget is used up is left out of the session until the
//!   application has taken something: it is paused, nothing is dropped.
//! - With the budget used up, only partitions of which nothing waits are fetched, one batch at a
//!   time: they always get one, or neighbours nobody reads would starve them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::messages::{FetchPartitionData, FetchResponse};
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode, Offset, PartitionId, Uuid};
use tokio::time::Instant;

use super::super::aborted::AbortedTransactions;
use super::super::budget::Charge;
use super::super::error::{ConsumeError, CorruptBatch};
use super::super::fetch_session::FetchSpec;
use super::super::fetched::{FetchedRecords, scan};
use super::super::start::OffsetReset;
use super::partition::{Parcel, Partition, Question, Stage};
use super::{Core, Ticket};
use crate::cluster::{Leader, MetadataSnapshot};
use crate::error::{CallError, Disposition};
use crate::isolation_level::IsolationLevel;
use crate::topic_partition::TopicPartition;

/// How many lanes lead to a broker.
pub(in super::super) const LANES: usize = 3;

/// Below this much free budget only empty partitions are fetched, in bytes.
const FREE_MIN: usize = 64 << 10;
/// What a request that is expected to find nothing sets aside of the budget, in bytes.
const QUIET_BYTES_MAX: usize = 128 << 10;
/// The least a partition asks for, in bytes.
const PARTITION_BYTES_MIN: usize = 16 << 10;
/// How much sooner than lane 0's a wait in another lane ends.
const LANE_LEAD: Duration = Duration::from_millis(10);
/// How often to try what may be a passing fault and may be damage.
const ATTEMPTS_MAX: u32 = 3;
/// A receive buffer is never smaller, however little it holds, in bytes.
const RECEIVE_BUFFER_MIN: usize = 32 << 10;

/// What is under way in the lanes to one broker.
#[derive(Debug, Default)]
pub(in super::super) struct Lanes {
    /// When the broker answers at the latest, for each lane in use.
    deadlines: [Option<Instant>; LANES],
}

impl Lanes {
    pub(in super::super) fn begin(&mut self, lane: usize, deadline: Instant) {
        if let Some(slot) = self.deadlines.get_mut(lane) {
            *slot = Some(deadline);
        }
    }

    pub(in super::super) fn end(&mut self, lane: usize) {
        if let Some(slot) = self.deadlines.get_mut(lane) {
            *slot = None;
        }
    }

    fn first_deadline(&self) -> Option<Instant> {
        self.deadlines.first().copied().flatten()
    }

    fn all_free(&self) -> bool {
        self.deadlines.iter().all(Option::is_none)
    }
}

/// A request to be sent.
#[derive(Debug)]
pub(in super::super) struct FetchPlan {
    pub(in super::super) wanted: BTreeMap<TopicPartition, FetchSpec>,
    pub(in super::super) members: Vec<MemberOfFetch>,
    pub(in super::super) bytes_max: usize,
    pub(in super::super) max_wait: Duration,
    /// Whether the ids of all topics are known.
    pub(in super::super) ids_known: bool,
    /// The budget set aside for the answer.
    pub(in super::super) reserved: Charge,
}

/// A partition in a request under way.
#[derive(Debug)]
pub(in super::super) struct MemberOfFetch {
    name: TopicPartition,
    topic_id: Uuid,
    ticket: Ticket,
    offset: Offset,
}

/// What a fetch answer asks of the shell.
#[derive(Debug, Default, PartialEq)]
pub(in super::super) struct FetchOutcome {
    /// The metadata is out of date.
    pub(in super::super) refresh_metadata: bool,
    /// Newer leaders that the broker told of.
    pub(in super::super) leaders: Vec<(TopicPartition, Leader)>,
    /// Something is to be asked before a partition can be fetched on.
    pub(in super::super) asks: bool,
    /// A partition is to be fetched from another broker from now on.
    pub(in super::super) moved: bool,
}

/// A partition that may be fetched now.
struct Candidate {
    key: usize,
    spec: FetchSpec,
    hot: bool,
    empty: bool,
}

impl Core {
    /// The brokers that partitions are fetched from.
    pub(in super::super) fn brokers(
        &self,
        metadata: &MetadataSnapshot,
        now: Instant,
    ) -> Vec<BrokerId> {
        let fetching = self
            .all()
            .filter(|(_, p)| matches!(p.stage, Stage::Fetching));
        let mut brokers: Vec<BrokerId> = fetching
            .filter_map(|(_, p)| Some(p.source(metadata, now)?.broker))
            .collect();
        brokers.sort_unstable();
        brokers.dedup();
        brokers
    }

    /// When the first partition returns from a near replica to its leader, by time alone.
    pub(in super::super) fn first_return(&self, now: Instant) -> Option<Instant> {
        self.all()
            .filter_map(|(_, partition)| partition.near_replica)
            .map(|(_, until)| until)
            .filter(|until| *until > now)
            .min()
    }

    /// Topics with partitions to be fetched that the metadata does not know.
    pub(in super::super) fn lost_topics(&self, metadata: &MetadataSnapshot) -> Vec<Arc<str>> {
        let mut topics: Vec<Arc<str>> = self
            .all()
            .filter(|(_, p)| matches!(p.stage, Stage::Fetching))
            .filter(|(_, p)| metadata.topic(&p.name.topic).is_none())
            .map(|(_, p)| Arc::clone(&p.name.topic))
            .collect();
        topics.dedup();
        topics
    }

    /// What to send to `broker` over `lane`, the first one that is free; or when to look again, if
    /// time alone can change the answer. `checks_epochs` is whether the broker compares the leader
    /// epoch of the last record fetched with its log.
    pub(in super::super) fn poll_fetch(
        &mut self,
        broker: BrokerId,
        lane: usize,
        lanes: &Lanes,
        checks_epochs: bool,
        metadata: &MetadataSnapshot,
        now: Instant,
    ) -> Result<FetchPlan, Option<Instant>> {
        self.notice_new_topics(metadata);
        if !checks_epochs {
            self.ask_about_epochs(broker, metadata, now);
        }
        let (mut candidates, wake) = self.candidates(broker, metadata, now);
        let free = self.budget.free();
        let starved = free < FREE_MIN;
        if starved {
            candidates.retain(|candidate| candidate.empty);
        }
        if lanes.all_free() {
            leave_half(&mut candidates);
        }
        if candidates.is_empty() {
            return Err(wake);
        }
        let any_hot = candidates.iter().any(|candidate| candidate.hot);
        let mut max_wait = self.settings.fetch_max_wait;
        if let Some(deadline) = lanes.first_deadline().filter(|_| lane > 0) {
            let left = deadline.saturating_duration_since(now);
            if !any_hot && left < 2 * LANE_LEAD && now < deadline + 2 * LANE_LEAD {
                // Lane 0 is about to come back and take them over.
                let overdue = deadline + 2 * LANE_LEAD;
                return Err(Some(wake.map_or(overdue, |wake| wake.min(overdue))));
            }
            if !left.is_zero() {
                max_wait = max_wait.min(left.saturating_sub(LANE_LEAD));
            }
        }
        let bytes_max = match (starved, any_hot) {
            // One batch, however large, and no more.
            (true, _) => 1,
            (false, true) => self.settings.fetch_bytes_max.min(free),
            (false, false) => self.settings.fetch_bytes_max.min(free).min(QUIET_BYTES_MAX),
        };
        Ok(self.plan(candidates, bytes_max, max_wait))
    }

    fn plan(
        &mut self,
        candidates: Vec<Candidate>,
        bytes_max: usize,
        max_wait: Duration,
    ) -> FetchPlan {
        let mut plan = FetchPlan {
            wanted: BTreeMap::new(),
            members: Vec::with_capacity(candidates.len()),
            bytes_max,
            max_wait,
            ids_known: true,
            reserved: self.budget.charge(bytes_max),
        };
        for candidate in candidates {
            let slot = self.partitions.get_mut(candidate.key);
            let Some(partition) = slot.and_then(Option::as_mut) else {
                continue;
            };
            partition.in_flight = true;
            plan.ids_known &= candidate.spec.topic_id != Uuid::ZERO;
            plan.wanted.insert(partition.name.clone(), candidate.spec);
            plan.members.push(MemberOfFetch {
                name: partition.name.clone(),
                topic_id: candidate.spec.topic_id,
                ticket: Ticket {
                    key: candidate.key,
                    version: partition.version,
                },
                offset: candidate.spec.offset,
            });
        }
        plan
    }

    fn candidates(
        &self,
        broker: BrokerId,
        metadata: &MetadataSnapshot,
        now: Instant,
    ) -> (Vec<Candidate>, Option<Instant>) {
        let share = self.share();
        let bytes_max = self.partition_bytes(share);
        let mut candidates = Vec::new();
        let mut wake: Option<Instant> = None;
        for (key, partition) in self.all() {
            if !partition.may_fetch() {
                continue;
            }
            let empty = partition.parcels.is_empty();
            if !empty && partition.waiting_bytes + bytes_max > share {
                continue;
            }
            let Some(source) = partition
                .source(metadata, now)
                .filter(|s| s.broker == broker)
            else {
                continue;
            };
            if let Some(retry_at) = partition.retry_at.filter(|&retry_at| retry_at > now) {
                wake = Some(wake.map_or(retry_at, |wake| wake.min(retry_at)));
                continue;
            }
            candidates.push(Candidate {
                key,
                spec: FetchSpec {
                    topic_id: partition.topic_id,
                    offset: partition.fetch_offset,
                    leader_epoch: source.leader_epoch,
                    last_fetched_epoch: partition.fetch_epoch,
                    bytes_max: i32::try_from(bytes_max).unwrap_or(i32::MAX),
                },
                hot: partition.hot,
                empty,
            });
        }
        (candidates, wake)
    }

    /// How many bytes of one partition may wait, when all that are not paused are treated alike.
    fn share(&self) -> usize {
        let active = self.all().filter(|(_, p)| !p.paused && !p.leaving).count();
        self.budget.limit() / active.max(1)
    }

    /// How much to ask for of one partition: a power of two, so that it does not change, and with it
    /// all that the session remembers, whenever one partition comes or goes.
    fn partition_bytes(&self, share: usize) -> usize {
        let half = (share / 2).max(PARTITION_BYTES_MIN);
        let power = 1_usize << half.ilog2();
        power.min(self.settings.partition_bytes_max.max(1))
    }

    /// Learns the ids of topics, and notices topics that were deleted and created anew.
    fn notice_new_topics(&mut self, metadata: &MetadataSnapshot) {
        let policy = self.settings.out_of_range_reset;
        let mut stopped = Vec::new();
        for &key in self.keys.values() {
            let Some(partition) = self.partitions.get_mut(key).and_then(Option::as_mut) else {
                continue;
            };
            if !matches!(partition.stage, Stage::Fetching) {
                continue;
            }
            let is = metadata
                .topic(&partition.name.topic)
                .map_or(Uuid::ZERO, |topic| topic.id());
            let was = partition.topic_id;
            if is == Uuid::ZERO || is == was {
                continue;
            }
            partition.topic_id = is;
            if was != Uuid::ZERO {
                let topic_partition = partition.name.clone();
                tracing::warn!(partition = %topic_partition, %was, %is, "topic was created anew");
                partition.in_flight = false;
                partition.reset_to(
                    policy,
                    ConsumeError::TopicRecreated {
                        topic_partition,
                        was,
                        is,
                    },
                );
                stopped.push((key, partition.version));
            }
        }
        for (key, _) in stopped {
            let version = self.next_version();
            if let Some(partition) = self.partitions.get_mut(key).and_then(Option::as_mut) {
                partition.version = version;
            }
            self.queue(key);
        }
    }

    /// Before a partition is fetched under a new leader epoch from a broker that does not notice a
    /// truncated log while fetching: asks where the epoch of the last record ends.
    fn ask_about_epochs(&mut self, broker: BrokerId, metadata: &MetadataSnapshot, now: Instant) {
        for &key in self.keys.values() {
            let Some(partition) = self.partitions.get_mut(key).and_then(Option::as_mut) else {
                continue;
            };
            let source = partition
                .source(metadata, now)
                .filter(|source| source.broker == broker);
            let Some(source) = source.filter(|_| partition.may_fetch()) else {
                continue;
            };
            if partition.fetch_epoch >= 0 && partition.checked_epoch != source.leader_epoch {
                partition.checked_epoch = source.leader_epoch;
                partition.ask(Question::EndOfEpoch {
                    offset: partition.fetch_offset,
                    leader_epoch: partition.fetch_epoch,
                });
            }
        }
    }

    /// Takes the answer to a fetch. `from` is the broker that gave it.
    pub(in super::super) fn handle_fetch(
        &mut self,
        from: BrokerId,
        members: Vec<MemberOfFetch>,
        response: FetchResponse,
        now: Instant,
        mut backoff: impl FnMut(u32) -> Duration,
    ) -> FetchOutcome {
        let mut outcome = FetchOutcome::default();
        let with_records = response
            .responses
            .iter()
            .flat_map(|topic| &topic.partitions)
            .filter(|partition| partition.records.as_ref().is_some_and(|r| !r.is_empty()))
            .count();
        for member in &members {
            if let Some(partition) = self.current(member.ticket) {
                partition.in_flight = false;
                partition.hot = false;
            }
        }
        for topic in response.responses {
            for answer in topic.partitions {
                let number = answer.partition_index;
                let Some(member) = find(&members, &topic.topic, topic.topic_id, number) else {
                    continue;
                };
                let Some(partition) = self.current(member.ticket) else {
                    continue;
                };
                // Stopped meanwhile: what comes now has no place behind the error.
                if !matches!(partition.stage, Stage::Fetching) {
                    continue;
                }
                // A fetch of this version from elsewhere cannot have come in between.
                debug_assert_eq!(partition.fetch_offset, member.offset);
                let source = partition.near_replica;
                match answer.error_code {
                    ErrorCode::NONE => self.take_data(member, answer, with_records, from, now),
                    code => {
                        let fetch = Refusal {
                            from,
                            code,
                            answer: &answer,
                            now,
                        };
                        self.take_refusal(member, &fetch, &mut outcome, &mut backoff);
                    }
                }
                let ticket = member.ticket;
                let partition = self.partition(ticket.key);
                outcome.asks |= partition.is_some_and(|p| matches!(p.stage, Stage::Asking { .. }));
                outcome.moved |= partition.is_some_and(|p| p.near_replica != source);
                self.queue(ticket.key);
            }
        }
        outcome
    }

    /// A fetch was not sent after all, or its session has ended: it is due again.
    pub(in super::super) fn fetch_again(&mut self, members: &[MemberOfFetch]) {
        for member in members {
            if let Some(partition) = self.current(member.ticket) {
                partition.in_flight = false;
            }
        }
    }

    /// A fetch got no answer. Nothing of it is fetched again before `retry_at`; where trying again
    /// does not help, the partitions are stopped.
    pub(in super::super) fn handle_failed_fetch(
        &mut self,
        members: &[MemberOfFetch],
        error: &CallError,
        retry_at: Instant,
    ) {
        for member in members {
            let Some(partition) = self.current(member.ticket) else {
                continue;
            };
            partition.in_flight = false;
            partition.near_replica = None;
            partition.retry_at = Some(retry_at);
            partition.take_failure(error);
            self.queue(member.ticket.key);
        }
    }

    /// No connection to a broker came to be. Where trying again does not help, the partitions that
    /// would be fetched from it are stopped.
    pub(in super::super) fn handle_unreachable(
        &mut self,
        broker: BrokerId,
        error: &CallError,
        metadata: &MetadataSnapshot,
        now: Instant,
    ) {
        let keys: Vec<usize> = self.keys.values().copied().collect();
        for key in keys {
            let Some(partition) = self.partitions.get_mut(key).and_then(Option::as_mut) else {
                continue;
            };
            let source = partition.source(metadata, now);
            if partition.may_fetch() && source.is_some_and(|source| source.broker == broker) {
                partition.take_failure(error);
                self.queue(key);
            }
        }
    }

    fn take_data(
        &mut self,
        member: &MemberOfFetch,
        answer: FetchPartitionData,
        with_records: usize,
        from: BrokerId,
        now: Instant,
    ) {
        let policy = self.settings.out_of_range_reset;
        let near_replica_until = now + self.settings.near_replica_max_age;
        let aborted = match self.settings.isolation {
            IsolationLevel::ReadCommitted => {
                AbortedTransactions::new(answer.aborted_transactions.as_deref().unwrap_or_default())
            }
            IsolationLevel::ReadUncommitted => AbortedTransactions::default(),
        };
        let budget = Arc::clone(&self.budget);
        let Some(partition) = self.current(member.ticket) else {
            return;
        };
        partition.refusals = 0;
        partition.retry_at = None;
        partition.learn_offsets(&answer);

        let diverging = &answer.diverging_epoch;
        if diverging.end_offset.0 >= 0 {
            partition.truncate(diverging.end_offset, diverging.epoch, policy);
            let version = self.next_version();
            if let Some(partition) = self.current(member.ticket) {
                partition.version = version;
            }
            return;
        }
        let preferred = answer.preferred_read_replica;
        if preferred.0 >= 0 && preferred != from {
            partition.near_replica = Some((preferred, near_replica_until));
            partition.hot = true;
        }
        let Some(mut records) = answer.records.filter(|records| !records.is_empty()) else {
            return;
        };
        let scan = scan(&records, partition.fetch_offset, &aborted);
        if scan.next_offset > partition.fetch_offset {
            records.truncate(scan.bytes);
            // A small answer keeps a receive buffer that is larger.
            let buffer = RECEIVE_BUFFER_MIN / with_records.max(1);
            let charge = budget.charge(records.len().max(buffer));
            partition.waiting_bytes += charge.bytes();
            partition.parcels.push_back(Parcel::Records(FetchedRecords {
                topic_partition: partition.name.clone(),
                records,
                start_offset: partition.fetch_offset,
                next_offset: scan.next_offset,
                leader_epoch: scan.leader_epoch,
                high_watermark: answer.high_watermark,
                last_stable_offset: answer.last_stable_offset,
                log_start_offset: answer.log_start_offset,
                aborted,
                charge,
            }));
            partition.fetch_offset = scan.next_offset;
            partition.fetch_epoch = scan.leader_epoch;
            partition.hot = true;
        }
        if let Some(error) = scan.fault {
            let corrupt = CorruptBatch {
                topic_partition: partition.name.clone(),
                offset: partition.fetch_offset,
                next_offset: None,
                error,
            };
            partition.stop(ConsumeError::CorruptBatch(corrupt));
        }
    }

    fn take_refusal(
        &mut self,
        member: &MemberOfFetch,
        refusal: &Refusal<'_>,
        outcome: &mut FetchOutcome,
        backoff: &mut impl FnMut(u32) -> Duration,
    ) {
        let policy = self.settings.out_of_range_reset;
        let Some(partition) = self.current(member.ticket) else {
            return;
        };
        let Refusal {
            from,
            code,
            answer,
            now,
        } = *refusal;
        tracing::debug!(partition = %partition.name, code = code.name(), "fetch refused");
        let from_replica = partition
            .near_replica
            .take()
            .is_some_and(|(near, _)| near == from);
        if code == ErrorCode::OFFSET_OUT_OF_RANGE {
            if !from_replica {
                partition.learn_offsets(answer);
                let range = Some((answer.log_start_offset, answer.high_watermark))
                    .filter(|(start, end)| start.0 >= 0 && end.0 >= 0);
                let (topic_partition, offset) = (partition.name.clone(), partition.fetch_offset);
                let error = ConsumeError::OffsetOutOfRange {
                    topic_partition,
                    offset,
                    range,
                };
                partition.reset_to(policy, error);
            }
            // A replica may be behind, or keep less: its leader decides.
            return;
        }
        let leader = &answer.current_leader;
        if leader.leader_id.0 >= 0 && leader.leader_epoch >= 0 {
            let leader = Leader {
                broker: leader.leader_id,
                leader_epoch: leader.leader_epoch,
            };
            outcome.leaders.push((partition.name.clone(), leader));
        }
        // A topic created anew is noticed with the next metadata.
        let unknown_topic = matches!(
            code,
            ErrorCode::UNKNOWN_TOPIC_ID
                | ErrorCode::INCONSISTENT_TOPIC_ID
                | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        );
        let tried = partition.refusals;
        let gives_up = code == ErrorCode::CORRUPT_MESSAGE && tried + 1 >= ATTEMPTS_MAX;
        if (unknown_topic || passes(code)) && !gives_up {
            outcome.refresh_metadata |= unknown_topic || code.refreshes_metadata();
            partition.retry_at = Some(now + backoff(partition.refusals));
            partition.refusals = partition.refusals.saturating_add(1);
            return;
        }
        let topic_partition = partition.name.clone();
        let subject = match code {
            ErrorCode::CORRUPT_MESSAGE => {
                format!("{topic_partition} at offset {}", partition.fetch_offset)
            }
            _ => topic_partition.to_string(),
        };
        let error = CallError::refused(ApiKey::Fetch, subject, code, None);
        partition.stop(ConsumeError::Partition {
            topic_partition,
            error,
        });
    }
}

#[derive(Clone, Copy)]
struct Refusal<'a> {
    from: BrokerId,
    code: ErrorCode,
    answer: &'a FetchPartitionData,
    now: Instant,
}

impl Partition {
    /// The broker to fetch from, as far as is known.
    fn source(&self, metadata: &MetadataSnapshot, now: Instant) -> Option<Leader> {
        let leader = metadata
            .leader(&self.name.topic, self.name.partition)
            .ok()?;
        match self.near_replica {
            Some((replica, until)) if now < until && metadata.broker(replica).is_some() => {
                Some(Leader {
                    broker: replica,
                    ..leader
                })
            }
            _ => Some(leader),
        }
    }

    /// Stops if trying again does not help. A connection that spoke nonsense is opened again first:
    /// another one may do better.
    fn take_failure(&mut self, error: &CallError) {
        self.refusals = self.refusals.saturating_add(1);
        let helps = match error {
            CallError::Closed => true,
            CallError::Connect { .. } | CallError::Disconnected { .. } => {
                self.refusals < ATTEMPTS_MAX
            }
            CallError::Refused { code, .. } => passes(*code),
            _ => false,
        };
        if !helps && error.disposition() == Disposition::Fatal {
            self.stop_by(error);
        }
    }

    fn learn_offsets(&mut self, answer: &FetchPartitionData) {
        let known = |offset: Offset| Some(offset).filter(|offset| offset.0 >= 0);
        self.high_watermark = known(answer.high_watermark).or(self.high_watermark);
        self.last_stable_offset = known(answer.last_stable_offset).or(self.last_stable_offset);
        self.log_start_offset = known(answer.log_start_offset).or(self.log_start_offset);
    }

    /// The log is not what was read any more from `end_offset` on. What waits may be of the old one.
    pub(super) fn truncate(&mut self, end_offset: Offset, leader_epoch: i32, policy: OffsetReset) {
        self.parcels.clear();
        self.waiting_bytes = 0;
        let position = self.position.unwrap_or(self.fetch_offset);
        if position <= end_offset {
            // Nothing of it was delivered: fetch it again.
            self.place(position, self.position_epoch);
            return;
        }
        let topic_partition = self.name.clone();
        if policy == OffsetReset::None {
            self.stop(ConsumeError::LogTruncated {
                topic_partition,
                offset: position,
                diverges_at: end_offset,
            });
        } else {
            tracing::warn!(
                partition = %topic_partition, %position, diverges_at = %end_offset,
                "the brokers lost records that were read; going on where the log differs"
            );
            self.place(end_offset, leader_epoch);
        }
    }
}

/// Whether a refusal may be gone when it is asked again. What went wrong in a broker is, as Java's
/// consumer has it.
fn passes(code: ErrorCode) -> bool {
    code == ErrorCode::UNKNOWN_SERVER_ERROR || Disposition::of(code) == Disposition::Retry
}

/// Leaves every second partition with data for another lane.
fn leave_half(candidates: &mut Vec<Candidate>) {
    let hot = candidates.iter().filter(|candidate| candidate.hot).count();
    if hot < 2 {
        return;
    }
    let mut seen = 0;
    candidates.retain(|candidate| {
        seen += usize::from(candidate.hot);
        !candidate.hot || seen % 2 == 1
    });
}

fn find<'m>(
    members: &'m [MemberOfFetch],
    topic: &str,
    topic_id: Uuid,
    partition: PartitionId,
) -> Option<&'m MemberOfFetch> {
    if topic_id == Uuid::ZERO {
        let key = |member: &MemberOfFetch| {
            (&*member.name.topic, member.name.partition).cmp(&(topic, partition))
        };
        return members
            .binary_search_by(key)
            .ok()
            .and_then(|index| members.get(index));
    }
    // Members are in the order of names, so one topic's are together and in order.
    let first = members
        .iter()
        .position(|member| member.topic_id == topic_id)?;
    let of_topic = members.get(first..)?;
    let index = of_topic
        .partition_point(|member| member.topic_id == topic_id && member.name.partition < partition);
    of_topic
        .get(index)
        .filter(|m| m.topic_id == topic_id && m.name.partition == partition)
}
