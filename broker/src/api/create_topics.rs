//! CreateTopics: new topics, their replicas spread over the brokers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thalweg_protocol::messages::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use thalweg_protocol::{BrokerId, ErrorCode, StrBytes};

use super::fault::{Fault, fault};
use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster, Reply};
use crate::quota::throttle_ms;
use crate::release::Release;
use crate::settings::{ConfigSource, Definition, SettingError, Value};
use crate::topic::{
    Partition, Topic, TopicConfig, broker_key_of_topic_key, is_internal_name, name_fault,
};

/// The most partitions one request makes: each costs memory.
pub(super) const PARTITIONS_MAX: i32 = 10_000;

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

/// Makes a topic with everything at its default, as asking for its metadata does.
pub(super) fn create_missing(cluster: &mut Cluster, name: &StrBytes) -> Result<(), Fault> {
    let topic = CreatableTopic {
        name: name.clone(),
        num_partitions: -1,
        replication_factor: -1,
        ..Default::default()
    };
    create_topic(cluster, topic, false).map(|_| ())
}

/// Makes a topic, or only says whether it could be made.
pub(crate) fn create_topic(
    cluster: &mut Cluster,
    topic: CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, Fault> {
    let name = topic.name.detached();
    if let Some(fault) = name_fault(&name) {
        return Err(fault);
    }
    check_collision(cluster, &name)?;
    // Kafka looks at the settings first.
    let config = config(cluster, &topic)?;
    let assignment = assignment(cluster, &topic)?;
    let id = cluster.new_uuid();
    let result = CreatableTopicResult {
        name: name.clone(),
        topic_id: id,
        error_message: None,
        num_partitions: i32::try_from(assignment.len()).unwrap_or(i32::MAX),
        replication_factor: i16::try_from(assignment.first().map_or(0, Vec::len))
            .unwrap_or(i16::MAX),
        configs: Some(described(cluster, &config)),
        ..Default::default()
    };
    if validate_only {
        return Ok(result);
    }
    let partitions = assignment.into_iter().map(Partition::new).collect();
    let topic = Topic {
        id,
        config,
        partitions,
        is_internal: is_internal_name(&name),
    };
    cluster.topics.insert(name, topic);
    Ok(result)
}

/// The settings asked for.
fn config(cluster: &Cluster, topic: &CreatableTopic) -> Result<TopicConfig, Fault> {
    let refused = |message: String| (ErrorCode::INVALID_CONFIG, message);
    let nulls = topic.configs.iter().filter(|row| row.value.is_none());
    let nulls: Vec<&str> = nulls.map(|row| row.name.as_str()).collect();
    if !nulls.is_empty() {
        let nulls = nulls.join(",");
        return Err(refused(format!(
            "Null value not supported for topic configs: {nulls}"
        )));
    }
    let pairs = topic.configs.iter();
    let pairs = pairs.filter_map(|row| Some((&*row.name, row.value.as_deref()?)));
    let config = TopicConfig::with(pairs, &cluster.settings, cluster.release);
    let config = config.map_err(|error| match error {
        SettingError::UnknownKey { key, .. } => {
            refused(format!("Unknown topic config name: {key}"))
        }
        other => refused(other.to_string()),
    })?;
    match config.contradiction(&cluster.settings) {
        None => Ok(config),
        Some(message) => Err(refused(message)),
    }
}

/// Names that differ in dots and underscores only would have the same metrics.
fn check_collision(cluster: &Cluster, name: &str) -> Result<(), Fault> {
    if cluster.topics.topic(name).is_some() {
        let message = format!("Topic '{name}' already exists.");
        return Err((ErrorCode::TOPIC_ALREADY_EXISTS, message));
    }
    let flat = name.replace('.', "_");
    match cluster
        .topics
        .iter()
        .find(|(other, _)| other.replace('.', "_") == flat)
    {
        None => Ok(()),
        Some((other, _)) => {
            let message = format!("Topic '{name}' collides with existing topic: {other}");
            Err((ErrorCode::INVALID_TOPIC_EXCEPTION, message))
        }
    }
}

/// The replicas of each partition.
fn assignment(cluster: &mut Cluster, topic: &CreatableTopic) -> Result<Vec<Vec<BrokerId>>, Fault> {
    if !topic.assignments.is_empty() {
        return manual_assignment(cluster, topic);
    }
    if topic.replication_factor < -1 || topic.replication_factor == 0 {
        let message = "Replication factor must be larger than 0, or -1 to use the default value.";
        return Err((ErrorCode::INVALID_REPLICATION_FACTOR, message.to_owned()));
    }
    let partitions = match topic.num_partitions {
        -1 => cluster.settings.number32("num.partitions"),
        count => count,
    };
    if partitions <= 0 {
        let message = "Number of partitions was set to an invalid non-positive value.".to_owned();
        return Err((ErrorCode::INVALID_PARTITIONS, message));
    }
    if partitions > PARTITIONS_MAX {
        let message = "Excessively large number of partitions per request.".to_owned();
        return Err((ErrorCode::POLICY_VIOLATION, message));
    }
    let factor = match topic.replication_factor {
        -1 => cluster.settings.number32("default.replication.factor"),
        factor => i32::from(factor),
    };
    let nodes: Vec<BrokerId> = cluster.nodes.alive().map(|(id, _)| id).collect();
    let factor = usize::try_from(factor).unwrap_or(usize::MAX);
    if factor > nodes.len() {
        return Err(cannot_replicate(cluster, factor, nodes.len()));
    }
    let partitions = usize::try_from(partitions).unwrap_or_default();
    Ok(spread(
        &nodes,
        partitions,
        factor,
        cluster.random.usize(..nodes.len()),
    ))
}

/// There are too few brokers.
pub(super) fn cannot_replicate(cluster: &Cluster, factor: usize, brokers: usize) -> Fault {
    let cordoned = if cluster.release >= Release::of(4, 3) {
        " or some brokers have all their log directories cordoned"
    } else {
        ""
    };
    let message = format!(
        "Unable to replicate the partition {factor} time(s): The target replication factor of \
         {factor} cannot be reached because only {brokers} broker(s) are registered{cordoned}."
    );
    (ErrorCode::INVALID_REPLICATION_FACTOR, message)
}

/// Leaders by turns from the broker at `first` on; followers are the next ones in the ring.
pub(super) fn spread(
    nodes: &[BrokerId],
    partitions: usize,
    factor: usize,
    first: usize,
) -> Vec<Vec<BrokerId>> {
    let replicas = |partition: usize| {
        let ring = nodes
            .iter()
            .cycle()
            .skip((first + partition) % nodes.len().max(1));
        ring.take(factor).copied().collect()
    };
    (0..partitions).map(replicas).collect()
}

fn manual_assignment(
    cluster: &Cluster,
    topic: &CreatableTopic,
) -> Result<Vec<Vec<BrokerId>>, Fault> {
    let refused = |what: &str| {
        let message = format!("A manual partition assignment was specified, but {what}");
        Err((ErrorCode::INVALID_REQUEST, message))
    };
    if topic.replication_factor != -1 {
        return refused("replication factor was not set to -1.");
    }
    if topic.num_partitions != -1 {
        return refused("numPartitions was not set to -1.");
    }
    let invalid = |message: String| Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
    let mut by_index = BTreeMap::new();
    let mut factor = None;
    for row in &topic.assignments {
        let index = row.partition_index;
        if by_index.contains_key(&index) {
            return invalid(format!(
                "Found multiple manual partition assignments for partition {index}"
            ));
        }
        check_replicas(cluster, &row.broker_ids, factor)?;
        factor = Some(row.broker_ids.len());
        by_index.insert(index, row.broker_ids.clone());
    }
    if !by_index
        .keys()
        .zip(0..)
        .all(|(index, place)| index.0 == place)
    {
        return invalid("partitions should be a consecutive 0-based integer sequence".to_owned());
    }
    Ok(by_index.into_values().collect())
}

/// Whether these brokers can be a partition's replicas, as many as the `factor` says.
pub(super) fn check_replicas(
    cluster: &Cluster,
    replicas: &[BrokerId],
    factor: Option<usize>,
) -> Result<(), Fault> {
    let refused = |what: String| {
        let message = format!("The manual partition assignment includes {what}");
        Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, message))
    };
    if replicas.is_empty() {
        return refused("an empty replica list.".to_owned());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    let mut before = None;
    for id in sorted {
        if cluster.nodes.node(id).is_none() {
            return refused(format!("broker {id}, but no such broker is registered."));
        }
        if before.replace(id) == Some(id) {
            return refused(format!("the broker {id} more than once."));
        }
    }
    let count = replicas.len();
    match factor.filter(|factor| *factor != count) {
        None => Ok(()),
        Some(factor) => refused(format!(
            "a partition with {count} replica(s), but this is not consistent with previous \
             partitions, which have {factor} replica(s)."
        )),
    }
}

/// The topic's settings as the answer shows them.
fn described(cluster: &Cluster, config: &TopicConfig) -> Vec<CreatableTopicConfigs> {
    let broker = cluster.nodes.controller().unwrap_or_default();
    let row = |definition: &'static Definition| {
        let value: Value = config.value(definition.key, &cluster.settings);
        let of_broker = broker_key_of_topic_key(definition.key);
        let of_broker = of_broker.and_then(|key| {
            let origins = cluster.layers.of_key(broker, key);
            origins.first().map(|(source, _)| *source)
        });
        let config_source = match config.own().set_value(definition.key) {
            Some(_) => ConfigSource::Topic,
            None => of_broker.unwrap_or(ConfigSource::Default),
        };
        CreatableTopicConfigs {
            name: definition.key.into(),
            value: Some(value.to_string().into()),
            config_source: config_source.code(),
            ..Default::default()
        }
    };
    config.own().definitions().map(row).collect()
}
