//! StreamsGroupTopologyDescriptionUpdate (API key 93).

use super::TopologyDescription;
use crate::{ErrorCode, Message, StrBytes, UnknownTags};

/// Streams group topology description update request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = StreamsGroupTopologyDescriptionUpdate, versions = 0..=0, flexible = 0.., response = StreamsGroupTopologyDescriptionUpdateResponse)]
pub struct StreamsGroupTopologyDescriptionUpdateRequest {
    /// Group id.
    pub group_id: StrBytes,
    /// Member id.
    pub member_id: StrBytes,
    /// Topology epoch.
    pub topology_epoch: i32,
    /// Topology description.
    pub topology_description: TopologyDescription,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Streams group topology description update response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct StreamsGroupTopologyDescriptionUpdateResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
