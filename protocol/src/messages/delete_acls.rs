//! Deletes ACLs (DeleteAcls, API key 31).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Deletes the ACLs that match filters.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = DeleteAcls, versions = 1..=3, flexible = 2.., response = DeleteAclsResponse)]
pub struct DeleteAclsRequest {
    /// The filters; ACLs that match any of them are deleted.
    pub filters: Vec<DeleteAclsFilter>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Which ACLs to delete.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteAclsFilter {
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

/// The ACLs that were deleted, by filter.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=3, flexible = 2..)]
pub struct DeleteAclsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The results, one for each filter.
    pub filter_results: Vec<DeleteAclsFilterResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What one filter deleted.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteAclsFilterResult {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// The ACLs that matched.
    pub matching_acls: Vec<DeleteAclsMatchingAcl>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// An ACL that matched.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DeleteAclsMatchingAcl {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// The kind of resource: 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7
    /// user.
    pub resource_type: i8,
    /// The name of the resource, or `*` for all.
    pub resource_name: StrBytes,
    /// How the name is meant: 3 literally, 4 as a prefix.
    #[field(default = 3)]
    pub pattern_type: i8,
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
