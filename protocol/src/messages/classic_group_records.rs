//! What brokers keep of classic groups and of committed offsets, in `__consumer_offsets`.
//!
//! Each key comes after two bytes with its record type, each value after two bytes with its version.

use bytes::Bytes;

use crate::{Message, Offset, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Which offset: as clusters before 0.11 wrote it.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct LegacyOffsetCommitKey {
    /// The group.
    pub group: StrBytes,
    /// The name of the topic.
    pub topic: StrBytes,
    /// The partition.
    pub partition: PartitionId,
}

impl LegacyOffsetCommitKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 0;
}

/// A committed offset, as clusters before 0.11 wrote it.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct LegacyOffsetCommitValue {
    /// The offset committed.
    pub offset: Offset,
    /// What the client committed with it.
    pub metadata: StrBytes,
    /// When it was committed, in milliseconds since 1970.
    pub commit_timestamp: i64,
}

/// Which offset.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct OffsetCommitKey {
    /// The group.
    pub group: StrBytes,
    /// The name of the topic.
    pub topic: StrBytes,
    /// The partition.
    pub partition: PartitionId,
}

impl OffsetCommitKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 1;
}

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=4, flexible = 4..)]
pub struct OffsetCommitValue {
    /// The offset committed.
    pub offset: Offset,
    /// The epoch of the leader from which the record before it came; -1 if not known.
    #[field(versions = 3.., default = -1, ignorable)]
    pub leader_epoch: i32,
    /// What the client committed with it.
    pub metadata: StrBytes,
    /// When it was committed, in milliseconds since 1970.
    pub commit_timestamp: i64,
    /// When it expires, in milliseconds since 1970; -1 for the default of the brokers.
    #[field(versions = 1..=1, default = -1, ignorable)]
    pub expire_timestamp: i64,
    /// The id of the topic, zero if not known.
    #[field(versions = 4.., tag = 0, ignorable)]
    pub topic_id: Uuid,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Which classic group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct GroupMetadataKey {
    /// The group.
    pub group: StrBytes,
}

impl GroupMetadataKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 2;
}

/// A classic group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=4, flexible = 4..)]
pub struct GroupMetadataValue {
    /// What kind of group it is: `consumer`, `connect` and so on.
    pub protocol_type: StrBytes,
    /// The generation.
    pub generation: i32,
    /// The assignor chosen; `None` before the first choice.
    pub protocol: Option<StrBytes>,
    /// The member that assigns; `None` if there is none.
    pub leader: Option<StrBytes>,
    /// When the group came into its state, in milliseconds since 1970; -1 if not known.
    #[field(versions = 2.., default = -1, ignorable)]
    pub current_state_timestamp: i64,
    /// The members.
    pub members: Vec<MemberMetadata>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A member of a classic group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct MemberMetadata {
    /// The id of the member.
    pub member_id: StrBytes,
    /// The id of a static member (`group.instance.id`); `None` for a dynamic one.
    #[field(versions = 3.., ignorable)]
    pub group_instance_id: Option<StrBytes>,
    /// The client id.
    pub client_id: StrBytes,
    /// Where the member connects from.
    pub client_host: StrBytes,
    /// Milliseconds the member may take to rejoin; -1 if not known.
    #[field(versions = 1.., default = -1, ignorable)]
    pub rebalance_timeout: i32,
    /// Milliseconds without a heartbeat after which the member is gone.
    pub session_timeout: i32,
    /// What the member told the assignor.
    pub subscription: Bytes,
    /// What the assignor gave the member.
    pub assignment: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
