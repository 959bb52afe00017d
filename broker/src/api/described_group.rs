//! What ConsumerGroupDescribe, StreamsGroupDescribe and ShareGroupDescribe say of a group that they do
//! not describe.

use thalweg_protocol::ErrorCode;

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::group::check_coordinator;

/// A consumer or streams group that has topics the caller must not know of.
pub(super) const HIDDEN_TOPICS: &str =
    "The group has described topic(s) that the client is not authorized to describe.";

/// Whether a group may be described to the caller, here.
///
/// # Errors
/// It may not; the id is empty; another broker coordinates it.
pub(super) fn check(cluster: &Cluster, caller: &Caller, group_id: &str) -> Result<(), ErrorCode> {
    cluster.check_group(caller, Operation::Describe, group_id)?;
    if group_id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    check_coordinator(cluster, group_id, caller)
}

/// The words for a group that is not there, or of another kind than `kind`.
pub(super) fn not_found(cluster: &Cluster, group_id: &str, kind: &str) -> String {
    match cluster.groups.group(group_id) {
        Some(_) => format!("Group {group_id} is not a {kind} group."),
        None => format!("Group {group_id} not found."),
    }
}
