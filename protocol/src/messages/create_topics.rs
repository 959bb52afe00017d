//! CreateTopics (API key 19).

use crate::{BrokerId, ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Create topics request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = CreateTopics, versions = 2..=7, flexible = 5.., response = CreateTopicsResponse)]
pub struct CreateTopicsRequest {
    /// Topics.
    pub topics: Vec<CreatableTopic>,
    /// Timeout ms.
    #[field(default = 60000)]
    pub timeout_ms: i32,
    /// Validate only.
    pub validate_only: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Creatable topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatableTopic {
    /// Name.
    pub name: StrBytes,
    /// Num partitions.
    pub num_partitions: i32,
    /// Replication factor.
    pub replication_factor: i16,
    /// Assignments.
    pub assignments: Vec<CreatableReplicaAssignment>,
    /// Configs.
    pub configs: Vec<CreatableTopicConfig>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Creatable replica assignment.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatableReplicaAssignment {
    /// Partition index.
    pub partition_index: PartitionId,
    /// Broker ids.
    pub broker_ids: Vec<BrokerId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Creatable topic config.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatableTopicConfig {
    /// Name.
    pub name: StrBytes,
    /// Value.
    #[field(default = Some(StrBytes::new()))]
    pub value: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Create topics response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 2..=7, flexible = 5..)]
pub struct CreateTopicsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Topics.
    pub topics: Vec<CreatableTopicResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Creatable topic result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatableTopicResult {
    /// Name.
    pub name: StrBytes,
    /// Topic id.
    #[field(versions = 7.., ignorable)]
    pub topic_id: Uuid,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Topic config error code.
    #[field(versions = 5.., tag = 0, ignorable)]
    pub topic_config_error_code: ErrorCode,
    /// Num partitions.
    #[field(versions = 5.., default = -1, ignorable)]
    pub num_partitions: i32,
    /// Replication factor.
    #[field(versions = 5.., default = -1, ignorable)]
    pub replication_factor: i16,
    /// Configs.
    #[field(versions = 5.., default = Some(Vec::new()), ignorable)]
    pub configs: Option<Vec<CreatableTopicConfigs>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Creatable topic configs.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CreatableTopicConfigs {
    /// Name.
    pub name: StrBytes,
    /// Value.
    #[field(default = Some(StrBytes::new()))]
    pub value: Option<StrBytes>,
    /// Read only.
    pub read_only: bool,
    /// Config source.
    #[field(default = -1)]
    pub config_source: i8,
    /// Is sensitive.
    pub is_sensitive: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
