//! Requests to coordinators, and what comes of them.

use std::sync::Arc;

use thalweg_protocol::ErrorCode;

use crate::{GroupMetadata, OffsetAndMetadata, TopicPartition};

use super::super::error::{CommitError, TransactionError};
use super::super::promise::Promise;
use super::super::sequence::Identity;
use super::super::verdict::CoordinatorOperation;

/// Which of Kafka's two transaction protocols is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::producer) enum Protocol {
    One,
    Two,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::producer) enum End {
    Commit,
    Abort,
}

pub(in crate::producer) type EndPromise = Arc<Promise<Result<(), CommitError>>>;
pub(in crate::producer) type StepPromise = Arc<Promise<Result<(), TransactionError>>>;

/// The offsets of a consumer group, to be committed with the transaction.
#[derive(Debug)]
pub(in crate::producer) struct Offsets {
    pub(in crate::producer) group: GroupMetadata,
    pub(in crate::producer) offsets: Arc<[(TopicPartition, OffsetAndMetadata)]>,
    pub(in crate::producer) promise: StepPromise,
}

/// A request to a coordinator.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::producer) enum Call {
    InitProducerId {
        known: Option<Identity>,
    },
    AddPartitions {
        identity: Identity,
        partitions: Vec<TopicPartition>,
    },
    AddOffsets {
        identity: Identity,
        group: Arc<str>,
    },
    OffsetCommit {
        identity: Identity,
        protocol: Protocol,
        group: GroupMetadata,
        offsets: Arc<[(TopicPartition, OffsetAndMetadata)]>,
    },
    EndTransaction {
        identity: Identity,
        protocol: Protocol,
        end: End,
    },
}

impl Call {
    pub(in crate::producer) fn operation(&self) -> CoordinatorOperation {
        match self {
            Call::InitProducerId { .. } => CoordinatorOperation::InitProducerId,
            Call::AddPartitions { .. } => CoordinatorOperation::AddPartitions,
            Call::AddOffsets { .. } => CoordinatorOperation::AddOffsets,
            Call::OffsetCommit { .. } => CoordinatorOperation::OffsetCommit,
            Call::EndTransaction { .. } => CoordinatorOperation::EndTransaction,
        }
    }
}

/// What came of a call.
#[derive(Debug, Clone)]
pub(in crate::producer) enum CallAnswer {
    /// The coordinator's code, and the identity its answer brought, if any.
    Code(ErrorCode, Option<Identity>),
    /// One code per partition.
    Partitions(Vec<(TopicPartition, ErrorCode)>),
    /// None came. `sent`: the coordinator may have done what was asked.
    Lost { sent: bool, reason: Arc<str> },
    /// It cannot be sent to this cluster.
    Unsupported { reason: Arc<str> },
}

/// What the batches of the transaction are doing.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::producer) struct LanesState {
    /// All are settled, and no answers are outstanding.
    pub(in crate::producer) idle: bool,
    /// A batch may be in a log although its outcome is not known.
    pub(in crate::producer) indefinite: bool,
    /// Sequence numbers were lost that the epoch cannot go on from.
    pub(in crate::producer) gap: bool,
}

/// What follows, beyond the transaction itself.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::producer) enum Event {
    /// Batches are to be numbered from 0 under this identity.
    Adopt(Identity),
    /// The transaction cannot commit: its batches are to be given up.
    Abandon(Arc<str>),
    /// A transaction ended otherwise than its owner asked for. What was begun after it, before its
    /// owner knew, must not be carried out.
    Failed(TransactionError),
}
