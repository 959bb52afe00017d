//! What brokers keep of transactions, in `__transaction_state`.
//!
//! The key comes after two bytes with its record type, the value after two bytes with its version.

use crate::{Message, PartitionId, ProducerId, StrBytes, Structure, UnknownTags};

/// Which transactional id.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct TransactionLogKey {
    /// The transactional id.
    pub transactional_id: StrBytes,
}

impl TransactionLogKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 0;
}

/// The transactions of a transactional id.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 1..)]
pub struct TransactionLogValue {
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The id with which the last transaction was committed; -1 if it was the same.
    #[field(versions = 1.., tag = 0)]
    pub previous_producer_id: ProducerId,
    /// The id that the producer was told last; -1 if it is the same.
    #[field(versions = 1.., tag = 1)]
    pub next_producer_id: ProducerId,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// Milliseconds after which the broker aborts a transaction that is still open.
    pub transaction_timeout_ms: i32,
    /// 0 empty, 1 ongoing, 2 prepare commit, 3 prepare abort, 4 complete commit, 5 complete abort,
    /// 6 dead, 7 prepare epoch fence.
    pub transaction_status: i8,
    /// The partitions in the transaction; `None` if there is none.
    pub transaction_partitions: Option<Vec<TransactionLogPartitions>>,
    /// When anything of it changed last, in milliseconds since 1970.
    pub transaction_last_update_timestamp_ms: i64,
    /// When the transaction began, in milliseconds since 1970.
    pub transaction_start_timestamp_ms: i64,
    /// The version of transactions that the producer speaks (`transaction.version`).
    #[field(versions = 1.., tag = 2)]
    pub client_transaction_version: i16,
    /// The epoch that goes with `next_producer_id`; -1 if there is none.
    #[field(versions = 1.., tag = 3, default = -1)]
    pub next_producer_epoch: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Partitions of one topic in a transaction.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TransactionLogPartitions {
    /// The name of the topic.
    pub topic: StrBytes,
    /// The partitions.
    pub partition_ids: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
