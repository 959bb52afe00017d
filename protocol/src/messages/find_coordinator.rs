//! Tells which broker coordinates a group or a transactional id (FindCoordinator, API key 10).

use crate::{BrokerId, ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks for the coordinators of groups or transactional ids, at any broker.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = FindCoordinator, versions = 0..=6, flexible = 3..,
    response = FindCoordinatorResponse
)]
pub struct FindCoordinatorRequest {
    /// The group or transactional id, up to version 3.
    #[field(versions = ..=3)]
    pub key: StrBytes,
    /// What the keys are: 0 groups, 1 transactional ids, 2 share groups' partitions.
    #[field(versions = 1..)]
    pub key_type: i8,
    /// The groups or transactional ids.
    #[field(versions = 4..)]
    pub coordinator_keys: Vec<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The coordinators.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=6, flexible = 3..)]
pub struct FindCoordinatorResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    #[field(versions = 1.., ignorable)]
    pub throttle_time_ms: i32,
    /// The error, up to version 3.
    #[field(versions = ..=3)]
    pub error_code: ErrorCode,
    /// The error in the broker's words, up to version 3.
    #[field(versions = 1..=3, default = Some(StrBytes::new()), ignorable)]
    pub error_message: Option<StrBytes>,
    /// The broker that is the coordinator, up to version 3.
    #[field(versions = ..=3)]
    pub node_id: BrokerId,
    /// Its host, up to version 3.
    #[field(versions = ..=3)]
    pub host: StrBytes,
    /// Its port, up to version 3.
    #[field(versions = ..=3)]
    pub port: i32,
    /// The results, one for each key.
    #[field(versions = 4..)]
    pub coordinators: Vec<Coordinator>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The coordinator of one group or transactional id.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct Coordinator {
    /// The group or transactional id.
    pub key: StrBytes,
    /// The broker that is its coordinator.
    pub node_id: BrokerId,
    /// The host to connect to.
    pub host: StrBytes,
    /// The port to connect to.
    pub port: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
