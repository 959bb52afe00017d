//! From the graph of a program to its topology: groups become numbered sub-topologies.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::state::fingerprint_of;
use crate::task::{
    ChangelogId, InputId, OperatorTask, OutputId, SubTopologyId, TaskInit, TimeChangelog,
};

use super::builder::{PlannedChangelog, PlannedInput, TaskPlan};
use super::graph::{Graph, GroupId, SourceEntry};
use super::names::time_changelog_topic;
use super::{
    Blueprint, Changelog, Input, InputKind, OutputKind, OutputTopic, SourceSettings, SubTopology,
    Topology, TopologyError, TopologyFault, describe,
};

impl Graph {
    /// Numbers the sub-topologies in the order of their first sources, and checks the program.
    pub(crate) fn build(&self) -> Result<Topology, TopologyError> {
        let mut faults = self.faults.clone();
        let used = |source: &&SourceEntry| {
            source
                .factory
                .as_ref()
                .is_some_and(|factory| factory.runs() > 0)
        };
        let mut numbers: BTreeMap<GroupId, SubTopologyId> = BTreeMap::new();
        for source in self.sources.iter().filter(used) {
            let next = SubTopologyId(numbers.len() as u32);
            numbers.entry(self.root_of(source.group)).or_insert(next);
        }
        if numbers.is_empty() {
            faults.push(TopologyFault::Empty);
        }
        faults.extend(self.taken_time_changelogs());
        if !faults.is_empty() {
            return Err(TopologyError { faults });
        }

        let number = |group: GroupId| numbers.get(&self.root_of(group)).copied();
        let outputs = self.outputs.iter().filter_map(|output| {
            Some(OutputTopic {
                topic: Arc::clone(&output.topic),
                kind: Self::output_kind(output.kind, number)?,
                is_lenient: output.is_lenient,
            })
        });
        let mut outputs: Vec<OutputTopic> = outputs.collect();
        let mut groups: Vec<(SubTopologyId, GroupId)> =
            numbers.iter().map(|(group, id)| (*id, *group)).collect();
        groups.sort_unstable();
        let mut sub_topologies = Vec::new();
        for (id, group) in groups {
            let time_topic = self.time_changelog_of(group);
            let time_output = time_topic.map(|topic| (OutputId(outputs.len() as u32), topic));
            outputs.extend(time_output.iter().map(|(_, topic)| OutputTopic {
                topic: Arc::clone(topic),
                kind: OutputKind::TimeChangelog(id),
                is_lenient: false,
            }));
            sub_topologies.push(self.sub_topology(id, group, &number, time_output));
        }
        let topology = Topology::new(Blueprint {
            application_id: self.application_id.clone(),
            outputs,
            sub_topologies,
        });
        let description = describe::describe(self, number);
        Ok(topology.described(&description, &describe::mermaid(self, number)))
    }

    /// The time changelog of what reads a repartition topic, named after the first one it reads.
    fn time_changelog_of(&self, group: GroupId) -> Option<Arc<str>> {
        let mut sources = self.sources.iter();
        let first = sources
            .find(|source| self.root_of(source.group) == group && source.upstream.is_some())?;
        Some(time_changelog_topic(&first.topic).into())
    }

    /// Names of operators whose topics would be time changelogs.
    fn taken_time_changelogs(&self) -> impl Iterator<Item = TopologyFault> {
        let repartitions = self
            .sources
            .iter()
            .filter(|source| source.upstream.is_some());
        repartitions.filter_map(|source| {
            let topic = time_changelog_topic(&source.topic);
            let taken = self.outputs.iter().any(|output| *output.topic == *topic);
            let name = topic
                .strip_prefix(&format!("{}-", self.application_id))?
                .strip_suffix("-changelog")?;
            taken.then(|| TopologyFault::DuplicateName {
                name: name.to_owned(),
            })
        })
    }

    fn sub_topology(
        &self,
        id: SubTopologyId,
        group: GroupId,
        number: &impl Fn(GroupId) -> Option<SubTopologyId>,
        time_output: Option<(OutputId, Arc<str>)>,
    ) -> SubTopology {
        let is_here = |other: GroupId| self.root_of(other) == group;
        let sources = self.sources.iter().filter(|source| is_here(source.group));
        let mut inputs = Vec::new();
        let mut planned = Vec::new();
        for source in sources {
            let Some(factory) = source.factory.as_ref().filter(|factory| factory.runs() > 0) else {
                continue;
            };
            let topic: Arc<str> = source.topic.as_str().into();
            let options = source.options.clone();
            let kind = match source.upstream {
                Some((upstream, output)) => InputKind::Repartition {
                    upstream: number(upstream).unwrap_or(id),
                    output,
                },
                None => InputKind::Source(SourceSettings {
                    start_from: options.start_from,
                    on_out_of_range: options.on_out_of_range,
                    on_bad_record: options.on_bad_record,
                    idle_after: options.watermark.idle_after,
                }),
            };
            inputs.push(Input {
                id: InputId(inputs.len() as u32),
                topic: Arc::clone(&topic),
                kind,
            });
            planned.push(PlannedInput {
                topic,
                options,
                factory: Arc::clone(factory),
            });
        }

        let operators = self.operators.iter().enumerate();
        let operators = operators.filter(|(_, operator)| is_here(operator.group));
        let mut changelogs = Vec::new();
        let mut planned_changelogs = BTreeMap::new();
        for (index, operator) in operators {
            let changelog = ChangelogId(changelogs.len() as u32);
            let topic = self.outputs.get(operator.output.0 as usize);
            changelogs.push(Changelog {
                id: changelog,
                operator: Arc::clone(&operator.name),
                topic: topic.map_or_else(|| "".into(), |output| Arc::clone(&output.topic)),
            });
            planned_changelogs.insert(
                super::graph::OperatorId(index),
                PlannedChangelog {
                    id: changelog,
                    output: operator.output,
                    operator: Arc::clone(&operator.name),
                },
            );
        }

        let time_changelog = time_output.map(|(output, topic)| TimeChangelog {
            id: ChangelogId(changelogs.len() as u32),
            output,
            topic,
        });

        // In the order of `OutputId`.
        let repartitions = self
            .outputs
            .iter()
            .enumerate()
            .filter(|(_, output)| output.groups.iter().any(|group| is_here(*group)))
            .filter(|(_, output)| output.is_repartition())
            .map(|(index, _)| OutputId(index as u32));
        let names: Vec<&str> = inputs.iter().map(|input| &*input.topic).collect();
        let plan = Arc::new(TaskPlan {
            id,
            fingerprint: fingerprint_of(&format!("inputs {}", names.join(","))),
            stepwise: planned.len() > 1
                || planned.iter().any(|input| input.factory.runs() > 1)
                || self.stepwise.iter().any(|group| is_here(*group))
                || self.has_forks(&is_here),
            inputs: planned,
            changelogs: planned_changelogs,
            output_topics: self
                .outputs
                .iter()
                .map(|output| Arc::clone(&output.topic))
                .collect(),
            repartitions: repartitions.collect(),
            time_changelog: time_changelog.clone(),
        });
        let factory = Arc::new(move |init: TaskInit| {
            Box::new(OperatorTask::new(Arc::clone(&plan), init)) as Box<dyn crate::task::Task>
        });
        SubTopology {
            id,
            inputs,
            changelogs,
            time_changelog: time_changelog.map(|time| Changelog {
                id: time.id,
                operator: "event time".into(),
                topic: time.topic,
            }),
            factory,
        }
    }

    /// Whether what comes out of some operator goes several ways.
    fn has_forks(&self, is_here: &impl Fn(GroupId) -> bool) -> bool {
        let mut ends: BTreeMap<super::graph::NodeId, usize> = BTreeMap::new();
        for (from, _, _) in &self.edges {
            let here = self
                .nodes
                .get(from.0)
                .is_some_and(|node| is_here(node.group));
            if here {
                *ends.entry(*from).or_default() += 1;
            }
        }
        ends.values().any(|runs| *runs > 1)
    }
}
