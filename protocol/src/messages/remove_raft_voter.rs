//! Removes a voter from the raft quorum (RemoveRaftVoter, API key 81).

use crate::{ErrorCode, Message, StrBytes, UnknownTags, Uuid};

/// Removes a voter from the metadata log's quorum (KIP-853).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = RemoveRaftVoter, versions = 0..=0, flexible = 0..,
    response = RemoveRaftVoterResponse
)]
pub struct RemoveRaftVoterRequest {
    /// The cluster meant; `None` for no check.
    #[field(default = Some(StrBytes::new()))]
    pub cluster_id: Option<StrBytes>,
    /// The node id of the voter.
    pub voter_id: i32,
    /// The id of the voter's metadata directory, which tells it from one whose disk was replaced.
    pub voter_directory_id: Uuid,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Whether it was removed.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct RemoveRaftVoterResponse {
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
