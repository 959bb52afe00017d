//! Lists ACLs (DescribeAcls, API key 29).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks for the ACLs that match a filter.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeAcls, versions = 1..=3, flexible = 2..,
    response = DescribeAclsResponse
)]
pub struct DescribeAclsRequest {
    /// The kind of resource: 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation
    /// token, 7 user.
    pub resource_type_filter: i8,
    /// The name of the resource; `None` for any.
    #[field(default = Some(StrBytes::new()))]
    pub resource_name_filter: Option<StrBytes>,
    /// How the name is meant: 1 any, 2 matching, 3 literally, 4 as a prefix.
    #[field(default = 3)]
    pub pattern_type_filter: i8,
    /// The principal, as `User:name`; `None` for any.
    #[field(default = Some(StrBytes::new()))]
    pub principal_filter: Option<StrBytes>,
    /// The host; `None` for any.
    #[field(default = Some(StrBytes::new()))]
    pub host_filter: Option<StrBytes>,
    /// The operation: 1 any, 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, 9
    /// cluster action, 10 describe configs, 11 alter configs, 12 idempotent write, 13 create
    /// tokens, 14 describe tokens, 15 two-phase commit.
    pub operation: i8,
    /// The effect: 1 any, 2 deny, 3 allow.
    pub permission_type: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The ACLs, by resource.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=3, flexible = 2..)]
pub struct DescribeAclsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// The resources that match, each with its ACLs.
    pub resources: Vec<DescribeAclsResource>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A resource and its ACLs.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeAclsResource {
    /// The kind of resource: 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7
    /// user.
    pub resource_type: i8,
    /// The name of the resource, or `*` for all.
    pub resource_name: StrBytes,
    /// How the name is meant: 3 literally, 4 as a prefix.
    #[field(default = 3)]
    pub pattern_type: i8,
    /// The ACLs of the resource.
    pub acls: Vec<AclDescription>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// An ACL.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct AclDescription {
    /// The principal, as `User:name`.
    pub principal: StrBytes,
    /// The host the principal connects from, or `*` for any.
    pub host: StrBytes,
    /// The operation: 1 any, 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, 9
    /// cluster action, 10 describe configs, 11 alter configs, 12 idempotent write, 13 create
    /// tokens, 14 describe tokens, 15 two-phase commit.
    pub operation: i8,
    /// The effect: 1 any, 2 deny, 3 allow.
    pub permission_type: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
