//! CreatePartitions: more partitions for topics.

use std::collections::BTreeSet;
use std::time::Duration;

use thalweg_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};
use thalweg_protocol::{BrokerId, ErrorCode};

use super::fault::{Fault, fault, invalid, told};
use crate::acl::{Operation, ResourceType};
use crate::cluster::new_topic::{PARTITIONS_MAX, cannot_replicate, check_replicas, spread};
use crate::cluster::{Caller, Cluster, Reply};
use crate::quota::throttle_ms;
use crate::topic::Partition;

/// Gives each topic its partitions, or tells why not.
pub(super) fn create_partitions(
    cluster: &mut Cluster,
    caller: &Caller,
    request: CreatePartitionsRequest,
    reply: Reply<CreatePartitionsRequest>,
) {
    let mut quiet = Duration::ZERO;
    let mut seen = BTreeSet::new();
    let names = request.topics.iter().map(|topic| topic.name.clone());
    let twice: BTreeSet<_> = names.filter(|name| !seen.insert(name.clone())).collect();
    let mut results = Vec::new();
    for topic in request.topics {
        if twice.contains(&topic.name) && !seen.remove(&topic.name) {
            continue;
        }
        let (topic_type, name) = (ResourceType::Topic, &topic.name);
        let outcome = if twice.contains(name) {
            Err(invalid("Duplicate topic name."))
        } else if !cluster.authorize(caller, Operation::Alter, topic_type, name) {
            Err((ErrorCode::TOPIC_AUTHORIZATION_FAILED, String::new()))
        } else {
            add(cluster, caller, &topic, request.validate_only, &mut quiet)
        };
        let (error_code, error_message) = told(outcome);
        results.push(CreatePartitionsTopicResult {
            name: topic.name,
            error_code,
            error_message,
            ..Default::default()
        });
    }
    let response = CreatePartitionsResponse {
        throttle_time_ms: throttle_ms(quiet),
        results,
        ..Default::default()
    };
    reply.send_throttled(&response, quiet);
}

fn add(
    cluster: &mut Cluster,
    caller: &Caller,
    asked: &CreatePartitionsTopic,
    validate_only: bool,
    quiet: &mut Duration,
) -> Result<(), Fault> {
    let Some(topic) = cluster.topics.topic(&asked.name) else {
        return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, String::new()));
    };
    let there = topic.partitions.len();
    let factor = topic
        .partitions
        .first()
        .map_or(1, |first| first.replicas.len());
    let count = usize::try_from(asked.count).unwrap_or(0);
    let refused = |message| Err((ErrorCode::INVALID_PARTITIONS, message));
    if count == there {
        return refused(format!("Topic already has {there} partition(s)."));
    }
    if count < there {
        return refused(format!(
            "The topic {} currently has {there} partition(s); {} would not be an increase.",
            asked.name, asked.count
        ));
    }
    let more = count - there;
    if asked.count > PARTITIONS_MAX {
        let message = format!("A topic has at most {PARTITIONS_MAX} partitions here.");
        return Err((ErrorCode::POLICY_VIOLATION, message));
    }
    let assignment = match &asked.assignments {
        None => {
            let nodes: Vec<BrokerId> = cluster.nodes.alive().map(|(id, _)| id).collect();
            if factor > nodes.len() {
                return Err(cannot_replicate(cluster, factor, nodes.len()));
            }
            spread(&nodes, more, factor, cluster.random.usize(..nodes.len()))
        }
        Some(rows) if rows.len() != more => {
            let message = format!(
                "Attempted to add {more} additional partition(s), but only {} assignment(s) were specified.",
                rows.len()
            );
            return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
        }
        Some(rows) => {
            for row in rows {
                check_replicas(cluster, &row.broker_ids, Some(factor))?;
            }
            rows.iter().map(|row| row.broker_ids.clone()).collect()
        }
    };
    let counted = cluster.count_mutations(caller, more, caller.version < 3, quiet);
    counted.map_err(fault)?;
    let topic = cluster.topics.topic_mut(&asked.name);
    if let Some(topic) = topic.filter(|_| !validate_only) {
        let partitions = assignment.into_iter().map(Partition::new);
        topic.partitions.extend(partitions);
    }
    Ok(())
}
