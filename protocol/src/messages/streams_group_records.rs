//! What brokers keep of streams groups (KIP-1071), in `__consumer_offsets`.
//!
//! Each key comes after two bytes with its record type, each value after two bytes with its version.

use crate::messages::{StreamsEndpoint, StreamsKeyValue, StreamsSubtopology, StreamsTaskIds};
use crate::{Message, PartitionId, StrBytes, Structure, UnknownTags};

/// Which streams group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct StreamsGroupMetadataKey {
    /// The group.
    pub group_id: StrBytes,
}

impl StreamsGroupMetadataKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 17;
}

/// A streams group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct StreamsGroupMetadataValue {
    /// The epoch of the group.
    pub epoch: i32,
    /// A hash of what is known of the topics subscribed to: a change begins a new assignment.
    pub metadata_hash: i64,
    /// The topology whose topics were found to be there and right; -1 if none.
    #[field(tag = 0, default = -1)]
    pub validated_topology_epoch: i32,
    /// The settings that the last assignment was made with; `None` if not known.
    #[field(tag = 1, default = Some(Vec::new()))]
    pub last_assignment_configs: Option<Vec<StreamsKeyValue>>,
    /// The topology whose description the brokers' plug-in has; -1 if none, -2 if that is not sure.
    #[field(tag = 2, default = -1)]
    pub stored_description_topology_epoch: i32,
    /// The topology whose description the plug-in refused for good; -1 if none.
    #[field(tag = 3, default = -1)]
    pub failed_description_topology_epoch: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Which member.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct StreamsGroupMemberMetadataKey {
    /// The group.
    pub group_id: StrBytes,
    /// The id of the member.
    pub member_id: StrBytes,
}

impl StreamsGroupMemberMetadataKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 19;
}

/// A member of a streams group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct StreamsGroupMemberMetadataValue {
    /// The id of a static member (`group.instance.id`); `None` for a dynamic one.
    pub instance_id: Option<StrBytes>,
    /// The rack of the member (`client.rack`); `None` if it has none.
    pub rack_id: Option<StrBytes>,
    /// The client id.
    pub client_id: StrBytes,
    /// Where the member connects from.
    pub client_host: StrBytes,
    /// Milliseconds the member may take to give tasks up; -1 if not known.
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    /// The epoch of its topology.
    pub topology_epoch: i32,
    /// The instance of the application, which may have several members.
    pub process_id: StrBytes,
    /// Where the instance answers queries; `None` if it does not.
    pub user_endpoint: Option<StreamsEndpoint>,
    /// Tags of the instance, by which standby tasks are spread.
    pub client_tags: Vec<StreamsKeyValue>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Of which streams group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct StreamsGroupTargetAssignmentMetadataKey {
    /// The group.
    pub group_id: StrBytes,
}

impl StreamsGroupTargetAssignmentMetadataKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 20;
}

/// The assignment that a streams group is on its way to.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct StreamsGroupTargetAssignmentMetadataValue {
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
pub struct StreamsGroupTargetAssignmentMemberKey {
    /// The group.
    pub group_id: StrBytes,
    /// The id of the member.
    pub member_id: StrBytes,
}

impl StreamsGroupTargetAssignmentMemberKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 21;
}

/// What a member is to have.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct StreamsGroupTargetAssignmentMemberValue {
    /// The tasks it is to process.
    pub active_tasks: Vec<StreamsTaskIds>,
    /// The tasks it is to keep a copy of.
    pub standby_tasks: Vec<StreamsTaskIds>,
    /// The tasks it is to catch up with.
    pub warmup_tasks: Vec<StreamsTaskIds>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Of which member.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct StreamsGroupCurrentMemberAssignmentKey {
    /// The group.
    pub group_id: StrBytes,
    /// The id of the member.
    pub member_id: StrBytes,
}

impl StreamsGroupCurrentMemberAssignmentKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 22;
}

/// What a member has.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct StreamsGroupCurrentMemberAssignmentValue {
    /// The member's epoch.
    pub member_epoch: i32,
    /// The epoch before, with which a member may come that has not heard of the last one.
    pub previous_member_epoch: i32,
    /// The state, by Kafka's number: 0 is stable.
    pub state: i8,
    /// The tasks it processes.
    pub active_tasks: Vec<OwnedStreamsTasks>,
    /// The tasks it keeps a copy of.
    pub standby_tasks: Vec<OwnedStreamsTasks>,
    /// The tasks it catches up with.
    pub warmup_tasks: Vec<OwnedStreamsTasks>,
    /// The tasks it is to stop processing.
    pub active_tasks_pending_revocation: Vec<OwnedStreamsTasks>,
    /// The tasks it is to stop keeping a copy of.
    pub standby_tasks_pending_revocation: Vec<OwnedStreamsTasks>,
    /// The tasks it is to stop catching up with.
    pub warmup_tasks_pending_revocation: Vec<OwnedStreamsTasks>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Tasks of one sub-topology that a member has.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct OwnedStreamsTasks {
    /// The sub-topology.
    pub subtopology_id: StrBytes,
    /// The partitions: one task each.
    pub partitions: Vec<PartitionId>,
    /// The epoch in which the member got each of the tasks: commits of older ones are refused. Of
    /// active tasks only.
    #[field(tag = 0, default = Some(Vec::new()))]
    pub assignment_epochs: Option<Vec<i32>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Of which streams group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct StreamsGroupTopologyKey {
    /// The group.
    pub group_id: StrBytes,
}

impl StreamsGroupTopologyKey {
    /// The record type, in the two bytes before the key.
    pub const RECORD_TYPE: i16 = 23;
}

/// The topology of a streams group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct StreamsGroupTopologyValue {
    /// The epoch of the topology.
    pub epoch: i32,
    /// The sub-topologies.
    pub subtopologies: Vec<StreamsSubtopology>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
