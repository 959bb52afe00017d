//! StreamsGroupTopologyDescriptionUpdate: served as by a Kafka that has no plugin to store it.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    StreamsGroupTopologyDescriptionUpdateRequest, StreamsGroupTopologyDescriptionUpdateResponse,
};

use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::group::check_coordinator;

/// Refuses the description.
pub(super) fn streams_group_topology_description_update(
    cluster: &mut Cluster,
    caller: &Caller,
    request: StreamsGroupTopologyDescriptionUpdateRequest,
) -> StreamsGroupTopologyDescriptionUpdateResponse {
    let no_plugin = "The broker has no streams group topology description plugin configured.";
    let group = &request.group_id;
    let may = cluster.authorize(caller, Operation::Read, ResourceType::Group, group);
    let (error_code, message) = match check_coordinator(cluster, group, caller) {
        _ if !may => (ErrorCode::GROUP_AUTHORIZATION_FAILED, None),
        Ok(()) => (ErrorCode::UNSUPPORTED_VERSION, Some(no_plugin.into())),
        Err(error_code) => (error_code, None),
    };
    StreamsGroupTopologyDescriptionUpdateResponse {
        error_code,
        error_message: message,
        ..Default::default()
    }
}
