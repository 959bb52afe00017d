//! What can go wrong while a task processes, seals or restores.

use std::sync::Arc;

use thalweg_protocol::{Offset, PartitionId};

use super::{AppendError, MetadataError};

/// Why a task could not go on. The worker aborts the transaction; the same input fails again, so
/// none of these is worth a retry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// A record the source's policy does not let pass.
    #[error(
        "bad record in {topic}-{partition} at offset {offset}: {reason}; correct or delete it, or \
         let the source skip bad records or send them to a dead letter topic (`on_bad_record`)"
    )]
    BadRecord {
        /// Topic of the record.
        topic: Arc<str>,
        /// Partition of the record.
        partition: PartitionId,
        /// Offset of the record.
        offset: Offset,
        /// What is wrong with it.
        reason: String,
    },
    /// `already_partitioned` was claimed for an input that is not.
    #[error(
        "operator `{operator}`: key {key:?} was read from partition {found} of {topic} (offset \
         {offset}) but belongs to partition {expected} by Kafka's default partitioner; the topic \
         is not partitioned by this key: remove `.already_partitioned()`"
    )]
    NotPartitioned {
        /// The operator that made the claim.
        operator: Arc<str>,
        /// The encoded key.
        key: String,
        /// Topic of the record.
        topic: Arc<str>,
        /// Partition it was read from.
        found: PartitionId,
        /// Partition its key belongs to.
        expected: PartitionId,
        /// Offset of the record.
        offset: Offset,
    },
    /// An output record that could not be written, and the sink's policy does not let that pass.
    #[error("operator `{operator}` cannot write to {topic}: {cause}")]
    Sink {
        /// The operator that writes, or what it writes (`changelog of X`).
        operator: Arc<str>,
        /// The topic it writes to.
        topic: Arc<str>,
        /// What was refused, and what to do.
        cause: SinkFailure,
    },
    /// The event-time state of a task does not fit the metadata of an offset commit.
    #[error(
        "the event-time state of task {task} takes {bytes} bytes of offset metadata, more than \
         the {bytes_max} allowed: fewer partitions upstream of the repartition topics make it \
         smaller"
    )]
    MetadataTooLarge {
        /// The task.
        task: String,
        /// What it would take.
        bytes: usize,
        /// What is allowed.
        bytes_max: usize,
    },
}

/// Why a sink refused a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinkFailure {
    /// The value could not be encoded in the sink's format.
    #[error("it cannot be encoded: {0}")]
    Encode(String),
    /// The record could not be appended to a batch.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Why a task's state could not be restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The changelog was written by a program in which the operator was another.
    #[error(
        "the state of operator `{operator}` in {topic} was written by a different definition of \
         it (fingerprint {found:016x}; now it is {definition:?}, {expected:016x}): restore the old \
         definition, give the changed operator a new name, or delete the topic and the \
         application's committed offsets to begin anew"
    )]
    Fingerprint {
        /// The operator.
        operator: Arc<str>,
        /// Its changelog topic.
        topic: Arc<str>,
        /// What it is now, in words.
        definition: String,
        /// Fingerprint of the definition now.
        expected: u64,
        /// Fingerprint of what was found.
        found: u64,
    },
    /// A changelog record that cannot be read.
    #[error(
        "record at offset {offset} of {topic}-{partition}, the changelog of operator \
         `{operator}`, cannot be read: {reason}; something else wrote to this topic, or it is of \
         a newer version"
    )]
    Unreadable {
        /// The operator.
        operator: Arc<str>,
        /// Its changelog topic.
        topic: Arc<str>,
        /// Partition of the record.
        partition: PartitionId,
        /// Offset of the record.
        offset: Offset,
        /// What is wrong.
        reason: String,
    },
    /// The metadata committed with the offsets cannot be used.
    #[error("the metadata committed with the offsets of task {task}: {cause}")]
    Metadata {
        /// The task.
        task: String,
        /// What is wrong, and what to do.
        cause: MetadataError,
    },
}
