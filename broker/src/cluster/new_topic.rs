//! New topics: what is asked for is checked, settings are found, replicas are spread over the brokers.

use std::collections::BTreeMap;

use thalweg_protocol::messages::{CreatableTopic, CreatableTopicConfigs, CreatableTopicResult};
use thalweg_protocol::{BrokerId, ErrorCode, StrBytes};

use super::{Cluster, Fault};
use crate::release::Release;
use crate::settings::{ConfigSource, Definition, SettingError, Value};
use crate::topic::{
    Partition, Topic, TopicConfig, broker_key_of_topic_key, is_internal_name, name_fault,
};

/// The most partitions one request makes: each costs memory.
pub(crate) const PARTITIONS_MAX: i32 = 10_000;

/// Makes a topic with everything at its default, as asking for its metadata does.
pub(crate) fn create_missing(cluster: &mut Cluster, name: &StrBytes) -> Result<(), Fault> {
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
pub(crate) fn cannot_replicate(cluster: &Cluster, factor: usize, brokers: usize) -> Fault {
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
pub(crate) fn spread(
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
pub(crate) fn check_replicas(
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
