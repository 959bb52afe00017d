//! Brings the description of a topology to the brokers (StreamsGroupTopologyDescriptionUpdate, API
//! key 93).

use super::TopologyDescription;
use crate::{ErrorCode, Message, StrBytes, UnknownTags};

/// Tells the group coordinator the nodes of the topology, for those who describe the group.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = StreamsGroupTopologyDescriptionUpdate, versions = 0..=0, flexible = 0..,
    response = StreamsGroupTopologyDescriptionUpdateResponse
)]
pub struct StreamsGroupTopologyDescriptionUpdateRequest {
    /// The group.
    pub group_id: StrBytes,
    /// The member's id.
    pub member_id: StrBytes,
    /// The epoch of the topology.
    pub topology_epoch: i32,
    /// The nodes of the topology and how they are connected.
    pub topology_description: TopologyDescription,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Whether it was kept.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct StreamsGroupTopologyDescriptionUpdateResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
