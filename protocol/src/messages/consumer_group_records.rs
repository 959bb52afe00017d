//! What brokers keep of consumer groups (KIP-848), in `__consumer_offsets`.
//!
//! Each key comes after two bytes with its record type, each value after two bytes with its version.

use bytes::Bytes;

use crate::messages::ConsumerGroupTopicPartitions;
use crate::{Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Which consumer group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ConsumerGroupMetadataKey {
    /// The group.
    pub group_id: StrBytes,
}

impl ConsumerGroupMetadataKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 3;
}

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ConsumerGroupMetadataValue {
    /// The epoch of the group.
    pub epoch: i32,
    /// A hash of what is known of the topics subscribed to: a change begins a new assignment.
    #[field(tag = 0)]
    pub metadata_hash: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Of which consumer group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ConsumerGroupPartitionMetadataKey {
    /// The group.
    pub group_id: StrBytes,
}

impl ConsumerGroupPartitionMetadataKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 4;
}

/// The topics that a consumer group subscribes to, as it knows them. Not written since 4.1.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ConsumerGroupPartitionMetadataValue {
    /// The topics.
    pub topics: Vec<TopicMetadata>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic as a group knows it.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopicMetadata {
    /// The id of the topic.
    pub topic_id: Uuid,
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// How many partitions it has.
    pub num_partitions: i32,
    /// Where its partitions are; not used since 4.0.
    pub partition_metadata: Vec<PartitionMetadata>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Where a partition is.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct PartitionMetadata {
    /// The partition.
    pub partition: PartitionId,
    /// The racks of its replicas.
    pub racks: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Which member.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ConsumerGroupMemberMetadataKey {
    /// The group.
    pub group_id: StrBytes,
    /// The id of the member.
    pub member_id: StrBytes,
}

impl ConsumerGroupMemberMetadataKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 5;
}

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ConsumerGroupMemberMetadataValue {
    /// The id of a static member (`group.instance.id`); `None` for a dynamic one.
    pub instance_id: Option<StrBytes>,
    /// The rack of the member (`client.rack`); `None` if it has none.
    pub rack_id: Option<StrBytes>,
    /// The client id.
    pub client_id: StrBytes,
    /// Where the member connects from.
    pub client_host: StrBytes,
    /// The topics subscribed to by name.
    pub subscribed_topic_names: Vec<StrBytes>,
    /// A regular expression of topics subscribed to; `None` if there is none.
    pub subscribed_topic_regex: Option<StrBytes>,
    /// Milliseconds the member may take to give partitions up; -1 if not known.
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    /// The broker's assignor that the member wishes; `None` for the default.
    pub server_assignor: Option<StrBytes>,
    /// What a member that speaks the classic protocol said; `None` for others.
    #[field(tag = 0, default = Some(ClassicMemberMetadata::default()))]
    pub classic_member_metadata: Option<ClassicMemberMetadata>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What a member of a consumer group said that speaks the classic protocol.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ClassicMemberMetadata {
    /// Milliseconds without a heartbeat after which the member is gone.
    pub session_timeout_ms: i32,
    /// The assignors it knows.
    pub supported_protocols: Vec<ClassicProtocol>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// An assignor that a member knows.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ClassicProtocol {
    /// The name of the assignor.
    pub name: StrBytes,
    /// What the member told it.
    pub metadata: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Of which consumer group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ConsumerGroupTargetAssignmentMetadataKey {
    /// The group.
    pub group_id: StrBytes,
}

impl ConsumerGroupTargetAssignmentMetadataKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 6;
}

/// The assignment that a consumer group is on its way to.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ConsumerGroupTargetAssignmentMetadataValue {
    /// The epoch of the assignment.
    pub assignment_epoch: i32,
    /// When it was made, in milliseconds since 1970; 0 if not known.
    #[field(tag = 0, ignorable)]
    pub assignment_timestamp: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Of which member.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ConsumerGroupTargetAssignmentMemberKey {
    /// The group.
    pub group_id: StrBytes,
    /// The id of the member.
    pub member_id: StrBytes,
}

impl ConsumerGroupTargetAssignmentMemberKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 7;
}

/// What a member is to have.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ConsumerGroupTargetAssignmentMemberValue {
    /// The partitions.
    pub topic_partitions: Vec<ConsumerGroupTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Of which member.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ConsumerGroupCurrentMemberAssignmentKey {
    /// The group.
    pub group_id: StrBytes,
    /// The id of the member.
    pub member_id: StrBytes,
}

impl ConsumerGroupCurrentMemberAssignmentKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 8;
}

/// What a member has.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ConsumerGroupCurrentMemberAssignmentValue {
    /// The member's epoch.
    pub member_epoch: i32,
    /// The epoch before, with which a member may come that has not heard of the last one.
    pub previous_member_epoch: i32,
    /// The state, by Kafka's number: 0 is stable.
    pub state: i8,
    /// The partitions the member has.
    pub assigned_partitions: Vec<OwnedTopicPartitions>,
    /// The partitions it is to give up.
    pub partitions_pending_revocation: Vec<OwnedTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Partitions of one topic that a member has.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OwnedTopicPartitions {
    /// The id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionId>,
    /// The epoch in which the member got each of the partitions: commits of older ones are refused.
    /// `None` if they are not kept.
    #[field(tag = 0, default = Some(Vec::new()))]
    pub assignment_epochs: Option<Vec<i32>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Which regular expression.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ConsumerGroupRegularExpressionKey {
    /// The group.
    pub group_id: StrBytes,
    /// The regular expression.
    pub regular_expression: StrBytes,
}

impl ConsumerGroupRegularExpressionKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 16;
}

/// What a regular expression comes to.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ConsumerGroupRegularExpressionValue {
    /// The topics that match.
    pub topics: Vec<StrBytes>,
    /// The version of the metadata it was resolved with.
    pub version: i64,
    /// When it was resolved, in milliseconds since 1970.
    pub timestamp: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
