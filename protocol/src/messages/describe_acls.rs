//! DescribeAcls (API key 29).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Describe acls request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DescribeAcls, versions = 1..=3, flexible = 2.., response = DescribeAclsResponse)]
pub struct DescribeAclsRequest {
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

/// Describe acls response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=3, flexible = 2..)]
pub struct DescribeAclsResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Error message.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// Resources.
    pub resources: Vec<DescribeAclsResource>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Describe acls resource.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeAclsResource {
    /// Resource type.
    pub resource_type: i8,
    /// Resource name.
    pub resource_name: StrBytes,
    /// Pattern type.
    #[field(default = 3)]
    pub pattern_type: i8,
    /// Acls.
    pub acls: Vec<AclDescription>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Acl description.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AclDescription {
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
