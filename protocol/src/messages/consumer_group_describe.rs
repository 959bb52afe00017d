//! ConsumerGroupDescribe (API key 69).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Consumer group describe request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ConsumerGroupDescribe, versions = 0..=1, flexible = 0.., response = ConsumerGroupDescribeResponse)]
pub struct ConsumerGroupDescribeRequest {
    /// Group ids.
    pub group_ids: Vec<StrBytes>,
    /// Include authorized operations.
    pub include_authorized_operations: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Consumer group describe response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct ConsumerGroupDescribeResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Groups.
    pub groups: Vec<DescribedConsumerGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described consumer group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedConsumerGroup {
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
    /// Assignor name.
    pub assignor_name: StrBytes,
    /// Members.
    pub members: Vec<DescribedConsumerGroupMember>,
    /// Authorized operations.
    #[field(default = i32::MIN)]
    pub authorized_operations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described consumer group member.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedConsumerGroupMember {
    /// Member id.
    pub member_id: StrBytes,
    /// Instance id.
    pub instance_id: Option<StrBytes>,
    /// Rack id.
    pub rack_id: Option<StrBytes>,
    /// Member epoch.
    pub member_epoch: i32,
    /// Client id.
    pub client_id: StrBytes,
    /// Client host.
    pub client_host: StrBytes,
    /// Subscribed topic names.
    pub subscribed_topic_names: Vec<StrBytes>,
    /// Subscribed topic regex.
    pub subscribed_topic_regex: Option<StrBytes>,
    /// Assignment.
    pub assignment: DescribedConsumerGroupAssignment,
    /// Target assignment.
    pub target_assignment: DescribedConsumerGroupAssignment,
    /// Member type.
    #[field(versions = 1.., default = -1, ignorable)]
    pub member_type: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described consumer group assignment.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedConsumerGroupAssignment {
    /// Topic partitions.
    pub topic_partitions: Vec<DescribedConsumerGroupTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described consumer group topic partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedConsumerGroupTopicPartitions {
    /// Topic id.
    pub topic_id: Uuid,
    /// Topic name.
    pub topic_name: StrBytes,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
