//! CreateTopics: new topics, for those who may make them.

use std::collections::BTreeSet;
use std::time::Duration;

use thalweg_protocol::messages::{
    CreatableTopic, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::fault::{Fault, fault};
use crate::acl::{Operation, ResourceType};
use crate::cluster::new_topic::create_topic;
use crate::cluster::{Caller, Cluster, Reply};
use crate::quota::throttle_ms;

/// Makes the topics, each on its own.
pub(super) fn create_topics(
    cluster: &mut Cluster,
    caller: &Caller,
    request: CreateTopicsRequest,
    reply: Reply<CreateTopicsRequest>,
) {
    let mut quiet = Duration::ZERO;
    let mut seen = BTreeSet::new();
    let names = request.topics.iter().map(|topic| topic.name.clone());
    let twice: BTreeSet<StrBytes> = names.filter(|name| !seen.insert(name.clone())).collect();
    let mut topics = Vec::new();
    for topic in request.topics {
        if twice.contains(&topic.name) {
            if seen.remove(&topic.name) {
                let message = "Duplicate topic name.".to_owned();
                topics.push(failed(topic.name, (ErrorCode::INVALID_REQUEST, message)));
            }
            continue;
        }
        let name = topic.name.clone();
        let created = create_allowed(cluster, caller, topic, request.validate_only, &mut quiet);
        topics.push(created.unwrap_or_else(|fault| failed(name, fault)));
    }
    let response = CreateTopicsResponse {
        throttle_time_ms: throttle_ms(quiet),
        topics,
        ..Default::default()
    };
    reply.send_throttled(&response, quiet);
}

fn failed(name: StrBytes, (error_code, message): Fault) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        error_code,
        error_message: Some(message.into()),
        configs: Some(Vec::new()),
        ..Default::default()
    }
}

/// Makes a topic if the caller may.
fn create_allowed(
    cluster: &mut Cluster,
    caller: &Caller,
    topic: CreatableTopic,
    validate_only: bool,
    quiet: &mut Duration,
) -> Result<CreatableTopicResult, Fault> {
    const METADATA: &str = "__cluster_metadata";
    let (kind, name) = (ResourceType::Topic, topic.name.clone());
    if name == METADATA {
        let message = format!("Creation of internal topic {METADATA} is prohibited.");
        return Err((ErrorCode::INVALID_REQUEST, message));
    }
    if !cluster.authorize_cluster(caller, Operation::Create)
        && !cluster.authorize(caller, Operation::Create, kind, &name)
    {
        let message = "Authorization failed.".to_owned();
        return Err((ErrorCode::TOPIC_AUTHORIZATION_FAILED, message));
    }
    // A topic that cannot be made costs nothing.
    let partitions = create_topic(cluster, topic.clone(), true)?.num_partitions;
    let partitions = usize::try_from(partitions).unwrap_or_default();
    let counted = cluster.count_mutations(caller, partitions, caller.version < 6, quiet);
    counted.map_err(fault)?;
    let mut created = create_topic(cluster, topic, validate_only)?;
    if !cluster.authorize(caller, Operation::DescribeConfigs, kind, &name) {
        // What the topic is like is told by those who may see it alone.
        created.topic_config_error_code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
        created.num_partitions = -1;
        created.replication_factor = -1;
        created.configs = Some(Vec::new());
    }
    Ok(created)
}
