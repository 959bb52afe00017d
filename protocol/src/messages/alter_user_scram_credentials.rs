//! AlterUserScramCredentials (API key 51).

use bytes::Bytes;

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Alter user scram credentials request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = AlterUserScramCredentials, versions = 0..=0, flexible = 0.., response = AlterUserScramCredentialsResponse)]
pub struct AlterUserScramCredentialsRequest {
    /// Deletions.
    pub deletions: Vec<ScramCredentialDeletion>,
    /// Upsertions.
    pub upsertions: Vec<ScramCredentialUpsertion>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Scram credential deletion.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ScramCredentialDeletion {
    /// Name.
    pub name: StrBytes,
    /// Mechanism.
    pub mechanism: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Scram credential upsertion.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct ScramCredentialUpsertion {
    /// Name.
    pub name: StrBytes,
    /// Mechanism.
    pub mechanism: i8,
    /// Iterations.
    pub iterations: i32,
    /// Salt.
    pub salt: Bytes,
    /// Salted password.
    pub salted_password: Bytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter user scram credentials response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct AlterUserScramCredentialsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Results.
    pub results: Vec<AlterUserScramCredentialsResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Alter user scram credentials result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AlterUserScramCredentialsResult {
    /// User.
    pub user: StrBytes,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
