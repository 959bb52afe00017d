//! Describes consumer groups of the new protocol (ConsumerGroupDescribe, API key 69).

use crate::{ErrorCode, Message, PartitionId, StrBytes, Structure, UnknownTags, Uuid};

/// Asks for the state and members of consumer groups, at their group coordinator (KIP-848).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = ConsumerGroupDescribe, versions = 0..=1, flexible = 0..,
    response = ConsumerGroupDescribeResponse
)]
pub struct ConsumerGroupDescribeRequest {
    /// The groups to describe.
    pub group_ids: Vec<StrBytes>,
    /// Whether to tell what the caller may do with each group.
    pub include_authorized_operations: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The groups.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct ConsumerGroupDescribeResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The groups.
    pub groups: Vec<DescribedConsumerGroup>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedConsumerGroup {
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
    /// The assignor on the broker that is in use.
    pub assignor_name: StrBytes,
    /// The members.
    pub members: Vec<DescribedConsumerGroupMember>,
    /// What the caller may do here: bit n is set where ACL operation n is allowed; `i32::MIN` if it
    /// was not asked for.
    #[field(default = i32::MIN)]
    pub authorized_operations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedConsumerGroupMember {
    /// The member's id.
    pub member_id: StrBytes,
    /// The fixed name of a static member (`group.instance.id`), unchanged over restarts; `None` for
    /// a dynamic one.
    pub instance_id: Option<StrBytes>,
    /// The rack of the member (`client.rack`), by which replicas nearby are preferred.
    pub rack_id: Option<StrBytes>,
    /// The member's epoch, raised with each new assignment.
    pub member_epoch: i32,
    /// The client's own name (`client.id`).
    pub client_id: StrBytes,
    /// The address the member connects from.
    pub client_host: StrBytes,
    /// The topics subscribed to.
    pub subscribed_topic_names: Vec<StrBytes>,
    /// A regular expression (RE2) of topics subscribed to; `None` for none, or unchanged.
    pub subscribed_topic_regex: Option<StrBytes>,
    /// What the member has at present.
    pub assignment: DescribedConsumerGroupAssignment,
    /// What the member is to have once others have given it up.
    pub target_assignment: DescribedConsumerGroupAssignment,
    /// 0 a classic member, 1 a member of the new protocol; -1 if it is not told.
    #[field(versions = 1.., default = -1, ignorable)]
    pub member_type: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The partitions of a member.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedConsumerGroupAssignment {
    /// The partitions by topic.
    pub topic_partitions: Vec<DescribedConsumerGroupTopicPartitions>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Partitions of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribedConsumerGroupTopicPartitions {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The name of the topic.
    pub topic_name: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
