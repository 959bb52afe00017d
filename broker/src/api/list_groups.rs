//! ListGroups: the groups that a broker coordinates.

use thalweg_protocol::StrBytes;
use thalweg_protocol::messages::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::group::{Group, check_coordinator};

/// Lists the groups of the states and kinds asked for.
pub(super) fn list_groups(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ListGroupsRequest,
) -> ListGroupsResponse {
    let picked = |filter: &[StrBytes], word: &str| {
        filter.is_empty() || filter.iter().any(|it| it.trim().eq_ignore_ascii_case(word))
    };
    let listed = |(id, group): (&StrBytes, &Group)| ListedGroup {
        group_id: id.clone(),
        protocol_type: group.protocol_type(),
        group_state: group.state_name().into(),
        group_type: group.kind_name().into(),
        ..Default::default()
    };
    let sees_all = cluster.authorize_cluster(caller, Operation::Describe);
    let sees = |id: &str| sees_all || cluster.check_group(caller, Operation::Describe, id).is_ok();
    let groups = cluster.groups.iter().filter(|(id, group)| {
        picked(&request.states_filter, group.state_name())
            && picked(&request.types_filter, group.kind_name())
            && check_coordinator(cluster, id, caller).is_ok()
            && sees(id)
    });
    ListGroupsResponse {
        groups: groups.map(listed).collect(),
        ..Default::default()
    }
}
