//! What brokers keep of share groups (KIP-932): the groups in `__consumer_offsets`, what became of
//! their records in `__share_group_state`.
//!
//! Each key comes after two bytes with its record type, each value after two bytes with its version.

use crate::messages::ConsumerGroupTopicPartitions;
use crate::{Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Which member.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ShareGroupMemberMetadataKey {
    /// The group.
    pub group_id: StrBytes,
    /// The id of the member.
    pub member_id: StrBytes,
}

impl ShareGroupMemberMetadataKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 10;
}

/// A member of a share group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ShareGroupMemberMetadataValue {
    /// The rack of the member (`client.rack`); `None` if it has none.
    pub rack_id: Option<StrBytes>,
    /// The client id.
    pub client_id: StrBytes,
    /// Where the member connects from.
    pub client_host: StrBytes,
    /// The topics subscribed to.
    pub subscribed_topic_names: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Which share group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ShareGroupMetadataKey {
    /// The group.
    pub group_id: StrBytes,
}

impl ShareGroupMetadataKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 11;
}

/// A share group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ShareGroupMetadataValue {
    /// The epoch of the group.
    pub epoch: i32,
    /// A hash of what is known of the topics subscribed to: a change begins a new assignment.
    pub metadata_hash: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Of which share group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ShareGroupTargetAssignmentMetadataKey {
    /// The group.
    pub group_id: StrBytes,
}

impl ShareGroupTargetAssignmentMetadataKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 12;
}

/// The assignment that a share group is on its way to.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ShareGroupTargetAssignmentMetadataValue {
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
pub struct ShareGroupTargetAssignmentMemberKey {
    /// The group.
    pub group_id: StrBytes,
    /// The id of the member.
    pub member_id: StrBytes,
}

impl ShareGroupTargetAssignmentMemberKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 13;
}

/// What a member is to have.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ShareGroupTargetAssignmentMemberValue {
    /// The partitions.
    pub topic_partitions: Vec<ConsumerGroupTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Of which member.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ShareGroupCurrentMemberAssignmentKey {
    /// The group.
    pub group_id: StrBytes,
    /// The id of the member.
    pub member_id: StrBytes,
}

impl ShareGroupCurrentMemberAssignmentKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 14;
}

/// What a member has.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ShareGroupCurrentMemberAssignmentValue {
    /// The member's epoch.
    pub member_epoch: i32,
    /// The epoch before, with which a member may come that has not heard of the last one.
    pub previous_member_epoch: i32,
    /// The state, by Kafka's number: 0 is stable.
    pub state: i8,
    /// The partitions the member has.
    pub assigned_partitions: Vec<ConsumerGroupTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Of which share group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ShareGroupStatePartitionMetadataKey {
    /// The group.
    pub group_id: StrBytes,
}

impl ShareGroupStatePartitionMetadataKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 15;
}

/// For which partitions a share group keeps state.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ShareGroupStatePartitionMetadataValue {
    /// The partitions whose state is being made.
    pub initializing_topics: Vec<ShareStateTopicPartitions>,
    /// The partitions that have state.
    pub initialized_topics: Vec<ShareStateTopicPartitions>,
    /// The topics whose state is being deleted.
    pub deleting_topics: Vec<ShareStateTopic>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Partitions of a topic that have state.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareStateTopicPartitions {
    /// The id of the topic.
    pub topic_id: Uuid,
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// The partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic that has state.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareStateTopic {
    /// The id of the topic.
    pub topic_id: Uuid,
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Of which partition in which share group: a snapshot.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ShareSnapshotKey {
    /// The group.
    pub group_id: StrBytes,
    /// The id of the topic.
    pub topic_id: Uuid,
    /// The partition.
    pub partition: PartitionId,
}

impl ShareSnapshotKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 0;
}

/// Of which partition in which share group: an update.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ShareUpdateKey {
    /// The group.
    pub group_id: StrBytes,
    /// The id of the topic.
    pub topic_id: Uuid,
    /// The partition.
    pub partition: PartitionId,
}

impl ShareUpdateKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 1;
}

/// What became of the records of a partition, whole.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ShareSnapshotValue {
    /// Which snapshot it is.
    pub snapshot_epoch: i32,
    /// The epoch of the state: it rises when the state is made anew.
    pub state_epoch: i32,
    /// The epoch of the partition's leader.
    pub leader_epoch: i32,
    /// The first offset that is not done with.
    pub start_offset: Offset,
    /// How many offsets from there on are done with; -1 if not known.
    #[field(tag = 0, default = -1)]
    pub delivery_complete_count: i32,
    /// When the state was made, in milliseconds since 1970.
    pub create_timestamp: i64,
    /// When it was written, in milliseconds since 1970.
    pub write_timestamp: i64,
    /// What became of the offsets from there on.
    pub state_batches: Vec<ShareStateBatch>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What changed since the last snapshot.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct ShareUpdateValue {
    /// The snapshot it follows.
    pub snapshot_epoch: i32,
    /// The epoch of the partition's leader.
    pub leader_epoch: i32,
    /// The first offset that is not done with; -1 if it did not change.
    pub start_offset: Offset,
    /// How many offsets from there on are done with; -1 if not known.
    #[field(tag = 0, default = -1)]
    pub delivery_complete_count: i32,
    /// What became of offsets.
    pub state_batches: Vec<ShareStateBatch>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of a range of offsets.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ShareStateBatch {
    /// The first offset.
    pub first_offset: Offset,
    /// The last offset.
    pub last_offset: Offset,
    /// 0 available, 2 acknowledged, 4 archived.
    pub delivery_state: i8,
    /// How often they were delivered.
    pub delivery_count: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
