//! The topics of an app before it starts: sources must be there, internal ones are made (S6).

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_client::{Admin, CallError, NewTopic};
use thalweg_protocol::{ErrorCode, Uuid};

use super::error::AppError;
use super::plan::{InternalTopic, Plan};
use crate::topology::{InputKind, OutputKind, Topology};

/// Between two questions about topics that are not known yet.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// How often a topic of the user's is asked for again before it counts as missing.
const UNKNOWN_TOPIC_ATTEMPTS: u32 = 20;
/// How often a topic is that was made a moment ago.
const NEW_TOPIC_ATTEMPTS: u32 = 100;

/// What is known of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopicFacts {
    pub(crate) topic_id: Uuid,
    pub(crate) partitions: u32,
}

/// All topics of the app, by name.
pub(crate) type TopicTable = BTreeMap<String, TopicFacts>;

/// Finds the user's topics, plans the internal ones, makes those that are missing, and checks
/// those that are there.
///
/// # Errors
/// A topic is missing, cannot be made, or has another number of partitions than state and keys
/// need.
pub(crate) async fn prepare(
    admin: &Admin,
    topology: &Topology,
    replication_factor: i16,
) -> Result<(Plan, TopicTable), AppError> {
    let mut table = TopicTable::new();
    let users = user_topics(topology);
    for (name, found) in describe_patiently(admin, &users).await? {
        let facts = found.ok_or_else(|| {
            AppError::Topics(format!(
                "the topic {name} does not exist: create it before the application is started, \
                 or correct its name"
            ))
        })?;
        table.insert(name, facts);
    }
    let partitions = table
        .iter()
        .map(|(name, facts)| (name.clone(), facts.partitions))
        .collect();
    let plan =
        Plan::new(topology, &partitions).map_err(|error| AppError::Topics(error.to_string()))?;
    let names: Vec<String> = plan
        .internal
        .iter()
        .map(|topic| topic.topic.clone())
        .collect();
    let found = describe(admin, &names).await?;
    let mut missing = Vec::new();
    for topic in &plan.internal {
        match found.get(&topic.topic).copied().flatten() {
            Some(facts) => check(topic, facts)?,
            None => missing.push(topic),
        }
    }
    create(admin, &missing, replication_factor).await?;
    for (name, found) in wait_for(admin, &plan.internal).await? {
        table.insert(name, found);
    }
    Ok((plan, table))
}

/// Sources and sinks; not internal topics.
fn user_topics(topology: &Topology) -> Vec<String> {
    let inputs = topology
        .sub_topologies()
        .iter()
        .flat_map(|sub_topology| &sub_topology.inputs);
    let sources = inputs
        .filter(|input| matches!(input.kind, InputKind::Source(_)))
        .map(|input| input.topic.to_string());
    let sinks = topology
        .outputs()
        .iter()
        .filter(|output| matches!(output.kind, OutputKind::User))
        .map(|output| output.topic.to_string());
    let mut names: Vec<String> = sources.chain(sinks).collect();
    names.sort();
    names.dedup();
    names
}

async fn describe(
    admin: &Admin,
    names: &[String],
) -> Result<BTreeMap<String, Option<TopicFacts>>, AppError> {
    let mut found = BTreeMap::new();
    if names.is_empty() {
        return Ok(found);
    }
    let outcomes = admin
        .describe_topics(names.iter().map(String::as_str))
        .await;
    for (name, outcome) in outcomes {
        let facts = match outcome {
            Ok(topic) => Some(TopicFacts {
                topic_id: topic.id(),
                partitions: u32::try_from(topic.partitions().len()).unwrap_or(u32::MAX),
            }),
            Err(error) if is_unknown_topic(&error) => None,
            Err(error) => {
                return Err(AppError::cluster(
                    format!("looking at the topic {name}"),
                    error,
                ));
            }
        };
        found.insert(name.to_string(), facts);
    }
    Ok(found)
}

/// As [`describe`], but asks again for topics that nobody knows: one that was made a moment ago is
/// not known by every broker yet.
async fn describe_patiently(
    admin: &Admin,
    names: &[String],
) -> Result<BTreeMap<String, Option<TopicFacts>>, AppError> {
    let mut found = describe(admin, names).await?;
    for _ in 0..UNKNOWN_TOPIC_ATTEMPTS {
        if found.values().all(Option::is_some) {
            break;
        }
        tokio::time::sleep(ASK_AGAIN).await;
        found = describe(admin, names).await?;
    }
    Ok(found)
}

fn is_unknown_topic(error: &CallError) -> bool {
    error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

fn check(topic: &InternalTopic, found: TopicFacts) -> Result<(), AppError> {
    if found.partitions == topic.partitions {
        return Ok(());
    }
    Err(AppError::Topics(format!(
        "the internal topic {} has {} partitions, but this program needs {}: the partition count \
         of a source changed, or the program did, and its keys would meet the wrong state. Begin \
         anew under another application id, or restore the former partition counts",
        topic.topic, found.partitions, topic.partitions
    )))
}

async fn create(
    admin: &Admin,
    missing: &[&InternalTopic],
    replication_factor: i16,
) -> Result<(), AppError> {
    if missing.is_empty() {
        return Ok(());
    }
    let topics = missing.iter().map(|topic| {
        let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
        let mut new =
            NewTopic::new(topic.topic.as_str(), partitions).replication_factor(replication_factor);
        for (key, value) in topic.kind.configs() {
            new = new.config(*key, *value);
        }
        new
    });
    for (name, outcome) in admin.create_topics(topics).await {
        match outcome {
            Ok(_) => tracing::info!(topic = %name, "created an internal topic"),
            // Another instance that started at the same time was faster.
            Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {}
            Err(error) => {
                return Err(AppError::cluster(
                    format!("creating the internal topic {name}"),
                    error,
                ));
            }
        }
    }
    Ok(())
}

/// Brokers learn of a new topic one after another.
async fn wait_for(
    admin: &Admin,
    topics: &[InternalTopic],
) -> Result<BTreeMap<String, TopicFacts>, AppError> {
    let names: Vec<String> = topics.iter().map(|topic| topic.topic.clone()).collect();
    for _ in 0..NEW_TOPIC_ATTEMPTS {
        let found = describe(admin, &names).await?;
        if found.values().all(Option::is_some) {
            for topic in topics {
                if let Some(facts) = found.get(&topic.topic).copied().flatten() {
                    check(topic, facts)?;
                }
            }
            let known = found
                .into_iter()
                .filter_map(|(name, facts)| Some((name, facts?)));
            return Ok(known.collect());
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
    Err(AppError::Topics(format!(
        "the internal topics {names:?} were created, but the cluster does not show them: look at \
         its controller's logs"
    )))
}
