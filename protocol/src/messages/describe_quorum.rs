//! Tells the state of the raft quorum (DescribeQuorum, API key 55).

use crate::{
    BrokerId, ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid,
};

/// Asks for the state of the metadata log's quorum.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeQuorum, versions = 0..=2, flexible = 0..,
    response = DescribeQuorumResponse
)]
pub struct DescribeQuorumRequest {
    /// The topics.
    pub topics: Vec<DescribeQuorumTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The topic asked for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeQuorumTopic {
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<DescribeQuorumPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The partition asked for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeQuorumPartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The leader, the voters and the observers.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=2, flexible = 0..)]
pub struct DescribeQuorumResponse {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(versions = 2.., default = Some(StrBytes::new()), ignorable)]
    pub error_message: Option<StrBytes>,
    /// The topics.
    pub topics: Vec<QuorumTopic>,
    /// The nodes.
    #[field(versions = 2..)]
    pub nodes: Vec<QuorumNode>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The metadata log's topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct QuorumTopic {
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<QuorumPartition>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The state of the quorum.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct QuorumPartition {
    /// The partition.
    pub partition_index: PartitionId,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(versions = 2.., default = Some(StrBytes::new()), ignorable)]
    pub error_message: Option<StrBytes>,
    /// The broker that leads the partition; -1 if there is none.
    pub leader_id: BrokerId,
    /// The leader epoch, raised with each new leader; -1 if it is not known.
    pub leader_epoch: i32,
    /// The high watermark: the end of what all in-sync replicas have.
    pub high_watermark: Offset,
    /// The voters, with how far each has come.
    pub current_voters: Vec<QuorumReplicaState>,
    /// Those who follow without a vote, with how far each has come.
    pub observers: Vec<QuorumReplicaState>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// How far a replica has come.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct QuorumReplicaState {
    /// The node that holds the replica.
    pub replica_id: BrokerId,
    /// The id of the replica's directory.
    #[field(versions = 2..)]
    pub replica_directory_id: Uuid,
    /// The end of the replica's log; -1 if it is not known.
    pub log_end_offset: Offset,
    /// When the replica last fetched, in milliseconds since 1970; -1 if it is not known.
    #[field(versions = 1.., default = -1, ignorable)]
    pub last_fetch_timestamp: i64,
    /// When the replica last had everything, in milliseconds since 1970; -1 if it is not known.
    #[field(versions = 1.., default = -1, ignorable)]
    pub last_caught_up_timestamp: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A node of the quorum.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct QuorumNode {
    /// The node.
    pub node_id: BrokerId,
    /// Where the node listens.
    pub listeners: Vec<QuorumListener>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Where a node listens.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct QuorumListener {
    /// The name of the listener.
    pub name: StrBytes,
    /// The host to connect to.
    pub host: StrBytes,
    /// The port to connect to.
    pub port: u16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
