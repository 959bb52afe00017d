//! FindCoordinator: where to ask about a group, a transactional id, a share partition.

use thalweg_protocol::messages::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use thalweg_protocol::{BrokerId, ErrorCode, StrBytes};

use crate::acl::Operation;
use crate::cluster::{
    Caller, Cluster, CoordinatorKind, Node, coordinator_of, create_coordinator_topic,
};

/// The first version that asks for several keys at once.
const BATCHED: i16 = 4;

/// The first version that knows share groups.
const SHARE: i16 = 6;

/// Tells the coordinator of each key; makes the internal topic that decides it when it is missing.
pub(super) fn find_coordinator(
    cluster: &mut Cluster,
    caller: &Caller,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let kind = CoordinatorKind::of_key_type(request.key_type);
    let kind = kind.filter(|kind| *kind != CoordinatorKind::Share || caller.version >= SHARE);
    if let Some(kind) = kind {
        create_coordinator_topic(cluster, kind);
    }
    let find = |key: StrBytes| one_key(cluster, caller, kind, key);
    if caller.version >= BATCHED {
        return FindCoordinatorResponse {
            coordinators: request.coordinator_keys.into_iter().map(find).collect(),
            ..Default::default()
        };
    }
    let found = find(request.key);
    FindCoordinatorResponse {
        error_code: found.error_code,
        error_message: Some(message(found.error_code)),
        node_id: found.node_id,
        host: found.host,
        port: found.port,
        ..Default::default()
    }
}

fn one_key(
    cluster: &Cluster,
    caller: &Caller,
    kind: Option<CoordinatorKind>,
    key: StrBytes,
) -> Coordinator {
    let denied = kind.and_then(|kind| check(cluster, caller, kind, &key).err());
    let found = match kind {
        _ if denied.is_some() => Err(denied.unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR)),
        None => Err(ErrorCode::INVALID_REQUEST),
        Some(CoordinatorKind::Share) if !is_share_key(&key) => Err(ErrorCode::INVALID_REQUEST),
        Some(kind) => running_coordinator(cluster, kind, &key),
    };
    match found {
        Ok((node_id, node)) => Coordinator {
            key,
            node_id,
            host: node.host.clone(),
            port: i32::from(node.port),
            ..Default::default()
        },
        Err(error_code) => Coordinator {
            key,
            node_id: BrokerId::default(),
            port: -1,
            error_code,
            ..Default::default()
        },
    }
}

fn check(
    cluster: &Cluster,
    caller: &Caller,
    kind: CoordinatorKind,
    key: &str,
) -> Result<(), ErrorCode> {
    match kind {
        CoordinatorKind::Group => cluster.check_group(caller, Operation::Describe, key),
        CoordinatorKind::Transaction => {
            cluster.check_transactional_id(caller, Operation::Describe, key)
        }
        CoordinatorKind::Share => {
            let allowed = cluster.authorize_cluster(caller, Operation::ClusterAction);
            let denied = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
            allowed.then_some(()).ok_or(denied)
        }
    }
}

fn running_coordinator<'a>(
    cluster: &'a Cluster,
    kind: CoordinatorKind,
    key: &str,
) -> Result<(BrokerId, &'a Node), ErrorCode> {
    let found = coordinator_of(cluster, kind, key)
        .and_then(|node_id| Some((node_id, cluster.nodes.node(node_id)?)));
    found.ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)
}

/// Whether a key is a group, a topic id and a partition.
fn is_share_key(key: &str) -> bool {
    let mut parts = key.rsplitn(3, ':');
    let (partition, topic_id, group) = (parts.next(), parts.next(), parts.next());
    partition.is_some_and(|partition| partition.parse::<i32>().is_ok_and(|index| index >= 0))
        && topic_id.is_some_and(|id| !id.trim().is_empty())
        && group.is_some_and(|group| !group.trim().is_empty())
}

/// Kafka's words: those of its exception, or the name where there is none.
fn message(error: ErrorCode) -> StrBytes {
    match error {
        ErrorCode::NONE => "NONE".into(),
        ErrorCode::COORDINATOR_NOT_AVAILABLE => "The coordinator is not available.".into(),
        other => other.to_string().into(),
    }
}
