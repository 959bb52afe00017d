//! Reads record batches (Fetch, API key 1).

use bytes::Bytes;

use super::{LeaderIdAndEpoch, NodeEndpoint};
use crate::{
    BrokerId, ErrorCode, Message, Offset, PartitionId, ProducerId, StrBytes, Structure,
    UnknownTags, Uuid,
};

/// Reads record batches from partitions whose leader, or a replica, the broker is.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = Fetch, versions = 4..=18, flexible = 12.., response = FetchResponse)]
pub struct FetchRequest {
    /// The cluster the request is meant for; clients leave it `None`.
    #[field(versions = 12.., tag = 0, ignorable)]
    pub cluster_id: Option<StrBytes>,
    /// The broker that asks as a follower, up to version 14; -1 for a client.
    #[field(versions = ..=14)]
    pub replica_id: BrokerId,
    /// The replica that asks, if a broker does.
    #[field(versions = 15.., tag = 1)]
    pub replica_state: ReplicaState,
    /// How many milliseconds to wait for `min_bytes` before answering with less.
    pub max_wait_ms: i32,
    /// The bytes to wait for before answering.
    pub min_bytes: i32,
    /// The most bytes of records in the response; at least one batch is sent even if it is larger.
    /// `i32::MAX` by default.
    #[field(default = i32::MAX)]
    pub max_bytes: i32,
    /// 0 reads everything (read_uncommitted), 1 only what is committed (read_committed).
    pub isolation_level: i8,
    /// The fetch session (KIP-227); 0 is none.
    #[field(versions = 7.., ignorable)]
    pub session_id: i32,
    /// The counter of the fetch session, raised with each request: 0 opens one, -1 stands for none.
    #[field(versions = 7.., default = -1, ignorable)]
    pub session_epoch: i32,
    /// The partitions to read. Within a fetch session: only those that are new or changed.
    pub topics: Vec<FetchTopic>,
    /// Partitions to remove from the session.
    #[field(versions = 7..)]
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    /// The client's rack (`client.rack`), by which a replica nearby is preferred; empty for none.
    #[field(versions = 11.., ignorable)]
    pub rack_id: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The broker that fetches as a follower, from version 15 on.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ReplicaState {
    /// The broker that asks as a follower; -1 for a client.
    pub replica_id: BrokerId,
    /// The epoch of the broker that asks; -1 for a client.
    #[field(default = -1)]
    pub replica_epoch: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic to read.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FetchTopic {
    /// The name of the topic, up to version 12.
    #[field(versions = ..=12, ignorable)]
    pub topic: StrBytes,
    /// The topic's id, from version 13 on.
    #[field(versions = 13.., ignorable)]
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<FetchPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A partition to read, and from where.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FetchPartition {
    /// The partition.
    pub partition: PartitionId,
    /// The leader epoch the client believes in; the broker refuses an older or newer one. -1 for no
    /// check.
    #[field(versions = 9.., default = -1, ignorable)]
    pub current_leader_epoch: i32,
    /// The offset to read from.
    pub fetch_offset: Offset,
    /// The leader epoch of the last record that was read, by which the broker finds a truncation;
    /// -1 for no check.
    #[field(versions = 12.., default = -1)]
    pub last_fetched_epoch: i32,
    /// The first offset a follower still has; -1 for a client.
    #[field(versions = 5.., default = Offset(-1), ignorable)]
    pub log_start_offset: Offset,
    /// The most bytes of records of this partition; one batch is sent even if it is larger.
    pub partition_max_bytes: i32,
    /// The directory of a follower's replica; zero for a client.
    #[field(versions = 17.., tag = 0, ignorable)]
    pub replica_directory_id: Uuid,
    /// The high watermark a follower knows; `i64::MAX` for a client.
    #[field(versions = 18.., tag = 1, default = Offset(i64::MAX), ignorable)]
    pub high_watermark: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic to remove from the fetch session, with its partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ForgottenTopic {
    /// The name of the topic, up to version 12.
    #[field(versions = ..=12, ignorable)]
    pub topic: StrBytes,
    /// The topic's id, from version 13 on.
    #[field(versions = 13.., ignorable)]
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Record batches, as slices of the frame.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 4..=18, flexible = 12..)]
pub struct FetchResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// An error of the request as a whole, such as a fetch session that is gone.
    #[field(versions = 7.., ignorable)]
    pub error_code: ErrorCode,
    /// The fetch session (KIP-227); 0 is none.
    #[field(versions = 7..)]
    pub session_id: i32,
    /// The results, one for each topic.
    pub responses: Vec<FetchableTopicResponse>,
    /// Where to reach the brokers that are named as current leaders.
    #[field(versions = 16.., tag = 0)]
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What was read of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FetchableTopicResponse {
    /// The name of the topic, up to version 12.
    #[field(versions = ..=12, ignorable)]
    pub topic: StrBytes,
    /// The topic's id, from version 13 on.
    #[field(versions = 13.., ignorable)]
    pub topic_id: Uuid,
    /// The partitions of the topic.
    pub partitions: Vec<FetchPartitionData>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What was read of one partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FetchPartitionData {
    /// The partition.
    pub partition_index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The high watermark: the end of what all in-sync replicas have.
    pub high_watermark: Offset,
    /// The end of what readers of committed records may see; -1 if it is not known.
    #[field(default = Offset(-1))]
    pub last_stable_offset: Offset,
    /// The first offset that is still there; -1 if it is not known.
    #[field(versions = 5.., default = Offset(-1), ignorable)]
    pub log_start_offset: Offset,
    /// Where the reader's log and the leader's part, if `last_fetched_epoch` shows that they do.
    #[field(versions = 12.., tag = 0)]
    pub diverging_epoch: FetchEpochEndOffset,
    /// The leader to go to, where the broker asked is not the leader any more.
    #[field(versions = 12.., tag = 1)]
    pub current_leader: LeaderIdAndEpoch,
    /// The snapshot to read instead (metadata log only).
    #[field(versions = 12.., tag = 2)]
    pub snapshot_id: SnapshotId,
    /// The aborted transactions in the range read, by which a reader of committed records skips
    /// them; `None` for other readers.
    #[field(default = Some(Vec::new()))]
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// The replica the reader should read from (KIP-392); -1 for the leader itself.
    #[field(versions = 11..)]
    pub preferred_read_replica: BrokerId,
    /// Record batches; the last may be cut, and the first may begin before the offset asked for.
    pub records: Option<Bytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Where two logs part.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct FetchEpochEndOffset {
    /// The greatest leader epoch that both logs may have; -1 if they do not part.
    #[field(default = -1)]
    pub epoch: i32,
    /// Where that epoch ends in the leader's log; -1 if they do not part.
    #[field(default = Offset(-1))]
    pub end_offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A snapshot of the metadata log.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct SnapshotId {
    /// The end of the snapshot; -1 if there is none.
    #[field(default = Offset(-1))]
    pub end_offset: Offset,
    /// The leader epoch of the snapshot; -1 if there is none.
    #[field(default = -1)]
    pub epoch: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A transaction that was aborted.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AbortedTransaction {
    /// The producer's id.
    pub producer_id: ProducerId,
    /// Where its records begin in the partition.
    pub first_offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
