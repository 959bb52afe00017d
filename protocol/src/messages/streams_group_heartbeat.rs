//! StreamsGroupHeartbeat (API key 88).

use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags};

/// Streams group heartbeat request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = StreamsGroupHeartbeat, versions = 0..=1, flexible = 0.., response = StreamsGroupHeartbeatResponse)]
pub struct StreamsGroupHeartbeatRequest {
    /// Group id.
    pub group_id: StrBytes,
    /// Member id.
    pub member_id: StrBytes,
    /// Member epoch.
    pub member_epoch: i32,
    /// Endpoint information epoch.
    pub endpoint_information_epoch: i32,
    /// Instance id.
    pub instance_id: Option<StrBytes>,
    /// Rack id.
    pub rack_id: Option<StrBytes>,
    /// Rebalance timeout ms.
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    /// Topology.
    pub topology: Option<StreamsTopology>,
    /// Active tasks.
    pub active_tasks: Option<Vec<StreamsTaskIds>>,
    /// Standby tasks.
    pub standby_tasks: Option<Vec<StreamsTaskIds>>,
    /// Warmup tasks.
    pub warmup_tasks: Option<Vec<StreamsTaskIds>>,
    /// Process id.
    pub process_id: Option<StrBytes>,
    /// User endpoint.
    pub user_endpoint: Option<StreamsEndpoint>,
    /// Client tags.
    pub client_tags: Option<Vec<StreamsKeyValue>>,
    /// Task offsets.
    pub task_offsets: Option<Vec<StreamsTaskOffset>>,
    /// Task end offsets.
    pub task_end_offsets: Option<Vec<StreamsTaskOffset>>,
    /// Shutdown application.
    pub shutdown_application: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams topology.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsTopology {
    /// Epoch.
    pub epoch: i32,
    /// Subtopologies.
    pub subtopologies: Vec<StreamsSubtopology>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams subtopology.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsSubtopology {
    /// Subtopology id.
    pub subtopology_id: StrBytes,
    /// Source topics.
    pub source_topics: Vec<StrBytes>,
    /// Source topic regex.
    pub source_topic_regex: Vec<StrBytes>,
    /// State changelog topics.
    pub state_changelog_topics: Vec<StreamsTopicInfo>,
    /// Repartition sink topics.
    pub repartition_sink_topics: Vec<StrBytes>,
    /// Repartition source topics.
    pub repartition_source_topics: Vec<StreamsTopicInfo>,
    /// Copartition groups.
    pub copartition_groups: Vec<StreamsCopartitionGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams topic info.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsTopicInfo {
    /// Name.
    pub name: StrBytes,
    /// Partitions.
    pub partitions: PartitionId,
    /// Replication factor.
    pub replication_factor: i16,
    /// Topic configs.
    pub topic_configs: Vec<StreamsKeyValue>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams key value.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsKeyValue {
    /// Key.
    pub key: StrBytes,
    /// Value.
    pub value: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams copartition group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsCopartitionGroup {
    /// Source topics.
    pub source_topics: Vec<i16>,
    /// Source topic regex.
    pub source_topic_regex: Vec<i16>,
    /// Repartition source topics.
    pub repartition_source_topics: Vec<i16>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams task ids.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsTaskIds {
    /// Subtopology id.
    pub subtopology_id: StrBytes,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams endpoint.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsEndpoint {
    /// Host.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams task offset.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsTaskOffset {
    /// Subtopology id.
    pub subtopology_id: StrBytes,
    /// Partition.
    pub partition: PartitionId,
    /// Offset.
    pub offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams group heartbeat response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct StreamsGroupHeartbeatResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Member id.
    pub member_id: StrBytes,
    /// Member epoch.
    pub member_epoch: i32,
    /// Heartbeat interval ms.
    pub heartbeat_interval_ms: i32,
    /// Acceptable recovery lag legacy.
    #[field(versions = ..=0, ignorable)]
    pub acceptable_recovery_lag_legacy: i32,
    /// Task offset interval ms.
    pub task_offset_interval_ms: i32,
    /// Acceptable recovery lag.
    #[field(versions = 1.., default = -1, ignorable)]
    pub acceptable_recovery_lag: i64,
    /// Status.
    #[field(default = Some(Vec::new()))]
    pub status: Option<Vec<StreamsGroupStatus>>,
    /// Active tasks.
    pub active_tasks: Option<Vec<StreamsTaskIds>>,
    /// Standby tasks.
    pub standby_tasks: Option<Vec<StreamsTaskIds>>,
    /// Warmup tasks.
    pub warmup_tasks: Option<Vec<StreamsTaskIds>>,
    /// Topology description required.
    #[field(versions = 1.., ignorable)]
    pub topology_description_required: bool,
    /// Endpoint information epoch.
    pub endpoint_information_epoch: i32,
    /// Partitions by user endpoint.
    pub partitions_by_user_endpoint: Option<Vec<StreamsEndpointPartitions>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams group status.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsGroupStatus {
    /// Status code.
    pub status_code: i8,
    /// Status detail.
    pub status_detail: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams endpoint partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsEndpointPartitions {
    /// User endpoint.
    pub user_endpoint: StreamsEndpoint,
    /// Active partitions.
    pub active_partitions: Vec<StreamsTopicPartitions>,
    /// Standby partitions.
    pub standby_partitions: Vec<StreamsTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams topic partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsTopicPartitions {
    /// Topic.
    pub topic: StrBytes,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
