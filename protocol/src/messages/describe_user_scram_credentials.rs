//! DescribeUserScramCredentials (API key 50).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Describe user scram credentials request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeUserScramCredentials, versions = 0..=0, flexible = 0.., response = DescribeUserScramCredentialsResponse)]
pub struct DescribeUserScramCredentialsRequest {
    /// Users.
    #[field(default = Some(Vec::new()))]
    pub users: Option<Vec<UserName>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// User name.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct UserName {
    /// Name.
    pub name: StrBytes,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe user scram credentials response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct DescribeUserScramCredentialsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Results.
    pub results: Vec<DescribeUserScramCredentialsResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe user scram credentials result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeUserScramCredentialsResult {
    /// User.
    pub user: StrBytes,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Credential infos.
    pub credential_infos: Vec<CredentialInfo>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Credential info.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct CredentialInfo {
    /// Mechanism.
    pub mechanism: i8,
    /// Iterations.
    pub iterations: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
