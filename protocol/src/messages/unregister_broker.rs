//! UnregisterBroker (API key 64).

use crate::{BrokerId, ErrorCode, Message, StrBytes, UnknownTags};

/// Unregister broker request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = UnregisterBroker, versions = 0..=0, flexible = 0.., response = UnregisterBrokerResponse)]
pub struct UnregisterBrokerRequest {
    /// Broker id.
    pub broker_id: BrokerId,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Unregister broker response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct UnregisterBrokerResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
