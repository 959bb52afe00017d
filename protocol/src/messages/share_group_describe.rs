//! ShareGroupDescribe (API key 77).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Share group describe request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = ShareGroupDescribe, versions = 1..=1, flexible = 1.., response = ShareGroupDescribeResponse)]
pub struct ShareGroupDescribeRequest {
    /// Group ids.
    pub group_ids: Vec<StrBytes>,
    /// Include authorized operations.
    pub include_authorized_operations: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Share group describe response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=1, flexible = 1..)]
pub struct ShareGroupDescribeResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Groups.
    pub groups: Vec<DescribedShareGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described share group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedShareGroup {
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
    pub members: Vec<DescribedShareGroupMember>,
    /// Authorized operations.
    #[field(default = i32::MIN)]
    pub authorized_operations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described share group member.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedShareGroupMember {
    /// Member id.
    pub member_id: StrBytes,
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
    /// Assignment.
    pub assignment: DescribedShareGroupAssignment,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described share group assignment.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedShareGroupAssignment {
    /// Topic partitions.
    pub topic_partitions: Vec<DescribedShareGroupTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Described share group topic partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedShareGroupTopicPartitions {
    /// Topic id.
    pub topic_id: Uuid,
    /// Topic name.
    pub topic_name: StrBytes,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
