//! The open batches of a producer: records go in, whole batches come out.
//!
//! Owned by the handle, and lent to the sender, under a lock, when a batch has lingered long enough
//! while its owner does something else. Times are arguments.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hashbrown::HashMap;
use thalweg_protocol::PartitionId;
use thalweg_protocol::records::{
    AppendError, Compression, Compressor, RecordBatchBuilder, UnsealedBatch,
};
use tokio::time::Instant;

use crate::TopicPartition;
use crate::cluster::{MetadataSnapshot, TopicMetadata};
use crate::rng::Rng;

use super::budget::{Budget, Reservation};
use super::completion::{Completion, Ring, Settle, Ticket};
use super::error::{ProduceError, SendError, UnsentBatch};
use super::partitioner::{Partitioning, Sticky, partition_for_key};
use super::record::ProducerRecord;

/// What is reserved when a batch is opened, and each time it outgrows what was.
const RESERVATION_BYTES: usize = 16 << 10;

/// What an accumulator is told when it is made.
#[derive(Debug, Clone)]
pub(super) struct AccumulatorOptions {
    pub(super) linger: Duration,
    /// A batch is closed before it grows beyond this, uncompressed.
    pub(super) batch_bytes: usize,
    /// No record may make a batch larger than this.
    pub(super) request_bytes_max: usize,
    pub(super) delivery_timeout: Duration,
    pub(super) compression: Compression,
    pub(super) partitioning: Partitioning,
    pub(super) tickets_kept: usize,
}

/// A batch to be handed to the sender.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) topic_partition: TopicPartition,
    pub(super) batch: UnsealedBatch,
    pub(super) settle: Settle,
    pub(super) deadline: Instant,
}

/// What appending a record brought about.
#[derive(Debug)]
pub(super) struct Appended {
    pub(super) ticket: Ticket,
    /// A batch was opened for it, which is due then.
    pub(super) opened: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Accumulator {
    options: AccumulatorOptions,
    topics: Vec<Topic>,
    by_name: HashMap<Arc<str>, usize, foldhash::fast::FixedState>,
    /// Where the last record went; the next one probably goes there as well.
    last_topic: usize,
    /// Open batches in the order of opening, which is the order of being due. May name batches that
    /// are closed already.
    opened: VecDeque<Opened>,
    compressor: Compressor,
    budget: Arc<Budget>,
    ring: Ring,
    rng: Rng,
    /// Closed batches that the caller has not taken yet.
    closed: VecDeque<Closed>,
}

#[derive(Debug)]
struct Topic {
    name: Arc<str>,
    slots: Vec<Slot>,
    sticky: Sticky,
}

#[derive(Debug)]
struct Slot {
    topic_partition: TopicPartition,
    has_leader: bool,
    /// Batches handed over and not settled.
    under_way: Arc<AtomicU32>,
    builder: RecordBatchBuilder,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    completion: Arc<Completion>,
    reservation: Reservation,
    deadline: Instant,
}

#[derive(Debug)]
struct Opened {
    topic: usize,
    partition: usize,
    number: u64,
    due: Instant,
}

impl Accumulator {
    pub(super) fn new(options: AccumulatorOptions, budget: Arc<Budget>, rng: Rng) -> Self {
        let ring = Ring::new(options.tickets_kept);
        Accumulator {
            options,
            topics: Vec::new(),
            by_name: HashMap::default(),
            last_topic: 0,
            opened: VecDeque::new(),
            compressor: Compressor::new(),
            budget,
            ring,
            rng,
            closed: VecDeque::new(),
        }
    }

    pub(super) fn ring(&mut self) -> &mut Ring {
        &mut self.ring
    }

    pub(super) fn knows(&self, topic: &str) -> bool {
        self.by_name.contains_key(topic)
    }

    /// Takes in what is known about a topic: at first, and whenever it changed.
    pub(super) fn handle_metadata(&mut self, metadata: &TopicMetadata) {
        let index = match self.by_name.get(metadata.name()) {
            Some(&index) => index,
            None => {
                let name = Arc::clone(metadata.name());
                self.by_name.insert(Arc::clone(&name), self.topics.len());
                self.topics.push(Topic {
                    name,
                    slots: Vec::new(),
                    sticky: Sticky::new(),
                });
                self.topics.len() - 1
            }
        };
        let Some(topic) = self.topics.get_mut(index) else {
            return;
        };
        for partition in metadata.partitions() {
            let known = usize::try_from(partition.partition.0)
                .ok()
                .and_then(|number| topic.slots.get_mut(number));
            match known {
                Some(slot) => slot.has_leader = partition.leader.is_some(),
                // Partitions are never taken away from a topic; when it was made anew with fewer,
                // the batches for those that are gone will say so.
                None => topic.slots.push(Slot {
                    topic_partition: TopicPartition {
                        topic: Arc::clone(&topic.name),
                        partition: partition.partition,
                    },
                    has_leader: partition.leader.is_some(),
                    under_way: Arc::default(),
                    builder: RecordBatchBuilder::new(self.options.compression)
                        .with_batch_bytes_max(self.options.request_bytes_max),
                    open: None,
                }),
            }
        }
    }

    /// Takes in what is known about the topics in use.
    pub(super) fn handle_snapshot(&mut self, snapshot: &MetadataSnapshot) {
        let known: Vec<_> = self
            .topics
            .iter()
            .filter_map(|topic| snapshot.topic(&topic.name))
            .collect();
        for metadata in known {
            self.handle_metadata(metadata);
        }
    }

    /// Puts a record into the open batch of its partition. Closes batches that are full.
    ///
    /// Whatever comes of it, the caller takes [`Accumulator::take_closed`] afterwards.
    pub(super) fn append(
        &mut self,
        now: impl FnOnce() -> Instant,
        timestamp_ms: i64,
        record: &ProducerRecord<'_>,
    ) -> Result<Appended, SendError> {
        let topic_index = self.topic_index(record.topic)?;
        let Some(topic) = self.topics.get_mut(topic_index) else {
            return Err(SendError::TopicNotPrepared {
                topic: record.topic.into(),
            });
        };
        let partition = topic.partition_of(record, self.options.partitioning, &mut self.rng)?;
        let record_bytes =
            RecordBatchBuilder::record_len_max(record.key, record.value, record.headers);
        let Some(slot) = topic.slots.get_mut(partition) else {
            return Err(topic.no_such_partition(PartitionId(partition as i32)));
        };
        if slot.open.is_some()
            && slot.builder.encoded_len() + record_bytes > self.options.batch_bytes
        {
            self.close(topic_index, partition);
            // A record without a key goes where the next batch goes.
            if record.partition.is_none() && self.is_sticky(record) {
                self.switch_sticky(topic_index);
                return self.append(now, timestamp_ms, record);
            }
        }
        self.append_to(
            now,
            topic_index,
            partition,
            record_bytes,
            timestamp_ms,
            record,
        )
    }

    #[inline]
    fn append_to(
        &mut self,
        now: impl FnOnce() -> Instant,
        topic_index: usize,
        partition: usize,
        record_bytes: usize,
        timestamp_ms: i64,
        record: &ProducerRecord<'_>,
    ) -> Result<Appended, SendError> {
        let topic = self.topics.get_mut(topic_index);
        let Some(slot) = topic.and_then(|topic| topic.slots.get_mut(partition)) else {
            return Err(SendError::TopicNotPrepared {
                topic: record.topic.into(),
            });
        };
        let wanted = slot.builder.encoded_len() + record_bytes;
        let room = match &mut slot.open {
            Some(open) if open.reservation.bytes() >= wanted => None,
            Some(open) => {
                let more = (wanted - open.reservation.bytes()).max(RESERVATION_BYTES);
                Some(open.reservation.try_grow(more))
            }
            None => Some(self.budget.has_room(wanted.max(RESERVATION_BYTES))),
        };
        if room == Some(false) {
            // What is open may be all there is: hand it over, so that room is made.
            self.close_all();
            return Err(SendError::Full {
                buffer_bytes: self.budget.bytes_max(),
            });
        }
        slot.builder
            .append(timestamp_ms, record.key, record.value, record.headers)
            .map_err(|error| refused(record, error))?;
        let index = slot.builder.record_count() as u32 - 1;
        let (number, opened) = match &slot.open {
            Some(open) => (open.number, None),
            None => {
                let Some(reservation) = self.budget.try_reserve(wanted.max(RESERVATION_BYTES))
                else {
                    // Only this accumulator reserves, so the room seen above is still there; were it
                    // not, the record is taken back.
                    slot.builder.clear();
                    return Err(SendError::Full {
                        buffer_bytes: self.budget.bytes_max(),
                    });
                };
                let completion = Completion::new(slot.topic_partition.clone());
                let number = self.ring.push(Arc::clone(&completion));
                let now = now();
                let due = now + self.options.linger;
                let deadline = now + self.options.delivery_timeout;
                slot.open = Some(Open {
                    number,
                    completion,
                    reservation,
                    deadline,
                });
                self.opened.push_back(Opened {
                    topic: topic_index,
                    partition,
                    number,
                    due,
                });
                (number, Some(due))
            }
        };
        if record.partition.is_none() && self.is_sticky(record) {
            let share = self.options.batch_bytes;
            if let Some(topic) = self.topics.get_mut(topic_index) {
                // Full batches switch as they are closed; this is for those closed by lingering.
                if topic.sticky.count(record_bytes, share.saturating_mul(2)) {
                    self.switch_sticky(topic_index);
                }
            }
        }
        Ok(Appended {
            ticket: Ticket {
                batch: number,
                index,
            },
            opened,
        })
    }

    /// Takes in a batch that was made elsewhere. Gives it back when there is no room for it.
    pub(super) fn push_batch(
        &mut self,
        now: Instant,
        topic_partition: &TopicPartition,
        batch: UnsealedBatch,
    ) -> Result<Ticket, UnsentBatch> {
        let Some(reservation) = self.budget.try_reserve(batch.encoded_len()) else {
            self.close_all();
            let buffer_bytes = self.budget.bytes_max();
            return Err(UnsentBatch::new(SendError::Full { buffer_bytes }, batch));
        };
        let completion = Completion::new(topic_partition.clone());
        let number = self.ring.push(Arc::clone(&completion));
        let topic = self.by_name.get(&topic_partition.topic).copied();
        let partition = usize::try_from(topic_partition.partition.0).ok();
        if let (Some(topic), Some(partition)) = (topic, partition) {
            // What was sent before to the same partition stays before it.
            self.close(topic, partition);
        }
        self.closed.push_back(Closed {
            topic_partition: topic_partition.clone(),
            batch,
            settle: Settle::new(completion, reservation, Arc::default()),
            deadline: now + self.options.delivery_timeout,
        });
        Ok(Ticket {
            batch: number,
            index: 0,
        })
    }

    /// Closes the batches that are due, of partitions that `has_room` accepts more batches for.
    /// Returns when the next one is due.
    pub(super) fn close_due(
        &mut self,
        now: Instant,
        has_room: impl Fn(&TopicPartition) -> bool,
    ) -> Option<Instant> {
        let mut waiting = VecDeque::new();
        while let Some(opened) = self.opened.front() {
            let slot = self
                .topics
                .get(opened.topic)
                .and_then(|t| t.slots.get(opened.partition));
            let Some(slot) = slot.filter(|slot| slot.is_open_as(opened.number)) else {
                self.opened.pop_front();
                continue;
            };
            if opened.due > now {
                break;
            }
            let has_room = has_room(&slot.topic_partition);
            let Some(opened) = self.opened.pop_front() else {
                break;
            };
            if has_room {
                self.close(opened.topic, opened.partition);
            } else {
                // Requests enough are in flight: until one is answered, the batch may grow.
                waiting.push_back(opened);
            }
        }
        let due = self.opened.front().map(|opened| opened.due);
        while let Some(opened) = waiting.pop_back() {
            self.opened.push_front(opened);
        }
        due
    }

    /// Closes all open batches.
    pub(super) fn close_all(&mut self) {
        while let Some(Opened {
            topic,
            partition,
            number,
            ..
        }) = self.opened.pop_front()
        {
            let slot = self
                .topics
                .get(topic)
                .and_then(|topic| topic.slots.get(partition));
            if slot.is_some_and(|slot| slot.is_open_as(number)) {
                self.close(topic, partition);
            }
        }
    }

    /// Drops all open batches: the transaction they belong to is aborted.
    pub(super) fn discard_all(&mut self) {
        while let Some(Opened {
            topic,
            partition,
            number,
            ..
        }) = self.opened.pop_front()
        {
            let slot = self
                .topics
                .get_mut(topic)
                .and_then(|topic| topic.slots.get_mut(partition));
            let Some(slot) = slot.filter(|slot| slot.is_open_as(number)) else {
                continue;
            };
            slot.builder.clear();
            let Some(open) = slot.open.take() else {
                continue;
            };
            let settle = Settle::new(open.completion, open.reservation, Arc::default());
            settle.failed(ProduceError::Aborted {
                topic_partition: slot.topic_partition.clone(),
                cause: "its owner aborted it".into(),
            });
        }
    }

    /// The next closed batch.
    #[inline]
    pub(super) fn take_closed(&mut self) -> Option<Closed> {
        self.closed.pop_front()
    }

    fn topic_index(&mut self, name: &str) -> Result<usize, SendError> {
        if self
            .topics
            .get(self.last_topic)
            .is_some_and(|topic| *topic.name == *name)
        {
            return Ok(self.last_topic);
        }
        match self.by_name.get(name) {
            Some(&index) => {
                self.last_topic = index;
                Ok(index)
            }
            None => Err(SendError::TopicNotPrepared { topic: name.into() }),
        }
    }

    fn is_sticky(&self, record: &ProducerRecord<'_>) -> bool {
        record.key.is_none() || self.options.partitioning == Partitioning::Sticky
    }

    fn switch_sticky(&mut self, topic: usize) {
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.switch_sticky(&mut self.rng);
        }
    }

    fn close(&mut self, topic: usize, partition: usize) {
        let topic = self.topics.get_mut(topic);
        let Some(slot) = topic.and_then(|topic| topic.slots.get_mut(partition)) else {
            return;
        };
        let Some(open) = slot.open.take() else { return };
        let Open {
            completion,
            mut reservation,
            deadline,
            ..
        } = open;
        let batch = slot.builder.build(&mut self.compressor);
        reservation.shrink_to(batch.encoded_len());
        self.closed.push_back(Closed {
            topic_partition: slot.topic_partition.clone(),
            batch,
            settle: Settle::new(completion, reservation, Arc::clone(&slot.under_way)),
            deadline,
        });
    }
}

impl Topic {
    fn partition_of(
        &mut self,
        record: &ProducerRecord<'_>,
        partitioning: Partitioning,
        rng: &mut Rng,
    ) -> Result<usize, SendError> {
        if let Some(partition) = record.partition {
            let known = usize::try_from(partition.0)
                .ok()
                .filter(|&n| n < self.slots.len());
            return known.ok_or_else(|| self.no_such_partition(partition));
        }
        let chosen = match record.key {
            Some(key) if partitioning == Partitioning::KeyHash => {
                partition_for_key(key, self.slots.len())
                    .and_then(|partition| usize::try_from(partition.0).ok())
            }
            _ => match self.sticky.current() {
                Some(current) => Some(current),
                None => self.switch_sticky(rng),
            },
        };
        chosen.ok_or_else(|| self.no_such_partition(PartitionId(0)))
    }

    fn switch_sticky(&mut self, rng: &mut Rng) -> Option<usize> {
        let queues = self.slots.iter().map(|slot| {
            slot.has_leader
                .then(|| slot.under_way.load(Ordering::Relaxed))
        });
        self.sticky.switch(rng, queues)
    }

    fn no_such_partition(&self, partition: PartitionId) -> SendError {
        SendError::NoSuchPartition {
            topic_partition: TopicPartition {
                topic: Arc::clone(&self.name),
                partition,
            },
            partitions: self.slots.len(),
        }
    }
}

impl Slot {
    fn is_open_as(&self, number: u64) -> bool {
        self.open.as_ref().is_some_and(|open| open.number == number)
    }
}

#[cold]
fn refused(record: &ProducerRecord<'_>, error: AppendError) -> SendError {
    let topic = record.topic.into();
    match error {
        AppendError::RecordTooLarge {
            batch_bytes,
            batch_bytes_max,
        } => SendError::RecordTooLarge {
            topic,
            record_bytes: batch_bytes,
            request_bytes_max: batch_bytes_max,
        },
        other => SendError::Unencodable {
            topic,
            reason: other.to_string().into(),
        },
    }
}
