//! Removes a broker from the cluster (UnregisterBroker, API key 64).

use crate::{BrokerId, ErrorCode, Message, StrBytes, UnknownTags};

/// Removes the registration of a broker that will not return.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = UnregisterBroker, versions = 0..=0, flexible = 0..,
    response = UnregisterBrokerResponse
)]
pub struct UnregisterBrokerRequest {
    /// The broker.
    pub broker_id: BrokerId,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct UnregisterBrokerResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
