//! StreamsGroupHeartbeat: the one request of members of streams groups (KIP-1071). What internal
//! topics the application lacks is made here.

use thalweg_protocol::messages::{
    CreatableTopic, StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use crate::acl::{Operation, ResourceType};
use crate::cluster::new_topic::create_topic;
use crate::cluster::{Caller, Cluster};
use crate::group::check_coordinator;
use crate::group::streams::{self, MISSING_INTERNAL_TOPICS};

/// Joins, keeps or leaves a group.
pub(super) fn streams_group_heartbeat(
    cluster: &mut Cluster,
    caller: &Caller,
    request: StreamsGroupHeartbeatRequest,
) -> StreamsGroupHeartbeatResponse {
    let failed = |error_code: ErrorCode, message: Option<String>| StreamsGroupHeartbeatResponse {
        error_code,
        error_message: message.map(StrBytes::from),
        ..Default::default()
    };
    if !cluster.authorize(
        caller,
        Operation::Read,
        ResourceType::Group,
        &request.group_id,
    ) {
        return failed(ErrorCode::GROUP_AUTHORIZATION_FAILED, None);
    }
    if !may_see_topics(cluster, caller, &request) {
        return failed(ErrorCode::TOPIC_AUTHORIZATION_FAILED, None);
    }
    if let Err(error_code) = check_coordinator(cluster, &request.group_id, caller) {
        return failed(error_code, None);
    }
    match streams::heartbeat(cluster, caller, &request) {
        Ok((mut response, missing)) => {
            make(cluster, caller, missing, &mut response);
            response
        }
        Err((code, message)) => failed(code, Some(message)),
    }
}

/// Makes internal topics. They are there at the next heartbeat, or their status says why not.
fn make(
    cluster: &mut Cluster,
    caller: &Caller,
    missing: Vec<CreatableTopic>,
    response: &mut StreamsGroupHeartbeatResponse,
) {
    let mut statuses = response.status.iter_mut().flatten();
    let status = statuses.find(|status| status.status_code == MISSING_INTERNAL_TOPICS);
    let say = |more: &str| {
        if let Some(status) = status {
            status.status_detail = StrBytes::from(format!("{}; {more}.", status.status_detail));
        }
    };
    let may_create = |topic: &&CreatableTopic| {
        cluster.authorize_cluster(caller, Operation::Create)
            || cluster.authorize(caller, Operation::Create, ResourceType::Topic, &topic.name)
    };
    let forbidden = missing.iter().filter(|topic| !may_create(topic));
    let forbidden: Vec<&str> = forbidden.map(|topic| topic.name.as_str()).collect();
    if !forbidden.is_empty() {
        return say(&format!(
            "Unauthorized to CREATE on topics {}",
            forbidden.join(", ")
        ));
    }
    let mut failed = Vec::new();
    for topic in missing {
        let name = topic.name.clone();
        if let Err((_, message)) = create_topic(cluster, topic, false) {
            failed.push(format!("{name} ({message})"));
        }
    }
    if !failed.is_empty() {
        say(&format!("Creation failed: {}", failed.join(", ")));
    }
}

/// Whether the member may know of all topics of its topology.
fn may_see_topics(
    cluster: &Cluster,
    caller: &Caller,
    request: &StreamsGroupHeartbeatRequest,
) -> bool {
    let parts = request
        .topology
        .iter()
        .flat_map(|topology| &topology.subtopologies);
    let mut names = parts.flat_map(|part| {
        let repartition = part.repartition_source_topics.iter();
        let internal = repartition
            .chain(&part.state_changelog_topics)
            .map(|topic| &topic.name);
        part.source_topics
            .iter()
            .chain(&part.repartition_sink_topics)
            .chain(internal)
    });
    names.all(|name| cluster.authorize(caller, Operation::Describe, ResourceType::Topic, name))
}
