//! What can go wrong while consuming.

use std::fmt;
use std::sync::Arc;

use thalweg_protocol::records::RecordError;
use thalweg_protocol::{Offset, Uuid};

use crate::error::{CallError, Disposition};
use crate::group::GroupError;
use crate::topic_partition::TopicPartition;

/// Why [`Consumer::recv`](super::Consumer::recv) has something else to say than records.
///
/// An error about a partition stops that partition alone: it stays where it was, the others go on,
/// and [`Consumer::seek`](super::Consumer::seek) starts it again.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ConsumeError {
    /// The position is outside of what the partition holds, and the consumer was told not to choose
    /// another by itself.
    OffsetOutOfRange {
        /// The partition.
        topic_partition: TopicPartition,
        /// The position.
        offset: Offset,
        /// First offset and high watermark of the partition, where the broker told.
        range: Option<(Offset, Offset)>,
    },
    /// The group has no committed offset for the partition, and the consumer was told not to choose
    /// a position by itself.
    NoCommittedOffset {
        /// The partition.
        topic_partition: TopicPartition,
        /// The group.
        group_id: Arc<str>,
    },
    /// Records the consumer had read were lost by the brokers: the partition's new leader has other
    /// ones in their place (KIP-320).
    LogTruncated {
        /// The partition.
        topic_partition: TopicPartition,
        /// The position before.
        offset: Offset,
        /// The first offset at which the log is not what was read any more.
        diverges_at: Offset,
    },
    /// What was fetched cannot be read.
    CorruptBatch(CorruptBatch),
    /// The topic was deleted and another one created in its place.
    TopicRecreated {
        /// The partition.
        topic_partition: TopicPartition,
        /// The id of the topic the consumer was reading.
        was: Uuid,
        /// The id of the topic that has this name now.
        is: Uuid,
    },
    /// The broker refuses to serve the partition, or does not know it.
    Partition {
        /// The partition.
        topic_partition: TopicPartition,
        /// Why.
        error: CallError,
    },
    /// A topic subscribed to does not exist, or may not be read. The consumer keeps asking for it.
    Subscription {
        /// The topic.
        topic: Arc<str>,
        /// Why it cannot be read.
        error: CallError,
    },
    /// The consumer cannot be a member of its group. It has no partitions, and does not try again
    /// until [`Consumer::subscribe`](super::Consumer::subscribe) is called.
    Group(GroupError),
    /// The client is closed, or the runtime its tasks ran on is.
    Closed,
}

impl ConsumeError {
    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            ConsumeError::Partition { error, .. } | ConsumeError::Subscription { error, .. } => {
                error.disposition()
            }
            ConsumeError::Group(error) => error.disposition(),
            ConsumeError::OffsetOutOfRange { .. }
            | ConsumeError::NoCommittedOffset { .. }
            | ConsumeError::LogTruncated { .. }
            | ConsumeError::CorruptBatch(_)
            | ConsumeError::TopicRecreated { .. }
            | ConsumeError::Closed => Disposition::Fatal,
        }
    }

    /// The partition it stopped, if it is about one.
    pub fn topic_partition(&self) -> Option<&TopicPartition> {
        match self {
            ConsumeError::OffsetOutOfRange {
                topic_partition, ..
            }
            | ConsumeError::NoCommittedOffset {
                topic_partition, ..
            }
            | ConsumeError::LogTruncated {
                topic_partition, ..
            }
            | ConsumeError::TopicRecreated {
                topic_partition, ..
            }
            | ConsumeError::Partition {
                topic_partition, ..
            } => Some(topic_partition),
            ConsumeError::CorruptBatch(corrupt) => Some(&corrupt.topic_partition),
            ConsumeError::Subscription { .. } | ConsumeError::Group(_) | ConsumeError::Closed => {
                None
            }
        }
    }
}

impl fmt::Display for ConsumeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConsumeError::OffsetOutOfRange {
                topic_partition,
                offset,
                range,
            } => {
                write!(f, "offset {offset} of {topic_partition} does not exist")?;
                match range {
                    Some((start, end)) => write!(f, ": the partition has {start} to {end}")?,
                    None => f.write_str(": deleted already, or not written yet")?,
                }
                f.write_str("; seek to an offset that exists, or set auto_offset_reset")
            }
            ConsumeError::NoCommittedOffset {
                topic_partition,
                group_id,
            } => write!(
                f,
                "group '{group_id}' has no committed offset for {topic_partition}: seek to where to \
                 begin, or set auto_offset_reset"
            ),
            ConsumeError::LogTruncated {
                topic_partition,
                offset,
                diverges_at,
            } => write!(
                f,
                "{topic_partition} was read up to offset {offset}, but the brokers lost what came \
                 at and after {diverges_at}: what was made of those records may have to be undone; \
                 seek to go on"
            ),
            ConsumeError::CorruptBatch(corrupt) => corrupt.fmt(f),
            ConsumeError::TopicRecreated {
                topic_partition,
                was,
                is,
            } => write!(
                f,
                "the topic of {topic_partition} was deleted and created anew (its id was {was} and \
                 is {is}): offsets of the old one mean nothing in it; seek to where to begin"
            ),
            ConsumeError::Partition {
                topic_partition,
                error,
            } => {
                write!(f, "cannot read {topic_partition}: {error}")
            }
            ConsumeError::Subscription { topic, error } => {
                write!(f, "cannot subscribe to '{topic}': {error}")
            }
            ConsumeError::Group(error) => error.fmt(f),
            ConsumeError::Closed => f.write_str("the consumer is closed"),
        }
    }
}

impl std::error::Error for ConsumeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConsumeError::CorruptBatch(corrupt) => Some(&corrupt.error),
            ConsumeError::Partition { error, .. } | ConsumeError::Subscription { error, .. } => {
                Some(error)
            }
            ConsumeError::Group(error) => Some(error),
            _ => None,
        }
    }
}

impl From<CorruptBatch> for ConsumeError {
    fn from(corrupt: CorruptBatch) -> Self {
        ConsumeError::CorruptBatch(corrupt)
    }
}

/// A record batch that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorruptBatch {
    /// The partition.
    pub topic_partition: TopicPartition,
    /// The batch's first offset, or the consumer's position where the batch does not tell.
    pub offset: Offset,
    /// Where to seek to pass over the batch; `None` where its end cannot be made out.
    pub next_offset: Option<Offset>,
    /// What is wrong with it.
    pub error: RecordError,
}

impl fmt::Display for CorruptBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CorruptBatch {
            topic_partition,
            offset,
            next_offset,
            error,
        } = self;
        write!(
            f,
            "{topic_partition} cannot be read at offset {offset}: {error}"
        )?;
        match next_offset {
            Some(next) => write!(f, "; seek to {next} to go on without it"),
            None => f.write_str("; where the next batch begins is unknown: seek further on"),
        }
    }
}

impl std::error::Error for CorruptBatch {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// A partition was named that this consumer does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{topic_partition} is not assigned to this consumer")]
pub struct NotAssigned {
    /// The partition.
    pub topic_partition: TopicPartition,
}
