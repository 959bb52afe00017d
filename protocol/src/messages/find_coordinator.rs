//! FindCoordinator (API key 10).

use crate::{BrokerId, ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Find coordinator request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = FindCoordinator, versions = 0..=6, flexible = 3.., response = FindCoordinatorResponse)]
pub struct FindCoordinatorRequest {
    /// Key.
    #[field(versions = ..=3)]
    pub key: StrBytes,
    /// Key type.
    #[field(versions = 1..)]
    pub key_type: i8,
    /// Coordinator keys.
    #[field(versions = 4..)]
    pub coordinator_keys: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Find coordinator response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=6, flexible = 3..)]
pub struct FindCoordinatorResponse {
    /// Throttle time ms.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// Error code.
    #[field(versions = ..=3)]
    pub error_code: ErrorCode,
    /// Error message.
    #[field(versions = 1..=3, default = Some(StrBytes::new()), ignorable)]
    pub error_message: Option<StrBytes>,
    /// Node id.
    #[field(versions = ..=3)]
    pub node_id: BrokerId,
    /// Host.
    #[field(versions = ..=3)]
    pub host: StrBytes,
    /// Port.
    #[field(versions = ..=3)]
    pub port: i32,
    /// Coordinators.
    #[field(versions = 4..)]
    pub coordinators: Vec<Coordinator>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Coordinator.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct Coordinator {
    /// Key.
    pub key: StrBytes,
    /// Node id.
    pub node_id: BrokerId,
    /// Host.
    pub host: StrBytes,
    /// Port.
    pub port: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
