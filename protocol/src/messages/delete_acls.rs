//! DeleteAcls (API key 31).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Delete acls request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DeleteAcls, versions = 1..=3, flexible = 2.., response = DeleteAclsResponse)]
pub struct DeleteAclsRequest {
    /// Filters.
    pub filters: Vec<DeleteAclsFilter>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete acls filter.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteAclsFilter {
    /// Resource type filter.
    pub resource_type_filter: i8,
    /// Resource name filter.
    #[field(default = Some(StrBytes::new()))]
    pub resource_name_filter: Option<StrBytes>,
    /// Pattern type filter.
    #[field(default = 3)]
    pub pattern_type_filter: i8,
    /// Principal filter.
    #[field(default = Some(StrBytes::new()))]
    pub principal_filter: Option<StrBytes>,
    /// Host filter.
    #[field(default = Some(StrBytes::new()))]
    pub host_filter: Option<StrBytes>,
    /// Operation.
    pub operation: i8,
    /// Permission type.
    pub permission_type: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete acls response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=3, flexible = 2..)]
pub struct DeleteAclsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Filter results.
    pub filter_results: Vec<DeleteAclsFilterResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete acls filter result.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteAclsFilterResult {
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Matching acls.
    pub matching_acls: Vec<DeleteAclsMatchingAcl>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Delete acls matching acl.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteAclsMatchingAcl {
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Resource type.
    pub resource_type: i8,
    /// Resource name.
    pub resource_name: StrBytes,
    /// Pattern type.
    #[field(default = 3)]
    pub pattern_type: i8,
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
