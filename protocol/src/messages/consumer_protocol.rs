//! What members of a classic consumer group tell each other through the group coordinator: opaque
//! bytes within JoinGroup and SyncGroup, each after two bytes with its version.

use bytes::Bytes;

use crate::{Message, PartitionId, StrBytes, Structure};

/// What a member wants, told to the assignor of the group's leader.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=3)]
pub struct ConsumerProtocolSubscription {
    /// The topics subscribed to.
    pub topics: Vec<StrBytes>,
    /// What the member tells the assignor beyond that.
    pub user_data: Option<Bytes>,
    /// The partitions the member has and has not given up.
    #[field(versions = 1.., ignorable)]
    pub owned_partitions: Vec<ConsumerProtocolTopicPartitions>,
    /// The generation in which the member had those partitions; -1 if none.
    #[field(versions = 2.., default = -1, ignorable)]
    pub generation_id: i32,
    /// The rack of the member (`client.rack`); `None` if it has none.
    #[field(versions = 3.., ignorable)]
    pub rack_id: Option<StrBytes>,
}

/// Partitions of one topic.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ConsumerProtocolTopicPartitions {
    /// The name of the topic.
    pub topic: StrBytes,
    /// The partitions of the topic.
    pub partitions: Vec<PartitionId>,
}

/// What a member gets from the assignor of the group's leader.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=3)]
pub struct ConsumerProtocolAssignment {
    /// The partitions the member gets.
    pub assigned_partitions: Vec<ConsumerProtocolTopicPartitions>,
    /// What the assignor tells the member beyond that.
    pub user_data: Option<Bytes>,
}
