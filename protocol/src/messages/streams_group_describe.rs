//! StreamsGroupDescribe (API key 89).

use super::{
    StreamsEndpoint, StreamsKeyValue, StreamsTaskIds, StreamsTaskOffset, StreamsTopicInfo,
};
use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Streams group describe request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = StreamsGroupDescribe, versions = 0..=1, flexible = 0.., response = StreamsGroupDescribeResponse)]
pub struct StreamsGroupDescribeRequest {
    /// Group ids.
    pub group_ids: Vec<StrBytes>,
    /// Include authorized operations.
    pub include_authorized_operations: bool,
    /// Include topology description.
    #[field(versions = 1..)]
    pub include_topology_description: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams group describe response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct StreamsGroupDescribeResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Groups.
    pub groups: Vec<DescribedStreamsGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described streams group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedStreamsGroup {
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Group id.
    pub group_id: StrBytes,
    /// Group state.
    pub group_state: StrBytes,
    /// Group epoch.
    pub group_epoch: i32,
    /// Assignment epoch.
    pub assignment_epoch: i32,
    /// Topology.
    pub topology: Option<DescribedStreamsTopology>,
    /// Members.
    pub members: Vec<DescribedStreamsGroupMember>,
    /// Authorized operations.
    #[field(default = i32::MIN)]
    pub authorized_operations: i32,
    /// Topology description.
    #[field(versions = 1.., ignorable)]
    pub topology_description: Option<TopologyDescription>,
    /// Topology description status.
    #[field(versions = 1.., ignorable)]
    pub topology_description_status: i8,
    /// Assignor name.
    #[field(versions = 1.., ignorable)]
    pub assignor_name: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described streams topology.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedStreamsTopology {
    /// Epoch.
    pub epoch: i32,
    /// Subtopologies.
    pub subtopologies: Option<Vec<DescribedStreamsSubtopology>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described streams subtopology.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedStreamsSubtopology {
    /// Subtopology id.
    pub subtopology_id: StrBytes,
    /// Source topics.
    pub source_topics: Vec<StrBytes>,
    /// Repartition sink topics.
    pub repartition_sink_topics: Vec<StrBytes>,
    /// State changelog topics.
    pub state_changelog_topics: Vec<StreamsTopicInfo>,
    /// Repartition source topics.
    pub repartition_source_topics: Vec<StreamsTopicInfo>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described streams group member.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedStreamsGroupMember {
    /// Member id.
    pub member_id: StrBytes,
    /// Member epoch.
    pub member_epoch: i32,
    /// Instance id.
    pub instance_id: Option<StrBytes>,
    /// Rack id.
    pub rack_id: Option<StrBytes>,
    /// Client id.
    pub client_id: StrBytes,
    /// Client host.
    pub client_host: StrBytes,
    /// Topology epoch.
    pub topology_epoch: i32,
    /// Process id.
    pub process_id: StrBytes,
    /// User endpoint.
    pub user_endpoint: Option<StreamsEndpoint>,
    /// Client tags.
    pub client_tags: Vec<StreamsKeyValue>,
    /// Task offsets.
    pub task_offsets: Vec<StreamsTaskOffset>,
    /// Task end offsets.
    pub task_end_offsets: Vec<StreamsTaskOffset>,
    /// Assignment.
    pub assignment: DescribedStreamsAssignment,
    /// Target assignment.
    pub target_assignment: DescribedStreamsAssignment,
    /// Is classic.
    pub is_classic: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described streams assignment.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedStreamsAssignment {
    /// Active tasks.
    pub active_tasks: Vec<StreamsTaskIds>,
    /// Standby tasks.
    pub standby_tasks: Vec<StreamsTaskIds>,
    /// Warmup tasks.
    pub warmup_tasks: Vec<StreamsTaskIds>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Topology description.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopologyDescription {
    /// Subtopologies.
    pub subtopologies: Vec<TopologyDescriptionSubtopology>,
    /// Global stores.
    pub global_stores: Vec<TopologyDescriptionGlobalStore>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Topology description subtopology.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopologyDescriptionSubtopology {
    /// Subtopology id.
    pub subtopology_id: StrBytes,
    /// Nodes.
    pub nodes: Vec<TopologyDescriptionNode>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Topology description node.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopologyDescriptionNode {
    /// Name.
    pub name: StrBytes,
    /// Node type.
    pub node_type: i8,
    /// Source topics.
    pub source_topics: Vec<StrBytes>,
    /// Sink topic.
    pub sink_topic: Option<StrBytes>,
    /// Stores.
    pub stores: Vec<StrBytes>,
    /// Successors.
    pub successors: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Topology description global store.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct TopologyDescriptionGlobalStore {
    /// Source.
    pub source: TopologyDescriptionNode,
    /// Processor.
    pub processor: TopologyDescriptionNode,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
