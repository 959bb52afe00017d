//! Changes SCRAM credentials (AlterUserScramCredentials, API key 51).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Creates, replaces and deletes SCRAM credentials.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = AlterUserScramCredentials, versions = 0..=0, flexible = 0..,
    response = AlterUserScramCredentialsResponse
)]
pub struct AlterUserScramCredentialsRequest {
    /// The credentials to delete.
    pub deletions: Vec<ScramCredentialDeletion>,
    /// The credentials to create or replace.
    pub upsertions: Vec<ScramCredentialUpsertion>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A credential to delete.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ScramCredentialDeletion {
    /// The user's name.
    pub name: StrBytes,
    /// The mechanism: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    pub mechanism: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A credential to create or replace.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ScramCredentialUpsertion {
    /// The user's name.
    pub name: StrBytes,
    /// The mechanism: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    pub mechanism: i8,
    /// How often the password is hashed.
    pub iterations: i32,
    /// A random salt.
    pub salt: Bytes,
    /// The password, salted and hashed; the password itself is not sent.
    pub salted_password: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of each user.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct AlterUserScramCredentialsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The results, in the order of the request.
    pub results: Vec<AlterUserScramCredentialsResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What became of one user.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterUserScramCredentialsResult {
    /// The user's name.
    pub user: StrBytes,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
