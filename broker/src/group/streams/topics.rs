//! Internal topics: how many partitions each needs, and which are missing.
//!
//! ```text
//!  source topics ──► sub-topology ──► repartition topic ──► sub-topology ──► ...
//!   as they are       most of its      as many, or as       most of its
//!                     inputs: tasks    the app says         inputs: tasks, changelogs
//! ```
//! Numbers follow from the source topics, through the repartition topics, as Kafka's
//! `InternalTopicManager` finds them; topics that are read together must agree.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::messages::{CreatableTopic, CreatableTopicConfig};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::topology::{InternalTopic, Subtopology, Topology};
use crate::group::Fault;
use crate::topic::Topics;

/// The status codes of a heartbeat's answer.
pub(super) mod status {
    pub(crate) const STALE_TOPOLOGY: i8 = 0;
    pub(crate) const MISSING_SOURCE_TOPICS: i8 = 1;
    pub(crate) const INCORRECTLY_PARTITIONED_TOPICS: i8 = 2;
    pub(crate) const MISSING_INTERNAL_TOPICS: i8 = 3;
    pub(crate) const SHUTDOWN_APPLICATION: i8 = 4;
    pub(crate) const ASSIGNMENT_DELAYED: i8 = 5;
    pub(crate) const MISSING_CLIENT_TAGS: i8 = 6;
}

/// What is made of a topology and the topics there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Configured {
    /// The number of tasks of each sub-topology; empty while that cannot be told.
    pub(super) task_counts: BTreeMap<StrBytes, usize>,
    /// The partitions each internal topic has or is to have.
    pub(super) partition_counts: BTreeMap<StrBytes, i32>,
    /// The internal topics to be made.
    pub(super) missing: Vec<CreatableTopic>,
    /// Why the application cannot run yet, as a status.
    pub(super) problem: Option<(i8, String)>,
}

impl Configured {
    /// Whether the application can run.
    pub(super) fn is_ready(&self) -> bool {
        self.problem.is_none()
    }
}

/// Why no numbers can be found.
enum Trouble {
    /// The topics there are do not fit: they may change.
    Status(i8, String),
    /// The topology makes no sense.
    Invalid(String),
}

/// Finds out how many partitions and tasks everything needs, and what is missing.
///
/// # Errors
/// `STREAMS_INVALID_TOPOLOGY`.
pub(super) fn configure(topology: &Topology, topics: &Topics) -> Result<Configured, Fault> {
    let counter = Counter {
        topology,
        topics,
        decided: BTreeMap::new(),
    };
    match counter.configure() {
        Ok(configured) => Ok(configured),
        Err(Trouble::Status(code, message)) => Ok(Configured {
            problem: Some((code, message)),
            ..Configured::default()
        }),
        Err(Trouble::Invalid(message)) => Err((ErrorCode::STREAMS_INVALID_TOPOLOGY, message)),
    }
}

struct Counter<'a> {
    topology: &'a Topology,
    topics: &'a Topics,
    /// Partitions of internal topics.
    decided: BTreeMap<StrBytes, i32>,
}

impl Counter<'_> {
    fn configure(mut self) -> Result<Configured, Trouble> {
        self.check_sources()?;
        self.decide_repartition_topics()?;
        self.enforce_copartitioning()?;
        let task_counts = self.decide_changelogs()?;
        let missing = self.missing()?;
        let names = missing.iter().map(|topic| &topic.name);
        let problem = (!missing.is_empty()).then(|| {
            let message = format!("Internal topics are missing: {}", summary(names));
            (status::MISSING_INTERNAL_TOPICS, message)
        });
        Ok(Configured {
            task_counts,
            partition_counts: self.decided,
            missing,
            problem,
        })
    }

    fn parts(&self) -> impl Iterator<Item = (&StrBytes, &Subtopology)> {
        self.topology.subtopologies.iter()
    }

    /// The partitions of a topic: those it has, else those decided on.
    fn count(&self, topic: &StrBytes) -> Option<i32> {
        let existing = self.topics.topic(topic);
        let existing = existing.and_then(|topic| i32::try_from(topic.partitions.len()).ok());
        existing.or_else(|| self.decided.get(topic).copied())
    }

    fn check_sources(&self) -> Result<(), Trouble> {
        let sources = self.parts().flat_map(|(_, part)| &part.sources);
        let is_missing = |topic: &&StrBytes| self.topics.topic(topic).is_none();
        let missing: BTreeSet<&StrBytes> = sources.filter(is_missing).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!(
            "Source topics {} are missing.",
            summary(missing.into_iter())
        );
        Err(Trouble::Status(status::MISSING_SOURCE_TOPICS, message))
    }

    /// Follows the numbers from source topics downstream, for as long as that brings new ones.
    fn decide_repartition_topics(&mut self) -> Result<(), Trouble> {
        let topology = self.topology;
        let mut counts: BTreeMap<StrBytes, i32> = BTreeMap::new();
        let fixed = self.parts().flat_map(|(_, part)| &part.repartition_sources);
        let fixed = fixed.filter(|topic| topic.partitions != 0);
        counts.extend(fixed.map(|topic| (topic.name.clone(), topic.partitions)));
        loop {
            let (mut progress, mut wanted) = (false, false);
            for part in topology.subtopologies.values() {
                let mut sinks = part.repartition_sinks.iter();
                if sinks.all(|sink| counts.contains_key(sink)) {
                    continue;
                }
                let repartition = part.repartition_sources.iter();
                let repartition = repartition.filter_map(|it| counts.get(&it.name).copied());
                let outside = part.sources.iter().filter_map(|topic| self.count(topic));
                let Some(count) = repartition.chain(outside).max() else {
                    wanted = true;
                    continue;
                };
                for sink in &part.repartition_sinks {
                    counts.entry(sink.clone()).or_insert(count);
                }
                progress = true;
            }
            if !wanted {
                break;
            }
            if !progress {
                return Err(Trouble::Invalid(
                    "Failed to compute number of partitions for all repartition topics. There may \
                     be loops in the topology that cannot be resolved."
                        .to_owned(),
                ));
            }
        }
        let parts = topology.subtopologies.values();
        let mut read = parts.flat_map(|part| &part.repartition_sources);
        if read.any(|topic| !counts.contains_key(&topic.name)) {
            return Err(Trouble::Invalid(
                "Failed to compute number of partitions for all repartition topics, because a \
                 repartition source topic is never used as a sink topic."
                    .to_owned(),
            ));
        }
        self.decided.extend(counts);
        Ok(())
    }

    fn enforce_copartitioning(&mut self) -> Result<(), Trouble> {
        let topology = self.topology;
        let parts = topology.subtopologies.values();
        let repartition = || parts.clone().flat_map(|part| &part.repartition_sources);
        let is_fixed = |topic: &&InternalTopic| topic.partitions != 0;
        let fixed: BTreeSet<&StrBytes> = repartition()
            .filter(is_fixed)
            .map(|topic| &topic.name)
            .collect();
        let all: BTreeSet<&StrBytes> = repartition().map(|topic| &topic.name).collect();
        for group in parts.clone().flat_map(|part| &part.copartitioned) {
            let agreed = self.agree(group, &all, &fixed)?;
            self.decided.extend(agreed);
        }
        Ok(())
    }

    /// The number of partitions of the repartition topics among some that are read together.
    fn agree(
        &self,
        group: &BTreeSet<StrBytes>,
        repartition: &BTreeSet<&StrBytes>,
        fixed: &BTreeSet<&StrBytes>,
    ) -> Result<BTreeMap<StrBytes, i32>, Trouble> {
        let (own, outside): (Vec<_>, Vec<_>) =
            group.iter().partition(|topic| repartition.contains(topic));
        let counts = |topics: &[&StrBytes]| -> Vec<(StrBytes, i32)> {
            let count = |topic: &&StrBytes| Some(((*topic).clone(), self.count(topic)?));
            topics.iter().filter_map(count).collect()
        };
        let (own_counts, outside_counts) = (counts(&own), counts(&outside));
        let number = if outside.is_empty() && fixed.is_empty() {
            own_counts.iter().map(|(_, count)| *count).max()
        } else if outside.is_empty() {
            let all_fixed: Vec<&StrBytes> = fixed.iter().copied().collect();
            same(&counts(&all_fixed), &own_counts)?
        } else {
            same(&outside_counts, &outside_counts)?
        };
        let Some(number) = number else {
            return Ok(BTreeMap::new());
        };
        for (topic, count) in &own_counts {
            if fixed.contains(topic) && *count != number {
                let message = format!(
                    "Number of partitions [{count}] of repartition topic [{topic}] doesn't match \
                     number of partitions [{number}] of the source topic."
                );
                return Err(Trouble::Status(
                    status::INCORRECTLY_PARTITIONED_TOPICS,
                    message,
                ));
            }
        }
        Ok(own_counts
            .into_iter()
            .map(|(topic, _)| (topic, number))
            .collect())
    }

    /// A changelog has a partition for each task of its sub-topology.
    fn decide_changelogs(&mut self) -> Result<BTreeMap<StrBytes, usize>, Trouble> {
        let topology = self.topology;
        let mut task_counts = BTreeMap::new();
        for (id, part) in &topology.subtopologies {
            let tasks = part.inputs().filter_map(|topic| self.count(topic)).max();
            let Some(tasks) = tasks else {
                return Err(Trouble::Invalid(format!(
                    "No source topics found for subtopology {id}"
                )));
            };
            let changelogs = part
                .changelogs
                .iter()
                .map(|topic| (topic.name.clone(), tasks));
            self.decided.extend(changelogs);
            task_counts.insert(id.clone(), usize::try_from(tasks).unwrap_or(0));
        }
        Ok(task_counts)
    }

    /// The internal topics that are not there.
    fn missing(&self) -> Result<Vec<CreatableTopic>, Trouble> {
        let mut missing = BTreeMap::new();
        let topics = |part: &'_ Subtopology| -> Vec<InternalTopic> {
            part.repartition_sources
                .iter()
                .chain(&part.changelogs)
                .cloned()
                .collect()
        };
        for topic in self.parts().flat_map(|(_, part)| topics(part)) {
            let wanted = match topic.partitions {
                0 => self.decided.get(&topic.name).copied().unwrap_or(0),
                fixed => fixed,
            };
            match self
                .topics
                .topic(&topic.name)
                .map(|existing| existing.partitions.len())
            {
                None => {
                    let name = topic.name.clone();
                    missing.insert(name, creatable(topic, wanted));
                }
                Some(found) if usize::try_from(wanted) == Ok(found) => {}
                Some(found) => {
                    let name = topic.name;
                    let message = format!(
                        "Existing topic {name} has different number of partitions: expected \
                         {wanted}, found {found}"
                    );
                    return Err(Trouble::Status(
                        status::INCORRECTLY_PARTITIONED_TOPICS,
                        message,
                    ));
                }
            }
        }
        Ok(missing.into_values().collect())
    }
}

/// The number all of these have.
fn same(counts: &[(StrBytes, i32)], shown: &[(StrBytes, i32)]) -> Result<Option<i32>, Trouble> {
    let first = counts.first().map(|(_, count)| *count);
    if counts.iter().all(|(_, count)| Some(*count) == first) {
        return Ok(first);
    }
    let shown: Vec<String> = shown
        .iter()
        .map(|(topic, count)| format!("{topic}={count}"))
        .collect();
    let message = format!(
        "Following topics do not have the same number of partitions: [{{{}}}]",
        shown.join(", ")
    );
    Err(Trouble::Status(
        status::INCORRECTLY_PARTITIONED_TOPICS,
        message,
    ))
}

fn creatable(topic: InternalTopic, num_partitions: i32) -> CreatableTopic {
    let config = |(name, value)| CreatableTopicConfig {
        name,
        value: Some(value),
        ..Default::default()
    };
    CreatableTopic {
        name: topic.name,
        num_partitions,
        replication_factor: if topic.replicas == 0 {
            -1
        } else {
            topic.replicas
        },
        configs: topic.configs.into_iter().map(config).collect(),
        ..Default::default()
    }
}

/// The first three, and how many more there are.
fn summary<'a>(topics: impl Iterator<Item = &'a StrBytes>) -> String {
    const SHOWN_MAX: usize = 3;
    let all: Vec<&str> = topics.map(StrBytes::as_str).collect();
    let shown = all
        .get(..SHOWN_MAX.min(all.len()))
        .unwrap_or_default()
        .join(", ");
    match all.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} additional topics"),
    }
}
