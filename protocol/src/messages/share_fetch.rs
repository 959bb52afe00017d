//! Reads records for a member of a share group (ShareFetch, API key 78).

use bytes::Bytes;

use super::{LeaderIdAndEpoch, NodeEndpoint};
use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Acquires records, and acknowledges earlier ones (KIP-932).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ShareFetch, versions = 1..=2, flexible = 1.., response = ShareFetchResponse)]
pub struct ShareFetchRequest {
    /// The share group.
    pub group_id: Option<StrBytes>,
    /// The member's id; never `None` from a member.
    #[field(default = Some(StrBytes::new()))]
    pub member_id: Option<StrBytes>,
    /// The counter of the share session, raised with each request: 0 opens one, -1 closes it.
    pub share_session_epoch: i32,
    /// How many milliseconds to wait for `min_bytes` before answering with less.
    pub max_wait_ms: i32,
    /// The bytes to wait for before answering.
    pub min_bytes: i32,
    /// The most bytes of records in the response; at least one batch is sent even if it is larger.
    /// `i32::MAX` by default.
    #[field(default = i32::MAX)]
    pub max_bytes: i32,
    /// The most records to acquire, where whole batches allow.
    pub max_records: i32,
    /// The number of records to acquire and acknowledge at a time, where possible.
    pub batch_size: i32,
    /// 0 acquires whole batches, 1 holds to `max_records` exactly.
    #[field(versions = 2..)]
    pub share_acquire_mode: i8,
    /// Whether some acknowledgements only extend the lock on records.
    #[field(versions = 2..)]
    pub is_renew_ack: bool,
    /// The partitions to read, with acknowledgements. Within a share session: only those that are
    /// new or changed.
    pub topics: Vec<ShareFetchTopic>,
    /// Partitions to remove from the session.
    pub forgotten_topics_data: Vec<ShareForgottenTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic to read.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareFetchTopic {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<ShareFetchPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A partition to read, with acknowledgements.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareFetchPartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// What became of records that were acquired before.
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of the records in a range of offsets.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AcknowledgementBatch {
    /// The first offset of the range.
    pub first_offset: Offset,
    /// The last offset of the range, inclusive.
    pub last_offset: Offset,
    /// For each record, or one for all: 0 not a record, 1 accept, 2 release, 3 reject, 4 renew.
    pub acknowledge_types: Vec<i8>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic to remove from the share session, with its partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareForgottenTopic {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Record batches, and which of their records the member has acquired.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 1..)]
pub struct ShareFetchResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// Milliseconds after which records that were acquired and not acknowledged go to others.
    pub acquisition_lock_timeout_ms: i32,
    /// The results, one for each topic.
    pub responses: Vec<ShareFetchableTopicResponse>,
    /// Where to reach the brokers that are named as current leaders.
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What was read of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareFetchableTopicResponse {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<ShareFetchPartitionData>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What was read of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareFetchPartitionData {
    /// The partition.
    pub partition_index: PartitionId,
    /// What became of the fetch.
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// What became of the acknowledgements.
    pub acknowledge_error_code: ErrorCode,
    /// The same in the broker's words; `None` if it has nothing to add.
    pub acknowledge_error_message: Option<StrBytes>,
    /// The leader to go to, where the broker asked is not the leader any more.
    pub current_leader: LeaderIdAndEpoch,
    /// Record batches; of their records only those in `acquired_records` are for this member.
    #[field(nullable = ..=0)]
    pub records: Option<Bytes>,
    /// The records that were acquired for this member: others in `records` are not for it.
    pub acquired_records: Vec<AcquiredRecords>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A range of records that are for this member.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AcquiredRecords {
    /// The first offset of the range.
    pub first_offset: Offset,
    /// The last offset of the range, inclusive.
    pub last_offset: Offset,
    /// How often the records were delivered, this time included.
    pub delivery_count: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
