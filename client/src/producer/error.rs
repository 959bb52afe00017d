//! What can go wrong when producing, and what to do about it.
//!
//! The disposition of every error is decided here and in [`verdict`](super::verdict), nowhere else.

use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::ErrorCode;
use thalweg_protocol::records::UnsealedBatch;

use crate::TopicPartition;
use crate::error::{Disposition, advice};

use super::refused::RefusedRecord;

/// Why a record was not taken by `send` or `try_send`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The producer holds `buffer_bytes` of records that are not acknowledged yet.
    #[error(
        "the producer's buffer of {buffer_bytes} bytes is full: wait (`send` does, `ready` does), \
         or raise buffer_bytes"
    )]
    Full {
        /// The configured bound, in bytes.
        buffer_bytes: usize,
    },
    /// `try_send` was given a topic the producer has no metadata of yet.
    #[error(
        "the partitions of topic {topic} are not known yet: call `prepare_topic` first, or use \
         `send`, which looks them up"
    )]
    TopicNotPrepared {
        /// The topic.
        topic: Arc<str>,
    },
    /// The topic's metadata could not be had: it does not exist, or no broker answers.
    #[error("topic {topic} cannot be produced to: {reason}")]
    TopicUnavailable {
        /// The topic.
        topic: Arc<str>,
        /// What the cluster said, or why it could not be asked.
        reason: Arc<str>,
    },
    /// The record names a partition the topic does not have.
    #[error("{topic_partition} does not exist: the topic has {partitions} partitions")]
    NoSuchPartition {
        /// What was asked for.
        topic_partition: TopicPartition,
        /// How many partitions the topic has.
        partitions: usize,
    },
    /// The record alone is larger than a request may be.
    #[error(
        "a record of about {record_bytes} bytes for topic {topic} is above request_bytes_max = \
         {request_bytes_max}: make it smaller, or raise request_bytes_max here and \
         max.message.bytes of the topic"
    )]
    RecordTooLarge {
        /// The topic.
        topic: Arc<str>,
        /// The record's size as encoded, in bytes.
        record_bytes: usize,
        /// The configured bound, in bytes.
        request_bytes_max: usize,
    },
    /// The record cannot be encoded: a header name too long, a timestamp out of range.
    #[error("a record for topic {topic} cannot be encoded: {reason}")]
    Unencodable {
        /// The topic.
        topic: Arc<str>,
        /// What about it.
        reason: Arc<str>,
    },
    /// The transaction this record would belong to has failed; it can only be aborted.
    #[error("the transaction has failed and must be aborted: {0}")]
    TransactionFailed(#[source] TransactionError),
    /// The producer was closed.
    #[error("the producer is closed")]
    Closed,
}

impl SendError {
    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            SendError::Full { .. } | SendError::TopicNotPrepared { .. } => Disposition::Retry,
            SendError::TransactionFailed(error) => error.disposition(),
            SendError::TopicUnavailable { .. }
            | SendError::NoSuchPartition { .. }
            | SendError::RecordTooLarge { .. }
            | SendError::Unencodable { .. }
            | SendError::Closed => Disposition::Fatal,
        }
    }
}

/// A batch that was not taken, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}", inner.error)]
pub struct UnsentBatch {
    inner: Box<Unsent>,
}

#[derive(Debug)]
struct Unsent {
    error: SendError,
    batch: UnsealedBatch,
}

impl UnsentBatch {
    pub(super) fn new(error: SendError, batch: UnsealedBatch) -> Self {
        UnsentBatch {
            inner: Box::new(Unsent { error, batch }),
        }
    }

    /// Why it was not taken.
    pub fn error(&self) -> &SendError {
        &self.inner.error
    }

    /// The batch, to be sent again.
    pub fn into_batch(self) -> UnsealedBatch {
        self.inner.batch
    }
}

/// Why a batch of records was not acknowledged.
///
/// [`ProduceError::is_indefinite`] tells whether the records may have been written all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProduceError {
    /// The broker refused the batch. It is not in the log.
    #[error(
        "the broker refused a batch for {topic_partition}: {code}{}{}",
        reason(message),
        remedy(*code)
    )]
    Refused {
        /// Where it was to go.
        topic_partition: TopicPartition,
        /// The broker's answer.
        code: ErrorCode,
        /// What the broker added in words.
        message: Option<Arc<str>>,
        /// The records it is about, where the broker says so (KIP-467) or only one was sent. The
        /// rest of the batch was not written either.
        records: Arc<[RefusedRecord]>,
    },
    /// A single record is larger than the topic allows. It is not in the log.
    #[error(
        "a record for {topic_partition} was refused as too large ({batch_bytes} bytes as a batch): \
         make it smaller, or raise max.message.bytes of the topic"
    )]
    TooLarge {
        /// Where it was to go.
        topic_partition: TopicPartition,
        /// The size of the batch that held it alone, in bytes.
        batch_bytes: usize,
        /// The record.
        records: Arc<[RefusedRecord]>,
    },
    /// The delivery time-out passed before the batch could be sent. It is not in the log.
    #[error(
        "a batch for {topic_partition} could not be sent within {after:?}: {last}; it was not \
         written"
    )]
    NotSent {
        /// Where it was to go.
        topic_partition: TopicPartition,
        /// The delivery time-out.
        after: Duration,
        /// What stood in the way, as last seen.
        last: Arc<str>,
    },
    /// The batch was sent, and no answer settles whether it was written.
    #[error(
        "it is unknown whether a batch for {topic_partition} was written: {last}; it may or may \
         not be in the log"
    )]
    OutcomeUnknown {
        /// Where it was to go.
        topic_partition: TopicPartition,
        /// What was seen last.
        last: Arc<str>,
    },
    /// The batch was split, since the topic takes no batch that large or has something against single
    /// records, and only some parts of it are in the log.
    #[error("a batch for {topic_partition} was split, and only a part was written: {cause}")]
    PartlyWritten {
        /// Where it was to go.
        topic_partition: TopicPartition,
        /// Why the other part was not.
        #[source]
        cause: Box<ProduceError>,
    },
    /// The transaction the batch belonged to was aborted. Readers of committed records never see it.
    #[error("the transaction of a batch for {topic_partition} was aborted: {cause}")]
    Aborted {
        /// Where it was to go.
        topic_partition: TopicPartition,
        /// Why.
        cause: Arc<str>,
    },
    /// The ticket is so old that its outcome is no longer kept. `flush` reported it if it failed.
    #[error("the outcome of this ticket is no longer kept: ask sooner, or use `flush`")]
    Forgotten,
    /// The producer was closed or dropped before the batch was sent. It is not in the log.
    #[error("the producer was closed before a batch for {topic_partition} was sent")]
    Closed {
        /// Where it was to go.
        topic_partition: TopicPartition,
    },
}

impl ProduceError {
    /// Whether the records may have been written all the same. Sending them again may then write
    /// them twice.
    pub fn is_indefinite(&self) -> bool {
        matches!(
            self,
            ProduceError::OutcomeUnknown { .. }
                | ProduceError::PartlyWritten { .. }
                | ProduceError::Forgotten
        )
    }

    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            ProduceError::Refused { code, .. } => super::verdict::refused_disposition(*code),
            ProduceError::NotSent { .. } => Disposition::Retry,
            ProduceError::Aborted { .. }
            | ProduceError::OutcomeUnknown { .. }
            | ProduceError::PartlyWritten { .. } => Disposition::AbortTransaction,
            ProduceError::TooLarge { .. }
            | ProduceError::Forgotten
            | ProduceError::Closed { .. } => Disposition::Fatal,
        }
    }
}

fn reason(message: &Option<Arc<str>>) -> String {
    message
        .as_ref()
        .map(|message| format!(" ({message})"))
        .unwrap_or_default()
}

/// What the reader can do about it, where the code alone tells.
fn remedy(code: ErrorCode) -> String {
    advice(code)
        .map(|advice| format!("; {advice}"))
        .unwrap_or_default()
}

fn about(subject: &Option<Arc<str>>) -> String {
    subject
        .as_ref()
        .map(|subject| format!(" for {subject}"))
        .unwrap_or_default()
}

/// Why a step of a transaction failed.
///
/// Returned by every transactional call; [`TransactionError::disposition`] says how to go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// The producer has no id yet.
    #[error("the transactional producer is not initialised: call `init` first")]
    NotInitialised,
    /// Another producer with the same transactional id has taken over, or the transaction timed out
    /// and the coordinator aborted it.
    #[error(
        "{operation} was refused with {code}: another producer uses transactional id \
         {transactional_id}, or the transaction took longer than transaction_timeout"
    )]
    Fenced {
        /// The id.
        transactional_id: Arc<str>,
        /// The request that learned it.
        operation: &'static str,
        /// The broker's answer.
        code: ErrorCode,
    },
    /// A batch of the transaction was not written, so the transaction cannot commit.
    #[error("a batch of the transaction failed: {0}")]
    Produce(#[source] ProduceError),
    /// The group refused the offsets: this member is not, or no longer, part of that generation.
    #[error("group {group} refused offsets in a transaction with {code}: rejoin the group")]
    OffsetsRefused {
        /// The group.
        group: Arc<str>,
        /// The group coordinator's answer.
        code: ErrorCode,
    },
    /// A coordinator answered with an error that trying again does not mend.
    #[error(
        "{operation} of transactional id {transactional_id}{} failed: {code}{}",
        about(subject),
        remedy(*code)
    )]
    Refused {
        /// The id.
        transactional_id: Arc<str>,
        /// The request.
        operation: &'static str,
        /// The group or partition it was refused for, if not for the id alone.
        subject: Option<Arc<str>>,
        /// The coordinator's answer.
        code: ErrorCode,
        /// What to do about it.
        disposition: Disposition,
    },
    /// No coordinator gave a definite answer within `delivery_timeout`.
    #[error("{operation} of transactional id {transactional_id} had no answer: {last}")]
    NoAnswer {
        /// The id.
        transactional_id: Arc<str>,
        /// The request.
        operation: &'static str,
        /// What was seen last.
        last: Arc<str>,
        /// What to do about it.
        disposition: Disposition,
    },
    /// The cluster is too old for what was asked, or the request was refused before it was sent.
    #[error("{operation} cannot be sent: {reason}")]
    Unsupported {
        /// The request.
        operation: &'static str,
        /// What is missing, and which version of Kafka has it.
        reason: Arc<str>,
    },
    /// The transaction before this one failed, so this one was never begun.
    #[error("the transaction before this one failed, so this one was dropped: {0}")]
    PredecessorFailed(#[source] Box<TransactionError>),
    /// The transaction was aborted by its owner.
    #[error("the transaction was aborted")]
    Aborted,
    /// The producer was closed.
    #[error("the producer is closed")]
    Closed,
}

impl TransactionError {
    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            TransactionError::Fenced { .. } => Disposition::Reinitialise,
            TransactionError::Produce(error) => match error.disposition() {
                // The transaction is lost whatever became of the batch.
                Disposition::Retry => Disposition::AbortTransaction,
                other => other,
            },
            TransactionError::OffsetsRefused { .. } => Disposition::Rejoin,
            TransactionError::Refused { disposition, .. }
            | TransactionError::NoAnswer { disposition, .. } => *disposition,
            TransactionError::PredecessorFailed(error) => error.disposition(),
            TransactionError::Aborted => Disposition::AbortTransaction,
            TransactionError::NotInitialised
            | TransactionError::Unsupported { .. }
            | TransactionError::Closed => Disposition::Fatal,
        }
    }
}

/// What became of a transaction whose commit did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionOutcome {
    /// Nothing of it will ever be visible to readers of committed records.
    Aborted,
    /// The coordinator may have committed it. After
    /// [`reinitialise`](crate::TransactionalProducer::reinitialise) the group's committed offsets
    /// tell: they moved if and only if the transaction was committed.
    Unknown,
}

/// A transaction that was not, or perhaps not, committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the transaction {}: {cause}", match outcome {
    TransactionOutcome::Aborted => "was not committed",
    TransactionOutcome::Unknown => "may or may not have been committed",
})]
pub struct CommitError {
    pub(super) outcome: TransactionOutcome,
    #[source]
    pub(super) cause: TransactionError,
}

impl CommitError {
    /// What became of the transaction.
    pub fn outcome(&self) -> TransactionOutcome {
        self.outcome
    }

    /// Why.
    pub fn cause(&self) -> &TransactionError {
        &self.cause
    }

    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self.outcome {
            TransactionOutcome::Aborted => self.cause.disposition(),
            TransactionOutcome::Unknown => match self.cause.disposition() {
                Disposition::Fatal => Disposition::Fatal,
                _ => Disposition::Reinitialise,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_outcome_asks_for_reinitialisation_whatever_caused_it() {
        let cause = TransactionError::NoAnswer {
            transactional_id: "t".into(),
            operation: "EndTxn",
            last: "the connection was lost".into(),
            disposition: Disposition::AbortTransaction,
        };
        let error = CommitError {
            outcome: TransactionOutcome::Unknown,
            cause,
        };
        assert_eq!(error.disposition(), Disposition::Reinitialise);
        assert!(error.to_string().contains("may or may not"), "{error}");
    }

    #[test]
    fn a_batch_that_was_not_sent_may_be_sent_again_but_ends_its_transaction() {
        let error = ProduceError::NotSent {
            topic_partition: TopicPartition::new("t", 0),
            after: Duration::from_secs(1),
            last: "no leader".into(),
        };
        assert!(!error.is_indefinite());
        assert_eq!(error.disposition(), Disposition::Retry);
        let error = TransactionError::Produce(error);
        assert_eq!(error.disposition(), Disposition::AbortTransaction);
    }
}
