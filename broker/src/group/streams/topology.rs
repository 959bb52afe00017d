//! The topology of a streams application, as far as the broker must know it.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::messages::{
    DescribedStreamsSubtopology, DescribedStreamsTopology, StreamsKeyValue, StreamsSubtopology,
    StreamsTopicInfo, StreamsTopology,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use crate::group::Fault;
use crate::topic::name_fault;

/// Bounds what a member can make the broker compute: Kafka sets no such limits.
const SUBTOPOLOGIES_MAX: usize = 1_000;
const TOPICS_MAX: usize = 10_000;

/// An internal topic as the application wants it. 0 partitions: as many as follow from the others; 0
/// replicas: the broker's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InternalTopic {
    pub(super) name: StrBytes,
    pub(super) partitions: i32,
    pub(super) replicas: i16,
    pub(super) configs: Vec<(StrBytes, StrBytes)>,
}

/// A part of the topology that shares no topic with the others: one task for each partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subtopology {
    /// Topics from outside the application.
    pub(super) sources: Vec<StrBytes>,
    /// Repartition topics that are written.
    pub(super) repartition_sinks: Vec<StrBytes>,
    /// Repartition topics that are read.
    pub(super) repartition_sources: Vec<InternalTopic>,
    pub(super) changelogs: Vec<InternalTopic>,
    /// Topics that must have the same number of partitions.
    pub(super) copartitioned: Vec<BTreeSet<StrBytes>>,
}

impl Subtopology {
    /// All topics it reads.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &StrBytes> {
        let repartition = self.repartition_sources.iter().map(|topic| &topic.name);
        self.sources.iter().chain(repartition)
    }
}

/// A topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topology {
    pub(super) topology_epoch: i32,
    pub(super) subtopologies: BTreeMap<StrBytes, Subtopology>,
}

fn invalid<T>(message: String) -> Result<T, Fault> {
    Err((ErrorCode::STREAMS_INVALID_TOPOLOGY, message))
}

impl Topology {
    /// Reads a topology out of a request.
    ///
    /// # Errors
    /// `STREAMS_INVALID_TOPOLOGY`.
    pub(super) fn read(topology: &StreamsTopology) -> Result<Self, Fault> {
        if topology.epoch < 0 {
            return invalid("Topology epoch must be non-negative.".to_owned());
        }
        let mut subtopologies = BTreeMap::new();
        for part in &topology.subtopologies {
            let id = part.subtopology_id.detached();
            if subtopologies.insert(id.clone(), read_part(part)?).is_some() {
                return invalid(format!("Subtopology {id} is there twice."));
            }
        }
        Ok(Topology {
            topology_epoch: topology.epoch,
            subtopologies,
        })
    }

    /// The topics that have to exist before it can run.
    pub(super) fn required_topics(&self) -> impl Iterator<Item = &StrBytes> {
        self.subtopologies.values().flat_map(|part| {
            let changelogs = part.changelogs.iter().map(|topic| &topic.name);
            part.inputs().chain(changelogs)
        })
    }

    /// The sub-topology that reads a topic.
    pub(super) fn reader_of(&self, topic: &str) -> Option<&StrBytes> {
        let mut parts = self.subtopologies.iter();
        let reads = |part: &Subtopology| part.inputs().any(|input| *input == *topic);
        parts.find(|(_, part)| reads(part)).map(|(id, _)| id)
    }

    /// Describes it with the numbers of partitions that are known.
    pub(super) fn describe(&self, counts: &BTreeMap<StrBytes, i32>) -> DescribedStreamsTopology {
        let describe = |(id, part): (&StrBytes, &Subtopology)| DescribedStreamsSubtopology {
            subtopology_id: id.clone(),
            source_topics: sorted(&part.sources),
            repartition_sink_topics: sorted(&part.repartition_sinks),
            state_changelog_topics: describe_topics(&part.changelogs, counts),
            repartition_source_topics: describe_topics(&part.repartition_sources, counts),
            ..Default::default()
        };
        DescribedStreamsTopology {
            epoch: self.topology_epoch,
            subtopologies: Some(self.subtopologies.iter().map(describe).collect()),
            ..Default::default()
        }
    }
}

fn read_part(part: &StreamsSubtopology) -> Result<Subtopology, Fault> {
    let names = |names: &[StrBytes]| names.iter().map(StrBytes::detached).collect::<Vec<_>>();
    let sources = names(&part.source_topics);
    let repartition_sources: Vec<InternalTopic> = part
        .repartition_source_topics
        .iter()
        .map(read_topic)
        .collect();
    let mut copartitioned = Vec::new();
    for group in &part.copartition_groups {
        let place = |index: &i16| usize::try_from(*index).ok();
        let by_source = group
            .source_topics
            .iter()
            .map(|index| sources.get(place(index)?));
        let by_repartition = group.repartition_source_topics.iter();
        let by_repartition =
            by_repartition.map(|index| Some(&repartition_sources.get(place(index)?)?.name));
        let topics: Option<BTreeSet<StrBytes>> = by_source
            .chain(by_repartition)
            .map(Option::<&StrBytes>::cloned)
            .collect();
        match topics {
            Some(topics) => copartitioned.push(topics),
            None => {
                let id = &part.subtopology_id;
                return invalid(format!(
                    "A copartition group of subtopology {id} has an index without a topic."
                ));
            }
        }
    }
    Ok(Subtopology {
        sources,
        repartition_sinks: names(&part.repartition_sink_topics),
        repartition_sources,
        changelogs: part.state_changelog_topics.iter().map(read_topic).collect(),
        copartitioned,
    })
}

fn read_topic(topic: &StreamsTopicInfo) -> InternalTopic {
    let pair = |pair: &StreamsKeyValue| (pair.key.detached(), pair.value.detached());
    InternalTopic {
        name: topic.name.detached(),
        partitions: topic.partitions,
        replicas: topic.replication_factor,
        configs: topic.topic_configs.iter().map(pair).collect(),
    }
}

fn sorted(names: &[StrBytes]) -> Vec<StrBytes> {
    let mut sorted = names.to_vec();
    sorted.sort();
    sorted
}

fn describe_topics(
    topics: &[InternalTopic],
    counts: &BTreeMap<StrBytes, i32>,
) -> Vec<StreamsTopicInfo> {
    let pair = |(key, value): &(StrBytes, StrBytes)| StreamsKeyValue {
        key: key.clone(),
        value: value.clone(),
        ..Default::default()
    };
    let describe = |topic: &InternalTopic| StreamsTopicInfo {
        name: topic.name.clone(),
        partitions: counts.get(&topic.name).copied().unwrap_or(topic.partitions),
        replication_factor: topic.replicas,
        topic_configs: topic.configs.iter().map(pair).collect(),
        ..Default::default()
    };
    let mut described: Vec<StreamsTopicInfo> = topics.iter().map(describe).collect();
    described.sort_by(|a, b| a.name.cmp(&b.name));
    described
}

/// What can be said against a topology without knowing the group or the topics there are.
pub(super) fn check(topology: &StreamsTopology) -> Result<(), Fault> {
    let parts = topology.subtopologies.iter();
    let topics = parts.map(|part| {
        let internal = part.repartition_source_topics.len() + part.state_changelog_topics.len();
        internal + part.source_topics.len() + part.repartition_sink_topics.len()
    });
    if topology.subtopologies.len() > SUBTOPOLOGIES_MAX || topics.sum::<usize>() > TOPICS_MAX {
        return invalid(format!(
            "More than {SUBTOPOLOGIES_MAX} subtopologies or {TOPICS_MAX} topics."
        ));
    }
    for part in &topology.subtopologies {
        if !part.source_topic_regex.is_empty() {
            let message = "Regular expressions for source topics are not supported yet.";
            return Err((ErrorCode::INVALID_REQUEST, message.to_owned()));
        }
        for topic in &part.state_changelog_topics {
            if topic.partitions != 0 {
                return invalid(format!(
                    "Changelog topic {} must have an undefined partition count, but it is set to {}.",
                    topic.name, topic.partitions
                ));
            }
        }
        for topic in &part.repartition_source_topics {
            if topic.partitions < 0 {
                return invalid(format!(
                    "Topic {} has {} partitions.",
                    topic.name, topic.partitions
                ));
            }
        }
    }
    Ok(())
}

/// What is wrong with the names of a topology's topics.
pub(super) fn check_names(topology: &StreamsTopology) -> Result<(), Fault> {
    let parts = topology.subtopologies.iter();
    let names: BTreeSet<&StrBytes> = parts
        .flat_map(|part| {
            let repartition = part.repartition_source_topics.iter();
            let internal = repartition.chain(&part.state_changelog_topics);
            let internal = internal.map(|topic| &topic.name);
            part.source_topics
                .iter()
                .chain(&part.repartition_sink_topics)
                .chain(internal)
        })
        .collect();
    let is_kafkas = |name: &&&StrBytes| crate::topic::is_internal_name(name);
    let prohibited: Vec<&str> = names
        .iter()
        .filter(is_kafkas)
        .map(|name| name.as_str())
        .collect();
    if !prohibited.is_empty() {
        return invalid(format!(
            "Use of Kafka internal topics {} in a Kafka Streams topology is prohibited.",
            prohibited.join(",")
        ));
    }
    let is_bad = |name: &&&StrBytes| name_fault(name).is_some();
    let bad: Vec<&str> = names
        .iter()
        .filter(is_bad)
        .map(|name| name.as_str())
        .collect();
    if !bad.is_empty() {
        return invalid(format!(
            "Topic names {} are not valid topic names.",
            bad.join(",")
        ));
    }
    Ok(())
}
