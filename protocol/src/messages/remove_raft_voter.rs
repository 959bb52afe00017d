//! RemoveRaftVoter (API key 81).

use crate::{ErrorCode, Message, StrBytes, UnknownTags, Uuid};

/// Remove raft voter request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = RemoveRaftVoter, versions = 0..=0, flexible = 0.., response = RemoveRaftVoterResponse)]
pub struct RemoveRaftVoterRequest {
    /// Cluster id.
    #[field(default = Some(StrBytes::new()))]
    pub cluster_id: Option<StrBytes>,
    /// Voter id.
    pub voter_id: i32,
    /// Voter directory id.
    pub voter_directory_id: Uuid,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Remove raft voter response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct RemoveRaftVoterResponse {
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
