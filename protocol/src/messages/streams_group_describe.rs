//! Describes streams groups (StreamsGroupDescribe, API key 89).

use super::{
    StreamsEndpoint, StreamsKeyValue, StreamsTaskIds, StreamsTaskOffset, StreamsTopicInfo,
};
use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks for the state and members of streams groups, at their group coordinator (KIP-1071).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = StreamsGroupDescribe, versions = 0..=1, flexible = 0..,
    response = StreamsGroupDescribeResponse
)]
pub struct StreamsGroupDescribeRequest {
    /// The groups to describe.
    pub group_ids: Vec<StrBytes>,
    /// Whether to tell what the caller may do with each group.
    pub include_authorized_operations: bool,
    /// Whether to include the description of the topology.
    #[field(versions = 1..)]
    pub include_topology_description: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The groups.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct StreamsGroupDescribeResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The groups.
    pub groups: Vec<DescribedStreamsGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A streams group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedStreamsGroup {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// The group.
    pub group_id: StrBytes,
    /// The state of the group in Kafka's words: `Stable`, `Empty`, `Dead` and so on.
    pub group_state: StrBytes,
    /// The epoch of the group, raised whenever a member or its subscription changes.
    pub group_epoch: i32,
    /// The epoch of the group that the target assignment was made for.
    pub assignment_epoch: i32,
    /// The topology of the group; `None` if there is none.
    pub topology: Option<DescribedStreamsTopology>,
    /// The members.
    pub members: Vec<DescribedStreamsGroupMember>,
    /// What the caller may do here: bit n is set where ACL operation n is allowed; `i32::MIN` if it
    /// was not asked for.
    #[field(default = i32::MIN)]
    pub authorized_operations: i32,
    /// The nodes of the topology and how they are connected; `None` unless it was asked for and is
    /// there.
    #[field(versions = 1.., ignorable)]
    pub topology_description: Option<TopologyDescription>,
    /// Whether the broker holds a description of the topology, by Kafka's number.
    #[field(versions = 1.., ignorable)]
    pub topology_description_status: i8,
    /// The assignor on the broker that is in use; `None` if it is not told.
    #[field(versions = 1.., ignorable)]
    pub assignor_name: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The topology of a streams group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedStreamsTopology {
    /// The epoch of the topology, raised whenever it changes.
    pub epoch: i32,
    /// The sub-topologies; `None` if they are not told.
    pub subtopologies: Option<Vec<DescribedStreamsSubtopology>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A sub-topology.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedStreamsSubtopology {
    /// The sub-topology: a part of the topology that shares no topic with the others.
    pub subtopology_id: StrBytes,
    /// The topics read from outside the application.
    pub source_topics: Vec<StrBytes>,
    /// The repartition topics that are written.
    pub repartition_sink_topics: Vec<StrBytes>,
    /// The changelog topics of state stores.
    pub state_changelog_topics: Vec<StreamsTopicInfo>,
    /// The repartition topics that are read.
    pub repartition_source_topics: Vec<StreamsTopicInfo>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A member of a streams group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedStreamsGroupMember {
    /// The member's id.
    pub member_id: StrBytes,
    /// The member's epoch, raised with each new assignment.
    pub member_epoch: i32,
    /// The fixed name of a static member (`group.instance.id`), unchanged over restarts; `None` for
    /// a dynamic one.
    pub instance_id: Option<StrBytes>,
    /// The rack of the member (`client.rack`), by which replicas nearby are preferred.
    pub rack_id: Option<StrBytes>,
    /// The client's own name (`client.id`).
    pub client_id: StrBytes,
    /// The address the member connects from.
    pub client_host: StrBytes,
    /// The epoch of the topology.
    pub topology_epoch: i32,
    /// The process the member runs in, several of which may be on one machine.
    pub process_id: StrBytes,
    /// Where other instances of the application reach this one; `None` for nowhere.
    pub user_endpoint: Option<StreamsEndpoint>,
    /// Tags of the member, by which spares are spread over racks or zones.
    pub client_tags: Vec<StreamsKeyValue>,
    /// How far the state of tasks is restored, summed over their changelogs.
    pub task_offsets: Vec<StreamsTaskOffset>,
    /// The ends of the changelogs of tasks, summed.
    pub task_end_offsets: Vec<StreamsTaskOffset>,
    /// What the member has at present.
    pub assignment: DescribedStreamsAssignment,
    /// What the member is to have once others have given it up.
    pub target_assignment: DescribedStreamsAssignment,
    /// Whether the member uses the classic protocol.
    pub is_classic: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The tasks of a member.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedStreamsAssignment {
    /// The tasks the member processes.
    pub active_tasks: Vec<StreamsTaskIds>,
    /// The tasks whose state the member keeps up to date as a spare.
    pub standby_tasks: Vec<StreamsTaskIds>,
    /// The tasks whose state the member restores before it takes them over.
    pub warmup_tasks: Vec<StreamsTaskIds>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The nodes of a topology and how they are connected.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopologyDescription {
    /// The sub-topologies.
    pub subtopologies: Vec<TopologyDescriptionSubtopology>,
    /// Stores that every instance holds in full.
    pub global_stores: Vec<TopologyDescriptionGlobalStore>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The nodes of one sub-topology.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopologyDescriptionSubtopology {
    /// The sub-topology: a part of the topology that shares no topic with the others.
    pub subtopology_id: StrBytes,
    /// Its nodes.
    pub nodes: Vec<TopologyDescriptionNode>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A source, a processor or a sink.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopologyDescriptionNode {
    /// The name of the node.
    pub name: StrBytes,
    /// The kind of node, by Kafka's number.
    pub node_type: i8,
    /// The topics a source reads; empty for other nodes.
    pub source_topics: Vec<StrBytes>,
    /// The topic a sink writes to; `None` for other nodes.
    pub sink_topic: Option<StrBytes>,
    /// The state stores the node uses.
    pub stores: Vec<StrBytes>,
    /// The names of the nodes it passes records to.
    pub successors: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A store that every instance holds in full.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopologyDescriptionGlobalStore {
    /// The node that reads the topic.
    pub source: TopologyDescriptionNode,
    /// The node that updates the store.
    pub processor: TopologyDescriptionNode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
