//! AddRaftVoter (API key 80).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags, Uuid};

/// Add raft voter request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = AddRaftVoter, versions = 0..=1, flexible = 0.., response = AddRaftVoterResponse)]
pub struct AddRaftVoterRequest {
    /// Cluster id.
    #[field(default = Some(StrBytes::new()))]
    pub cluster_id: Option<StrBytes>,
    /// Timeout ms.
    pub timeout_ms: i32,
    /// Voter id.
    pub voter_id: i32,
    /// Voter directory id.
    pub voter_directory_id: Uuid,
    /// Listeners.
    pub listeners: Vec<RaftVoterListener>,
    /// Ack when committed.
    #[field(versions = 1.., default = true, ignorable)]
    pub ack_when_committed: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Raft voter listener.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct RaftVoterListener {
    /// Name.
    pub name: StrBytes,
    /// Host.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Add raft voter response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct AddRaftVoterResponse {
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
