//! What every error code means to a producer. The only place where that is decided.
//!
//! The same code asks for different things in different answers: `INVALID_PRODUCER_EPOCH` from a
//! partition leader fences a transaction, `NOT_COORDINATOR` after an EndTxn leaves its outcome open.
//! So there is one function per kind of request.
//!
//! Sources: Kafka's `TransactionManager`, `Sender` and `TransactionCoordinator`; KIP-98, KIP-360,
//! KIP-447, KIP-588, KIP-890 and KIP-1050.

use thalweg_protocol::ErrorCode;

use crate::error::Disposition;

/// What a partition's answer to a Produce request means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProduceVerdict {
    /// The batch is in the log, by this attempt or by an earlier one.
    Written,
    /// The batch was not appended by this attempt. Send the same bytes again.
    Retry { refresh_metadata: bool },
    /// The batch may have been appended. Send the same bytes again: an idempotent broker knows
    /// them.
    RetryMaybeWritten,
    /// The transaction before is still being completed, which takes milliseconds.
    RetrySoon,
    /// The batch is larger than the topic allows.
    TooLarge,
    /// The batch does not follow the last one the broker has of this producer; it was not appended.
    OutOfSequence,
    /// The transaction can only be aborted.
    AbortTransaction,
    /// The producer's id or epoch is not valid any more.
    Fenced,
    /// The broker failed without saying how far it came.
    Unknown,
    /// The batch was not appended and will not be.
    Refused,
}

pub(super) fn produce_verdict(code: ErrorCode) -> ProduceVerdict {
    use ProduceVerdict as V;
    match code {
        // DUPLICATE_SEQUENCE_NUMBER: written by an earlier attempt, so long ago that the broker no
        // longer knows at which offset.
        ErrorCode::NONE | ErrorCode::DUPLICATE_SEQUENCE_NUMBER => V::Written,
        // The leader appended, and the followers did not confirm in time.
        ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
        | ErrorCode::NETWORK_EXCEPTION => V::RetryMaybeWritten,
        ErrorCode::CONCURRENT_TRANSACTIONS => V::RetrySoon,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => V::TooLarge,
        // UNKNOWN_PRODUCER_ID: the broker has lost what it knew of this producer, so it takes any
        // sequence for a gap. (Kafka 2.5 and later no longer send it.)
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER | ErrorCode::UNKNOWN_PRODUCER_ID => {
            V::OutOfSequence
        }
        ErrorCode::TRANSACTION_ABORTABLE => V::AbortTransaction,
        // INVALID_TXN_STATE: the coordinator does not hold this partition for an open transaction
        // of this epoch: it timed the transaction out.
        ErrorCode::INVALID_PRODUCER_EPOCH
        | ErrorCode::PRODUCER_FENCED
        | ErrorCode::INVALID_PRODUCER_ID_MAPPING
        | ErrorCode::INVALID_TXN_STATE => V::Fenced,
        ErrorCode::UNKNOWN_SERVER_ERROR => V::Unknown,
        // Brokers verify transactions with their coordinator, and pass on what it says.
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::NOT_COORDINATOR => V::Retry {
            refresh_metadata: false,
        },
        other if other.is_retriable() => V::Retry {
            refresh_metadata: other.refreshes_metadata(),
        },
        _ => V::Refused,
    }
}

/// What to do about a batch that a broker refused for good.
pub(super) fn refused_disposition(code: ErrorCode) -> Disposition {
    match code {
        ErrorCode::INVALID_PRODUCER_EPOCH
        | ErrorCode::PRODUCER_FENCED
        | ErrorCode::INVALID_PRODUCER_ID_MAPPING
        | ErrorCode::INVALID_TXN_STATE => Disposition::Reinitialise,
        ErrorCode::TOPIC_AUTHORIZATION_FAILED
        | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::GROUP_AUTHORIZATION_FAILED
        | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        | ErrorCode::UNSUPPORTED_VERSION
        | ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT
        | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
        | ErrorCode::INVALID_TOPIC_EXCEPTION
        | ErrorCode::INVALID_REQUIRED_ACKS => Disposition::Fatal,
        _ => Disposition::AbortTransaction,
    }
}

/// Whether a refusal is about what is in single records: the rest of the batch would be written
/// without them.
pub(super) fn blames_records(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::INVALID_TIMESTAMP | ErrorCode::INVALID_RECORD
    )
}

/// The requests of a transaction that coordinators answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoordinatorOperation {
    InitProducerId,
    AddPartitions,
    AddOffsets,
    OffsetCommit,
    EndTransaction,
}

impl CoordinatorOperation {
    /// Kafka's name of the request.
    pub(super) fn name(self) -> &'static str {
        match self {
            CoordinatorOperation::InitProducerId => "InitProducerId",
            CoordinatorOperation::AddPartitions => "AddPartitionsToTxn",
            CoordinatorOperation::AddOffsets => "AddOffsetsToTxn",
            CoordinatorOperation::OffsetCommit => "TxnOffsetCommit",
            CoordinatorOperation::EndTransaction => "EndTxn",
        }
    }
}

/// What a coordinator's answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoordinatorVerdict {
    /// Done.
    Done,
    /// Not done; the same request may be sent again to the same coordinator.
    Retry,
    /// Perhaps done; look the coordinator up again and send the same request to it.
    RetryElsewhere,
    /// Not done, because the transaction before is still being completed, which takes
    /// milliseconds.
    RetrySoon,
    /// Not done, and the same request will not be. Reported as fencing.
    Fenced,
    /// Not done: the group does not know this member or generation.
    Rejoin,
    /// Not done, and the same request will not be.
    Failed(Disposition),
}

pub(super) fn coordinator_verdict(
    operation: CoordinatorOperation,
    code: ErrorCode,
) -> CoordinatorVerdict {
    use CoordinatorOperation as Op;
    use CoordinatorVerdict as V;
    match code {
        ErrorCode::NONE => V::Done,
        ErrorCode::CONCURRENT_TRANSACTIONS => V::RetrySoon,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS | ErrorCode::UNSTABLE_OFFSET_COMMIT => V::Retry,
        // NOT_COORDINATOR also comes from a coordinator that lost its partition after it had
        // appended the outcome of a transaction, so what was asked may have been done.
        ErrorCode::NOT_COORDINATOR
        | ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::NETWORK_EXCEPTION
        | ErrorCode::UNKNOWN_SERVER_ERROR => V::RetryElsewhere,
        ErrorCode::PRODUCER_FENCED
        | ErrorCode::INVALID_PRODUCER_EPOCH
        | ErrorCode::INVALID_PRODUCER_ID_MAPPING
        | ErrorCode::UNKNOWN_PRODUCER_ID => V::Fenced,
        // EndTxn: the coordinator timed the transaction out. In all cases a new epoch settles it.
        ErrorCode::INVALID_TXN_STATE => V::Failed(Disposition::Reinitialise),
        ErrorCode::TRANSACTION_ABORTABLE => V::Failed(Disposition::AbortTransaction),
        // AddPartitionsToTxn: another partition of the same request was refused.
        ErrorCode::OPERATION_NOT_ATTEMPTED => V::Retry,
        ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::ILLEGAL_GENERATION
        | ErrorCode::FENCED_INSTANCE_ID
        | ErrorCode::STALE_MEMBER_EPOCH
        | ErrorCode::FENCED_MEMBER_EPOCH
        | ErrorCode::REBALANCE_IN_PROGRESS
            if operation == Op::OffsetCommit =>
        {
            V::Rejoin
        }
        ErrorCode::OFFSET_METADATA_TOO_LARGE | ErrorCode::INVALID_COMMIT_OFFSET_SIZE => {
            V::Failed(Disposition::AbortTransaction)
        }
        other if other.is_retriable() => V::Retry,
        _ => V::Failed(Disposition::Fatal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: no code of the table makes a producer panic or take an error for a success.
    #[test]
    fn only_two_codes_mean_that_a_batch_is_written() {
        let written: Vec<i16> = (-1..=136)
            .filter(|&code| produce_verdict(ErrorCode(code)) == ProduceVerdict::Written)
            .collect();
        assert_eq!(written, [0, 46]);
        for operation in [
            CoordinatorOperation::InitProducerId,
            CoordinatorOperation::AddPartitions,
            CoordinatorOperation::AddOffsets,
            CoordinatorOperation::OffsetCommit,
            CoordinatorOperation::EndTransaction,
        ] {
            let done: Vec<i16> = (-1..=136)
                .filter(|&code| {
                    coordinator_verdict(operation, ErrorCode(code)) == CoordinatorVerdict::Done
                })
                .collect();
            assert_eq!(done, [0], "{}", operation.name());
        }
    }

    #[test]
    fn an_append_that_timed_out_may_have_been_written() {
        for code in [
            ErrorCode::REQUEST_TIMED_OUT,
            ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        ] {
            assert_eq!(
                produce_verdict(code),
                ProduceVerdict::RetryMaybeWritten,
                "{code}"
            );
        }
        assert_eq!(
            produce_verdict(ErrorCode::UNKNOWN_SERVER_ERROR),
            ProduceVerdict::Unknown
        );
    }

    #[test]
    fn leader_moves_refresh_the_metadata() {
        for code in [
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::LEADER_NOT_AVAILABLE,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::FENCED_LEADER_EPOCH,
            ErrorCode::UNKNOWN_TOPIC_ID,
        ] {
            assert_eq!(
                produce_verdict(code),
                ProduceVerdict::Retry {
                    refresh_metadata: true
                }
            );
        }
        assert_eq!(
            produce_verdict(ErrorCode::NOT_ENOUGH_REPLICAS),
            ProduceVerdict::Retry {
                refresh_metadata: false
            }
        );
    }

    #[test]
    fn a_refused_generation_means_rejoining_only_for_offsets() {
        for code in [
            ErrorCode::ILLEGAL_GENERATION,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::FENCED_INSTANCE_ID,
        ] {
            let verdict = coordinator_verdict(CoordinatorOperation::OffsetCommit, code);
            assert_eq!(verdict, CoordinatorVerdict::Rejoin);
            let verdict = coordinator_verdict(CoordinatorOperation::EndTransaction, code);
            assert_eq!(verdict, CoordinatorVerdict::Failed(Disposition::Fatal));
        }
    }

    #[test]
    fn a_future_code_is_refused() {
        assert_eq!(produce_verdict(ErrorCode(9_999)), ProduceVerdict::Refused);
        let verdict = coordinator_verdict(CoordinatorOperation::AddOffsets, ErrorCode(9_999));
        assert_eq!(verdict, CoordinatorVerdict::Failed(Disposition::Fatal));
    }
}
