//! Adds a voter to the raft quorum (AddRaftVoter, API key 80).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags, Uuid};

/// Adds a voter to the metadata log's quorum (KIP-853).
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = AddRaftVoter, versions = 0..=1, flexible = 0..,
    response = AddRaftVoterResponse
)]
pub struct AddRaftVoterRequest {
    /// The cluster meant; `None` for no check.
    #[field(default = Some(StrBytes::new()))]
    pub cluster_id: Option<StrBytes>,
    /// How many milliseconds the broker may take before it answers that it timed out.
    pub timeout_ms: i32,
    /// The node id of the voter.
    pub voter_id: i32,
    /// The id of the voter's metadata directory, which tells it from one whose disk was replaced.
    pub voter_directory_id: Uuid,
    /// Where the node listens.
    pub listeners: Vec<RaftVoterListener>,
    /// Whether to answer when the new voters are committed; else when they are written.
    #[field(versions = 1.., default = true, ignorable)]
    pub ack_when_committed: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Where the voter listens.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct RaftVoterListener {
    /// The name of the listener.
    pub name: StrBytes,
    /// The host to connect to.
    pub host: StrBytes,
    /// The port to connect to.
    pub port: u16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Whether it was added.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct AddRaftVoterResponse {
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
