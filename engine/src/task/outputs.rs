//! Open record batches per (topic, partition): where tasks write, and what a worker drains.
//!
//! One per worker, shared by its tasks. A record is encoded once, into the batch that goes on the
//! wire. A batch that is full is compressed and queued; the rest is when the worker says so. On an
//! abort everything not yet taken is dropped.

use std::collections::VecDeque;
use std::sync::Arc;

use thalweg_protocol::PartitionId;
use thalweg_protocol::murmur2;
use thalweg_protocol::records::{self, Compression, Compressor, RecordBatchBuilder, UnsealedBatch};

use super::OutputId;
use super::acceptance::{Acceptance, RefusedRecord, TopicLimits};

/// How large batches get, and how they are compressed.
#[derive(Debug, Clone)]
pub(crate) struct OutputLimits {
    /// A batch is closed when it would grow beyond this (uncompressed). Kafka's `batch.size`.
    pub(crate) batch_bytes: usize,
    /// A record that would make a larger batch than this alone is refused, unless the topic's
    /// `max.message.bytes` is known.
    pub(crate) record_bytes_max: usize,
    /// For all topics.
    pub(crate) compression: Compression,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            batch_bytes: 256 * 1024,
            record_bytes_max: 1_048_588,
            compression: Compression::None,
        }
    }
}

/// A topic to write to, with its number of partitions as the cluster has it now.
#[derive(Debug, Clone)]
pub(crate) struct OutputTopicPartitions {
    pub(crate) topic: Arc<str>,
    pub(crate) partitions: u32,
}

/// A batch ready to be sealed and sent.
#[derive(Debug)]
pub(crate) struct ReadyBatch {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: PartitionId,
    pub(crate) batch: UnsealedBatch,
}

/// Why a record was not appended. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Larger than any batch may be.
    #[error(
        "the record makes a batch of {bytes} bytes, more than the {bytes_max} the topic takes: \
         raise its max.message.bytes, or write less"
    )]
    TooLarge {
        /// What a batch of it alone takes.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Kafka has no timestamps before 1970.
    #[error("the timestamp {0} is before 1970: set another (`timestamp` of the sink)")]
    Timestamp(i64),
    /// The topic takes no timestamps that far from now.
    #[error(
        "the topic takes timestamps from {earliest} to {latest} now, not {timestamp}: set another \
         (`timestamp` of the sink), or raise its message.timestamp.before.max.ms or \
         message.timestamp.after.max.ms"
    )]
    TimestampOutside {
        /// The record's, ms since 1970.
        timestamp: i64,
        /// The earliest the topic takes at the moment.
        earliest: i64,
        /// The latest.
        latest: i64,
    },
    /// The topic is compacted.
    #[error(
        "the topic is compacted and takes no record without a key: set one (`key` of the sink), \
         or change the topic's cleanup.policy"
    )]
    KeyMissing,
    /// The broker refused this record before.
    #[error("the broker refused it: {said}; {advice}")]
    Broker {
        /// The broker's answer.
        said: String,
        /// What to do.
        advice: &'static str,
    },
    /// The topic has no such partition.
    #[error("the topic has {partitions} partitions, there is no partition {partition}")]
    NoSuchPartition {
        /// The partition asked for.
        partition: PartitionId,
        /// How many the topic has.
        partitions: u32,
    },
    /// The batch builder refuses it for another reason.
    #[error("{0}")]
    Refused(String),
}

struct TopicOutputs {
    topic: Arc<str>,
    open: Vec<Option<RecordBatchBuilder>>,
    /// The partition keyless records go to until its batch is full.
    sticky: usize,
    /// `max.message.bytes`, or what stands for it.
    record_bytes_max: usize,
    /// What else is known to be refused by the topic's broker; mostly nothing.
    acceptance: Option<Box<Acceptance>>,
}

impl TopicOutputs {
    fn set_record_bytes_max(&mut self, bytes: usize) {
        self.record_bytes_max = bytes;
        // Builders have the limit they were made with.
        self.open.iter_mut().for_each(|builder| *builder = None);
    }
}

/// That a broker refused records, as far as what is written next has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: PartitionId,
    pub(crate) reason: RefusedFor,
    /// The broker's answer.
    pub(crate) said: String,
    /// What to do about it.
    pub(crate) advice: &'static str,
    /// The records; empty when the broker did not say which.
    pub(crate) records: Vec<RefusedRecord>,
    /// How the topic is configured now, if that can be read.
    pub(crate) limits: Option<TopicLimits>,
}

/// What about a record is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusedFor {
    /// It makes a batch of that many bytes.
    Size {
        batch_bytes: usize,
    },
    Timestamp,
    /// Something else: a key is missing, say.
    Record,
}

/// See the module.
pub(crate) struct Outputs {
    topics: Vec<TopicOutputs>,
    ready: VecDeque<ReadyBatch>,
    compressor: Compressor,
    limits: OutputLimits,
    /// Records and (uncompressed) bytes appended since the last `take_appended` or `clear`.
    appended: Appended,
}

/// How much was appended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

impl Outputs {
    /// `topics` in the order of `Topology::outputs`.
    pub(crate) fn new(topics: Vec<OutputTopicPartitions>, limits: OutputLimits) -> Self {
        let topics = topics
            .into_iter()
            .map(|topic| TopicOutputs {
                topic: topic.topic,
                open: (0..topic.partitions).map(|_| None).collect(),
                sticky: 0,
                record_bytes_max: limits.record_bytes_max,
                acceptance: None,
            })
            .collect();
        Self {
            topics,
            ready: VecDeque::new(),
            compressor: Compressor::default(),
            limits,
            appended: Appended::default(),
        }
    }

    /// Says how a topic is configured.
    pub(crate) fn limit(&mut self, topic: &str, limits: &TopicLimits) {
        for found in self
            .topics
            .iter_mut()
            .filter(|found| *found.topic == *topic)
        {
            found.acceptance = Acceptance::of(limits);
            if let Some(bytes) = limits.batch_bytes_max {
                found.set_record_bytes_max(bytes);
            }
        }
    }

    /// The broker refused records of a topic: they are not to be written again. Nothing is open.
    pub(crate) fn refuse(&mut self, refusal: &Refusal, now_ms: i64) {
        let topics = self.topics.iter_mut();
        for found in topics.filter(|found| found.topic == refusal.topic) {
            let known = refusal.limits.unwrap_or_default();
            if let RefusedFor::Size { batch_bytes } = refusal.reason {
                let just_below = batch_bytes.saturating_sub(1).min(found.record_bytes_max);
                found.set_record_bytes_max(known.batch_bytes_max.unwrap_or(just_below));
                // Whatever the configuration says: this size is refused.
                if found.record_bytes_max >= batch_bytes {
                    found.set_record_bytes_max(just_below);
                }
                continue;
            }
            let acceptance = found.acceptance.get_or_insert_default();
            if refusal.reason == RefusedFor::Timestamp {
                acceptance.look_at_timestamps(&known, now_ms);
            }
            acceptance.remember(&refusal.records, &refusal.said, refusal.advice);
        }
    }

    /// Time has passed.
    pub(crate) fn tell_time(&mut self, now_ms: i64) {
        for acceptance in self.topics.iter_mut().filter_map(|t| t.acceptance.as_mut()) {
            acceptance.tell_time(now_ms);
        }
    }

    /// Forgets single records that were refused: they are passed.
    pub(crate) fn forget_refused(&mut self) {
        for acceptance in self.topics.iter_mut().filter_map(|t| t.acceptance.as_mut()) {
            acceptance.forget_records();
        }
    }

    /// Appends one record. Without a partition the key decides as in Java's default partitioner
    /// (murmur2); a record without a key goes where the last one went, and elsewhere with each
    /// full batch.
    pub(crate) fn append(
        &mut self,
        output: OutputId,
        partition: Option<PartitionId>,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Result<(), AppendError> {
        let topic = self
            .topics
            .get_mut(output.0 as usize)
            .expect("outputs are made from the topology that numbered them");
        let partitions = topic.open.len() as u32;
        let index = match (partition, key) {
            (Some(partition), _) => usize::try_from(partition.0).unwrap_or(usize::MAX),
            (None, Some(key)) => partition_of(key, partitions).0 as usize,
            (None, None) => topic.sticky,
        };
        let Some(slot) = topic.open.get_mut(index) else {
            let partition = partition.unwrap_or(PartitionId(index as i32));
            return Err(AppendError::NoSuchPartition {
                partition,
                partitions,
            });
        };
        if let Some(acceptance) = &topic.acceptance {
            acceptance.check(timestamp, key, value, headers)?;
        }
        let bytes = RecordBatchBuilder::record_len_max(key, value, headers);
        let builder = slot.get_or_insert_with(|| {
            RecordBatchBuilder::new(self.limits.compression)
                .with_batch_bytes_max(topic.record_bytes_max)
        });
        let batch_bytes = self.limits.batch_bytes.min(topic.record_bytes_max);
        if !builder.is_empty() && builder.encoded_len() + bytes > batch_bytes {
            self.ready.push_back(ReadyBatch {
                topic: Arc::clone(&topic.topic),
                partition: PartitionId(index as i32),
                batch: builder.build(&mut self.compressor),
            });
            if key.is_none() && partition.is_none() {
                // The record at hand goes with the batch that is begun now.
                topic.sticky = (index + 1) % topic.open.len();
                return self.append(output, partition, timestamp, key, value, headers);
            }
        }
        builder
            .append(timestamp, key, value, headers)
            .map_err(append_error)?;
        self.appended.records += 1;
        self.appended.bytes += bytes as u64;
        Ok(())
    }

    /// A batch that is full, in the order they filled up.
    pub(crate) fn next_ready(&mut self) -> Option<ReadyBatch> {
        self.ready.pop_front()
    }

    /// Closes all open batches, so that [`next_ready`](Self::next_ready) gives everything.
    pub(crate) fn close_all(&mut self) {
        for topic in &mut self.topics {
            for (index, builder) in topic.open.iter_mut().enumerate() {
                let Some(builder) = builder.as_mut().filter(|builder| !builder.is_empty()) else {
                    continue;
                };
                self.ready.push_back(ReadyBatch {
                    topic: Arc::clone(&topic.topic),
                    partition: PartitionId(index as i32),
                    batch: builder.build(&mut self.compressor),
                });
            }
        }
    }

    /// Drops everything that was not taken: for an abort.
    pub(crate) fn clear(&mut self) {
        self.ready.clear();
        for topic in &mut self.topics {
            topic
                .open
                .iter_mut()
                .flatten()
                .for_each(RecordBatchBuilder::clear);
        }
        self.appended = Appended::default();
    }

    /// How much was appended since this was last asked or everything was cleared.
    pub(crate) fn take_appended(&mut self) -> Appended {
        std::mem::take(&mut self.appended)
    }

    /// The name of an output topic.
    pub(crate) fn topic(&self, output: OutputId) -> Arc<str> {
        self.topics
            .get(output.0 as usize)
            .map_or_else(|| "".into(), |topic| topic.topic.clone())
    }

    /// How many partitions an output topic has.
    pub(crate) fn partitions(&self, output: OutputId) -> u32 {
        self.topics
            .get(output.0 as usize)
            .map_or(0, |topic| topic.open.len() as u32)
    }
}

/// The partition Java's default partitioner gives a key.
pub(crate) fn partition_of(key: &[u8], partitions: u32) -> PartitionId {
    let hash = murmur2(key) & 0x7fff_ffff;
    PartitionId(
        hash.checked_rem(partitions)
            .map_or(-1, |partition| partition as i32),
    )
}

fn append_error(error: records::AppendError) -> AppendError {
    match error {
        records::AppendError::RecordTooLarge {
            batch_bytes,
            batch_bytes_max,
        } => AppendError::TooLarge {
            bytes: batch_bytes,
            bytes_max: batch_bytes_max,
        },
        records::AppendError::Timestamp { timestamp } => AppendError::Timestamp(timestamp),
        other => AppendError::Refused(other.to_string()),
    }
}
