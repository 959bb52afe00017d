//! Joins, keeps and leaves a streams group (StreamsGroupHeartbeat, API key 88).

use crate::{ErrorCode, Message, Offset, PartitionId, StrBytes, Structure, UnknownTags};

/// Joins a streams group, says what changed, and asks for the tasks to have (KIP-1071).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = StreamsGroupHeartbeat, versions = 0..=1, flexible = 0..,
    response = StreamsGroupHeartbeatResponse
)]
pub struct StreamsGroupHeartbeatRequest {
    /// The group.
    pub group_id: StrBytes,
    /// The member's id: a random UUID the client chooses.
    pub member_id: StrBytes,
    /// The member's epoch, or: 0 to join, -1 to leave, -2 to leave for a while as a static member.
    pub member_epoch: i32,
    /// The epoch of the endpoints of all members that this member knows.
    pub endpoint_information_epoch: i32,
    /// The fixed name of a static member (`group.instance.id`); `None` for a dynamic one, or
    /// unchanged.
    pub instance_id: Option<StrBytes>,
    /// The rack of the member; `None` for none, or unchanged.
    pub rack_id: Option<StrBytes>,
    /// How many milliseconds a member has to give up partitions and rejoin in a rebalance
    /// (`max.poll.interval.ms`); -1 if it has not changed.
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    /// The topology of the application; `None` if it has not changed.
    pub topology: Option<StreamsTopology>,
    /// The tasks the member processes; `None` if unchanged.
    pub active_tasks: Option<Vec<StreamsTaskIds>>,
    /// The tasks whose state the member keeps up to date as a spare; `None` if unchanged.
    pub standby_tasks: Option<Vec<StreamsTaskIds>>,
    /// The tasks whose state the member restores before it takes them over; `None` if unchanged.
    pub warmup_tasks: Option<Vec<StreamsTaskIds>>,
    /// The process the member runs in; `None` if unchanged.
    pub process_id: Option<StrBytes>,
    /// Where other instances reach this one (`application.server`); `None` for nowhere, or
    /// unchanged.
    pub user_endpoint: Option<StreamsEndpoint>,
    /// Tags of the member, by which spares are spread over racks or zones; `None` if unchanged.
    pub client_tags: Option<Vec<StreamsKeyValue>>,
    /// How far the state of tasks is restored, summed over their changelogs; `None` if unchanged.
    pub task_offsets: Option<Vec<StreamsTaskOffset>>,
    /// The ends of the changelogs of tasks, summed; `None` if unchanged.
    pub task_end_offsets: Option<Vec<StreamsTaskOffset>>,
    /// Whether all members are to shut down.
    pub shutdown_application: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The topology of an application, as far as the broker must know it.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsTopology {
    /// The epoch of the topology, raised whenever it changes.
    pub epoch: i32,
    /// The sub-topologies.
    pub subtopologies: Vec<StreamsSubtopology>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A sub-topology.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsSubtopology {
    /// The sub-topology: a part of the topology that shares no topic with the others.
    pub subtopology_id: StrBytes,
    /// The topics read from outside the application.
    pub source_topics: Vec<StrBytes>,
    /// Regular expressions of topics read from outside the application.
    pub source_topic_regex: Vec<StrBytes>,
    /// The changelog topics of state stores.
    pub state_changelog_topics: Vec<StreamsTopicInfo>,
    /// The repartition topics that are written.
    pub repartition_sink_topics: Vec<StrBytes>,
    /// The repartition topics that are read.
    pub repartition_source_topics: Vec<StreamsTopicInfo>,
    /// Topics that must have the same number of partitions, as they are joined.
    pub copartition_groups: Vec<StreamsCopartitionGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// An internal topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsTopicInfo {
    /// The name of the topic.
    pub name: StrBytes,
    /// The number of partitions; 0 to take it from the topics read.
    pub partitions: i32,
    /// The number of replicas of each partition; 0 for the broker's default.
    pub replication_factor: i16,
    /// Configurations of the topic that differ from the defaults.
    pub topic_configs: Vec<StreamsKeyValue>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsKeyValue {
    /// The key.
    pub key: StrBytes,
    /// The value.
    pub value: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Topics that must have the same number of partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsCopartitionGroup {
    /// Indexes into the sub-topology's `source_topics`.
    pub source_topics: Vec<i16>,
    /// Indexes into the sub-topology's `source_topic_regex`.
    pub source_topic_regex: Vec<i16>,
    /// Indexes into the sub-topology's `repartition_source_topics`.
    pub repartition_source_topics: Vec<i16>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Tasks of one sub-topology.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsTaskIds {
    /// The sub-topology: a part of the topology that shares no topic with the others.
    pub subtopology_id: StrBytes,
    /// The partitions: one task each.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Where an instance of the application listens.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsEndpoint {
    /// The host to connect to.
    pub host: StrBytes,
    /// The port to connect to.
    pub port: u16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The offset of one task.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsTaskOffset {
    /// The sub-topology: a part of the topology that shares no topic with the others.
    pub subtopology_id: StrBytes,
    /// The partition.
    pub partition: PartitionId,
    /// The sum of offsets.
    pub offset: Offset,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The tasks the member is to have and when to ask again.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct StreamsGroupHeartbeatResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// The member's id.
    pub member_id: StrBytes,
    /// The member's epoch from now on.
    pub member_epoch: i32,
    /// Milliseconds from one heartbeat to the next.
    pub heartbeat_interval_ms: i32,
    /// How many offsets a task may be behind to count as caught up (version 0 only).
    #[field(versions = ..=0, ignorable)]
    pub acceptable_recovery_lag_legacy: i32,
    /// Milliseconds from one report of task offsets to the next.
    pub task_offset_interval_ms: i32,
    /// How many offsets a task may be behind to count as caught up; -1 if it is not told.
    #[field(versions = 1.., default = -1, ignorable)]
    pub acceptable_recovery_lag: i64,
    /// What the member should know or do; `None` if unchanged.
    #[field(default = Some(Vec::new()))]
    pub status: Option<Vec<StreamsGroupStatus>>,
    /// The tasks the member is to process; `None` if unchanged.
    pub active_tasks: Option<Vec<StreamsTaskIds>>,
    /// The tasks whose state the member is to keep up to date as a spare; `None` if unchanged.
    pub standby_tasks: Option<Vec<StreamsTaskIds>>,
    /// The tasks whose state the member is to restore; `None` if unchanged.
    pub warmup_tasks: Option<Vec<StreamsTaskIds>>,
    /// Whether the broker wants a StreamsGroupTopologyDescriptionUpdate.
    #[field(versions = 1.., ignorable)]
    pub topology_description_required: bool,
    /// The epoch of the endpoints told.
    pub endpoint_information_epoch: i32,
    /// Which instance has which partitions, for queries across instances; `None` if unchanged.
    pub partitions_by_user_endpoint: Option<Vec<StreamsEndpointPartitions>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Something the member should know or do.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsGroupStatus {
    /// 0 stale topology, 1 missing source topics, 2 wrong numbers of partitions, 3 missing internal
    /// topics, 4 shut down, 5 assignment delayed.
    pub status_code: i8,
    /// The same in the broker's words.
    pub status_detail: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The partitions of one instance.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsEndpointPartitions {
    /// Where other instances of the application reach this one (`application.server`).
    pub user_endpoint: StreamsEndpoint,
    /// The partitions it processes.
    pub active_partitions: Vec<StreamsTopicPartitions>,
    /// The partitions whose state it keeps up to date as a spare.
    pub standby_partitions: Vec<StreamsTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Partitions of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct StreamsTopicPartitions {
    /// The name of the topic.
    pub topic: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
