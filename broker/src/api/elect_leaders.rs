//! ElectLeaders: puts partitions back to the leaders they should have.

use thalweg_protocol::messages::{
    ElectLeadersPartitionResult, ElectLeadersRequest, ElectLeadersResponse, ReplicaElectionResult,
};
use thalweg_protocol::{BrokerId, ErrorCode, PartitionId, StrBytes};

use super::fault::{Fault, fault, invalid, told};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

/// What kind of leader is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Election {
    /// The first replica, where it is in sync.
    Preferred,
    /// Any replica, in sync or not, where there is no leader.
    Unclean,
}

/// Elects leaders, of all partitions where none is named.
pub(super) fn elect_leaders(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ElectLeadersRequest,
) -> ElectLeadersResponse {
    let failed = |error_code| ElectLeadersResponse {
        // Version 0 has no code for the whole.
        error_code: if caller.version == 0 {
            ErrorCode::NONE
        } else {
            error_code
        },
        ..Default::default()
    };
    if !cluster.authorize_cluster(caller, Operation::Alter) {
        return failed(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    }
    let election = match request.election_type {
        0 => Ok(Election::Preferred),
        1 => Ok(Election::Unclean),
        other => Err(invalid(format!("Unknown election type {other}"))),
    };
    let all = request.topic_partitions.is_none();
    let asked: Vec<(StrBytes, Vec<PartitionId>)> = match request.topic_partitions {
        Some(topics) => {
            let topics = topics.into_iter();
            topics.map(|row| (row.topic, row.partitions)).collect()
        }
        None => {
            let topics = cluster.topics.iter().map(|(name, topic)| {
                let indexes = (0..).map(PartitionId).take(topic.partitions.len());
                (name.clone(), indexes.collect())
            });
            topics.collect()
        }
    };
    let mut replica_election_results = Vec::new();
    for (topic, indexes) in asked {
        let mut partition_result = Vec::new();
        for index in indexes {
            let kind = election.clone();
            let outcome = kind.and_then(|election| elect(cluster, &topic, index, election));
            let (error_code, error_message) = told(outcome);
            if all && error_code == ErrorCode::ELECTION_NOT_NEEDED {
                continue;
            }
            partition_result.push(ElectLeadersPartitionResult {
                partition_id: index,
                error_code,
                error_message,
                ..Default::default()
            });
        }
        replica_election_results.push(ReplicaElectionResult {
            topic,
            partition_result,
            ..Default::default()
        });
    }
    let whole = match &election {
        Err((error_code, _)) if caller.version > 0 => *error_code,
        _ => ErrorCode::NONE,
    };
    ElectLeadersResponse {
        error_code: whole,
        replica_election_results,
        ..Default::default()
    }
}

fn elect(
    cluster: &mut Cluster,
    topic: &StrBytes,
    index: PartitionId,
    election: Election,
) -> Result<(), Fault> {
    let unknown = |what: String| Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, what));
    if cluster.topics.topic(topic).is_none() {
        return unknown(format!("No such topic as {topic}"));
    }
    let Some(partition) = cluster.topics.partition(topic, index) else {
        return unknown(format!("No such partition as {topic}-{index}"));
    };
    let preferred = partition.replicas.first().copied();
    let needed = match election {
        Election::Preferred => partition.leader.is_none() || partition.leader != preferred,
        Election::Unclean => partition.leader.is_none(),
    };
    if !needed {
        return Err(fault(ErrorCode::ELECTION_NOT_NEEDED));
    }
    let alive = |id: &BrokerId| cluster.nodes.is_alive(*id);
    let in_sync = |id: &BrokerId| partition.in_sync.contains(id);
    let (leader, none) = match election {
        Election::Preferred => (
            preferred.filter(|id| alive(id) && in_sync(id)),
            ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE,
        ),
        Election::Unclean => (
            partition.replicas.iter().copied().find(alive),
            ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE,
        ),
    };
    let leader = leader.ok_or_else(|| fault(none))?;
    cluster.lead_by(topic, index, leader);
    Ok(())
}
