//! What members of a classic consumer group tell each other through the group coordinator: opaque
//! bytes within JoinGroup and SyncGroup, each after two bytes with its version.

use bytes::Bytes;

use crate::{Message, PartitionId, StrBytes, Structure};

/// Consumer protocol subscription.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=3)]
pub struct ConsumerProtocolSubscription {
    /// Topics.
    pub topics: Vec<StrBytes>,
    /// User data.
    pub user_data: Option<Bytes>,
    /// Owned partitions.
    #[field(versions = 1.., ignorable)]
    pub owned_partitions: Vec<ConsumerProtocolTopicPartitions>,
    /// Generation id.
    #[field(versions = 2.., default = -1, ignorable)]
    pub generation_id: i32,
    /// Rack id.
    #[field(versions = 3.., ignorable)]
    pub rack_id: Option<StrBytes>,
}

/// Consumer protocol topic partitions.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ConsumerProtocolTopicPartitions {
    /// Topic.
    pub topic: StrBytes,
    /// Partitions.
    pub partitions: Vec<PartitionId>,
}

/// Consumer protocol assignment.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=3)]
pub struct ConsumerProtocolAssignment {
    /// Assigned partitions.
    pub assigned_partitions: Vec<ConsumerProtocolTopicPartitions>,
    /// User data.
    pub user_data: Option<Bytes>,
}
