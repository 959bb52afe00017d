//! Lists SCRAM credentials (DescribeUserScramCredentials, API key 50).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks which users have SCRAM credentials.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeUserScramCredentials, versions = 0..=0, flexible = 0..,
    response = DescribeUserScramCredentialsResponse
)]
pub struct DescribeUserScramCredentialsRequest {
    /// The users to describe; `None` for all.
    #[field(default = Some(Vec::new()))]
    pub users: Option<Vec<UserName>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A user asked for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct UserName {
    /// The user's name.
    pub name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The users and what may be told of their credentials.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct DescribeUserScramCredentialsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// The results, in the order of the request.
    pub results: Vec<DescribeUserScramCredentialsResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A user and its credentials.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeUserScramCredentialsResult {
    /// The user's name.
    pub user: StrBytes,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// The user's credentials, one for each mechanism.
    pub credential_infos: Vec<CredentialInfo>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What may be told of a credential.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CredentialInfo {
    /// The mechanism: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    pub mechanism: i8,
    /// How often the password is hashed.
    pub iterations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
