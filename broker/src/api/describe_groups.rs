//! DescribeGroups: classic groups and their members.

use thalweg_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup};
use thalweg_protocol::{ErrorCode, StrBytes};

use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::group::check_coordinator;

/// The first version in which it is an error that a group does not exist.
const NOT_FOUND: i16 = 6;

/// Describes each group.
pub(super) fn describe_groups(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let one = |group_id: StrBytes| {
        let mut described = describe(cluster, caller, group_id);
        if request.include_authorized_operations && described.error_code.is_none() {
            described.authorized_operations =
                cluster.authorized_operations(caller, ResourceType::Group, &described.group_id);
        }
        described
    };
    DescribeGroupsResponse {
        groups: request.groups.into_iter().map(one).collect(),
        ..Default::default()
    }
}

fn describe(cluster: &Cluster, caller: &Caller, group_id: StrBytes) -> DescribedGroup {
    let checked = cluster
        .check_group(caller, Operation::Describe, &group_id)
        .and_then(|()| check_coordinator(cluster, &group_id, caller));
    if let Err(error_code) = checked {
        return DescribedGroup {
            error_code,
            group_id,
            ..Default::default()
        };
    }
    let group = cluster.groups.group(&group_id);
    if let Some(described) = group.and_then(|group| group.describe_classic()) {
        return described;
    }
    let mut described = DescribedGroup {
        group_state: "Dead".into(),
        ..Default::default()
    };
    if caller.version >= NOT_FOUND {
        let message = match group {
            None => format!("Group {group_id} not found."),
            Some(_) => format!("Group {group_id} is not a classic group."),
        };
        described.error_code = ErrorCode::GROUP_ID_NOT_FOUND;
        described.error_message = Some(message.into());
    }
    described.group_id = group_id;
    described
}
