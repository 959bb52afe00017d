//! Creates topics (CreateTopics, API key 19).

use crate::{BrokerId, ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Creates topics.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = CreateTopics, versions = 2..=7, flexible = 5..,
    response = CreateTopicsResponse
)]
pub struct CreateTopicsRequest {
    /// The topics to create.
    pub topics: Vec<CreatableTopic>,
    /// How many milliseconds the broker may take before it answers that it timed out; 60000 by
    /// default.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Whether to check the request only and create nothing.
    pub validate_only: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatableTopic {
    /// The name of the topic.
    pub name: StrBytes,
    /// The number of partitions; -1 for the broker's default, or if `assignments` is given.
    pub num_partitions: i32,
    /// The number of replicas of each partition; -1 for the broker's default, or if `assignments`
    /// is given.
    pub replication_factor: i16,
    /// Where the replicas go; empty to let the broker choose.
    pub assignments: Vec<CreatableReplicaAssignment>,
    /// Configurations that differ from the defaults.
    pub configs: Vec<CreatableTopicConfig>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Where the replicas of one partition go.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatableReplicaAssignment {
    /// The partition.
    pub partition_index: PartitionId,
    /// The brokers that are to hold a replica; the preferred leader first.
    pub broker_ids: Vec<BrokerId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A configuration to set.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatableTopicConfig {
    /// The name of the configuration: `retention.ms`, for example.
    pub name: StrBytes,
    /// The value.
    #[field(default = Some(StrBytes::new()))]
    pub value: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each topic.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 2..=7, flexible = 5..)]
pub struct CreateTopicsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The topics.
    pub topics: Vec<CreatableTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatableTopicResult {
    /// The name of the topic.
    pub name: StrBytes,
    /// The id of the new topic.
    #[field(versions = 7.., ignorable)]
    pub topic_id: Uuid,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Why `configs` is absent: usually a lack of authorisation.
    #[field(versions = 5.., tag = 0, ignorable)]
    pub topic_config_error_code: ErrorCode,
    /// The number of partitions; -1 if it is not told.
    #[field(versions = 5.., default = -1, ignorable)]
    pub num_partitions: i32,
    /// The number of replicas of each partition; -1 if it is not told.
    #[field(versions = 5.., default = -1, ignorable)]
    pub replication_factor: i16,
    /// The configurations of the new topic; `None` if the caller may not see them.
    #[field(versions = 5.., default = Some(Vec::new()), ignorable)]
    pub configs: Option<Vec<CreatableTopicConfigs>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A configuration of the new topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatableTopicConfigs {
    /// The name of the configuration.
    pub name: StrBytes,
    /// The value; `None` where there is none, or it is kept secret.
    #[field(default = Some(StrBytes::new()))]
    pub value: Option<StrBytes>,
    /// Whether it cannot be changed while the broker runs.
    pub read_only: bool,
    /// Where the value comes from: 1 the topic, 2 the broker (dynamic), 3 the default of all
    /// brokers (dynamic), 4 the broker's file, 5 Kafka's default, 6 a broker logger, 7 client
    /// metrics, 8 the group; -1 if it is not told.
    #[field(default = -1)]
    pub config_source: i8,
    /// Whether the value is a secret and left out.
    pub is_sensitive: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
