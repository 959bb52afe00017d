//! CreateAcls (API key 30).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Create acls request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = CreateAcls, versions = 1..=3, flexible = 2.., response = CreateAclsResponse)]
pub struct CreateAclsRequest {
    /// Creations.
    pub creations: Vec<AclCreation>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Acl creation.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AclCreation {
    /// Resource type.
    pub resource_type: i8,
    /// Resource name.
    pub resource_name: StrBytes,
    /// Resource pattern type.
    #[field(default = 3)]
    pub resource_pattern_type: i8,
    /// Principal.
    pub principal: StrBytes,
    /// Host.
    pub host: StrBytes,
    /// Operation.
    pub operation: i8,
    /// Permission type.
    pub permission_type: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Create acls response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=3, flexible = 2..)]
pub struct CreateAclsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Results.
    pub results: Vec<AclCreationResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Acl creation result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AclCreationResult {
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
