//! From a topology and what the cluster has, to numbers: how many tasks each sub-topology has, and
//! which internal topics there must be, with how many partitions.
//!
//! ```text
//!  source topics ─► tasks of a sub-topology = the most partitions among its inputs
//!       repartition topic: as many partitions as said, else as the upstream has tasks
//!       changelog topic:   as many partitions as its sub-topology has tasks
//! ```

use std::collections::BTreeMap;

use crate::task::SubTopologyId;
use crate::topology::{InputKind, OutputKind, Topology};

/// A topic of the app's own that must exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InternalTopic {
    pub(crate) topic: String,
    pub(crate) partitions: u32,
    pub(crate) kind: InternalKind,
}

/// What an internal topic is for; decides its configuration (S6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InternalKind {
    Changelog,
    Repartition,
}

impl InternalKind {
    /// The topic's configuration.
    pub(crate) fn configs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // Wall-clock timestamps of our own, so no broker clock is needed.
            InternalKind::Changelog => &[
                ("cleanup.policy", "compact"),
                ("message.timestamp.type", "CreateTime"),
            ],
            // Kept until read: purged by DeleteRecords after the commit, never by age.
            InternalKind::Repartition => &[
                ("cleanup.policy", "delete"),
                ("retention.ms", "-1"),
                ("retention.bytes", "-1"),
                ("message.timestamp.type", "CreateTime"),
            ],
        }
    }
}

/// The numbers of a running app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    /// By the index of the sub-topology.
    pub(crate) tasks: Vec<u32>,
    /// In the order of the topology's outputs.
    pub(crate) internal: Vec<InternalTopic>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlanError {
    #[error(
        "the topic {topic} does not exist: create it before the application is started, or \
         correct its name"
    )]
    UnknownTopic { topic: String },
    #[error("the topology has a cycle of repartition topics through {topic}")]
    Cycle { topic: String },
}

impl Plan {
    /// Plans `topology` for a cluster whose topics have these partition counts. Internal topics
    /// are planned from the program alone, whether they exist or not.
    pub(crate) fn new(
        topology: &Topology,
        partitions: &BTreeMap<String, u32>,
    ) -> Result<Self, PlanError> {
        let mut planned: BTreeMap<String, u32> = BTreeMap::new();
        let mut tasks: Vec<Option<u32>> = vec![None; topology.sub_topologies().len()];
        // Each round settles at least one sub-topology, or there is a cycle.
        while tasks.iter().any(Option::is_none) {
            let before = tasks.clone();
            for (sub_topology, count) in topology.sub_topologies().iter().zip(&mut tasks) {
                if count.is_some() {
                    continue;
                }
                let mut most = Some(0);
                for input in &sub_topology.inputs {
                    let topic = input.topic.as_ref();
                    let has = match input.kind {
                        InputKind::Source(_) => {
                            Some(partitions.get(topic).copied().ok_or_else(|| {
                                PlanError::UnknownTopic {
                                    topic: topic.to_owned(),
                                }
                            })?)
                        }
                        InputKind::Repartition { .. } => planned.get(topic).copied(),
                    };
                    most = most.zip(has).map(|(most, has): (u32, u32)| most.max(has));
                }
                *count = most;
            }
            for output in topology.outputs() {
                if let OutputKind::Repartition {
                    upstream,
                    partitions,
                } = output.kind
                    && let Some(count) = partitions.or(task_count(&tasks, upstream))
                {
                    planned.insert(output.topic.to_string(), count);
                }
            }
            if before == tasks {
                let topic = topology.outputs().iter().find(|output| {
                    matches!(output.kind, OutputKind::Repartition { .. })
                        && !planned.contains_key(output.topic.as_ref())
                });
                let topic = topic
                    .map(|output| output.topic.to_string())
                    .unwrap_or_default();
                return Err(PlanError::Cycle { topic });
            }
        }
        let internal = topology
            .outputs()
            .iter()
            .filter_map(|output| {
                let (partitions, kind) = match output.kind {
                    OutputKind::User => return None,
                    OutputKind::Changelog(owner) => {
                        (task_count(&tasks, owner)?, InternalKind::Changelog)
                    }
                    OutputKind::TimeChangelog(owner) => {
                        let mut owners = topology.sub_topologies().iter();
                        let count = |of| task_count(&tasks, of).unwrap_or(0);
                        owners
                            .find(|found| found.id == owner)
                            .filter(|found| found.needs_time_changelog(count))?;
                        (task_count(&tasks, owner)?, InternalKind::Changelog)
                    }
                    OutputKind::Repartition { .. } => (
                        *planned.get(output.topic.as_ref())?,
                        InternalKind::Repartition,
                    ),
                };
                Some(InternalTopic {
                    topic: output.topic.to_string(),
                    partitions,
                    kind,
                })
            })
            .collect();
        Ok(Self {
            tasks: tasks.into_iter().flatten().collect(),
            internal,
        })
    }

    /// How many tasks a sub-topology has.
    pub(crate) fn tasks_of(&self, sub_topology: SubTopologyId) -> u32 {
        let index = usize::try_from(sub_topology.0).unwrap_or(usize::MAX);
        self.tasks.get(index).copied().unwrap_or(0)
    }
}

fn task_count(tasks: &[Option<u32>], sub_topology: SubTopologyId) -> Option<u32> {
    tasks
        .get(usize::try_from(sub_topology.0).ok()?)
        .copied()
        .flatten()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::task::{InputId, OutputId};
    use crate::topology::{Blueprint, Changelog, Input, OutputTopic, SourceSettings, SubTopology};

    fn source(topic: &str) -> (String, InputKind) {
        (
            topic.to_owned(),
            InputKind::Source(SourceSettings::default()),
        )
    }

    fn repartition(topic: &str, upstream: u32, output: u32) -> (String, InputKind) {
        let upstream = SubTopologyId(upstream);
        (
            topic.to_owned(),
            InputKind::Repartition {
                upstream,
                output: OutputId(output),
            },
        )
    }

    /// Sub-topologies from their inputs; outputs as given.
    fn topology(
        sub_topologies: Vec<Vec<(String, InputKind)>>,
        outputs: Vec<(&str, OutputKind)>,
    ) -> Topology {
        let sub_topologies = (0..)
            .zip(sub_topologies)
            .map(|(id, inputs)| SubTopology {
                id: SubTopologyId(id),
                inputs: (0..)
                    .zip(inputs)
                    .map(|(id, (topic, kind))| Input {
                        id: InputId(id),
                        topic: topic.into(),
                        kind,
                    })
                    .collect(),
                changelogs: Vec::<Changelog>::new(),
                time_changelog: None,
                factory: Arc::new(|_| panic!("no task is made here")),
            })
            .collect();
        let outputs = outputs
            .into_iter()
            .map(|(topic, kind)| OutputTopic {
                topic: topic.into(),
                kind,
                is_lenient: false,
            })
            .collect();
        Topology::new(Blueprint {
            application_id: "app".to_owned(),
            sub_topologies,
            outputs,
        })
    }

    fn counts(topics: &[(&str, u32)]) -> BTreeMap<String, u32> {
        topics
            .iter()
            .map(|(topic, count)| ((*topic).to_owned(), *count))
            .collect()
    }

    #[test]
    fn a_repartition_topic_has_as_many_partitions_as_its_upstream_has_tasks() {
        let upstream = SubTopologyId(0);
        let topology = topology(
            vec![
                vec![source("a"), source("b")],
                vec![repartition("app-x-repartition", 0, 0)],
            ],
            vec![
                (
                    "app-x-repartition",
                    OutputKind::Repartition {
                        upstream,
                        partitions: None,
                    },
                ),
                ("app-x-changelog", OutputKind::Changelog(SubTopologyId(1))),
                ("out", OutputKind::User),
            ],
        );
        let plan = Plan::new(&topology, &counts(&[("a", 3), ("b", 5)])).unwrap();
        assert_eq!(plan.tasks, [5, 5]);
        assert_eq!(plan.tasks_of(SubTopologyId(1)), 5);
        let internal: Vec<_> = plan
            .internal
            .iter()
            .map(|t| (t.topic.as_str(), t.partitions, t.kind))
            .collect();
        assert_eq!(
            internal,
            [
                ("app-x-repartition", 5, InternalKind::Repartition),
                ("app-x-changelog", 5, InternalKind::Changelog),
            ]
        );
    }

    #[test]
    fn a_partition_count_that_was_said_decides_downstream() {
        let said = OutputKind::Repartition {
            upstream: SubTopologyId(0),
            partitions: Some(12),
        };
        let topology = topology(
            vec![
                vec![source("a")],
                vec![repartition("app-x-repartition", 0, 0)],
            ],
            vec![("app-x-repartition", said)],
        );
        let plan = Plan::new(&topology, &counts(&[("a", 3)])).unwrap();
        assert_eq!(plan.tasks, [3, 12]);
    }

    #[test]
    fn an_unknown_source_topic_is_named() {
        let topology = topology(vec![vec![source("bids")]], vec![]);
        let error = Plan::new(&topology, &counts(&[])).unwrap_err();
        assert!(
            error.to_string().contains("bids does not exist: create it"),
            "{error}"
        );
    }

    #[test]
    fn a_cycle_is_an_error_and_not_a_hang() {
        let kind = OutputKind::Repartition {
            upstream: SubTopologyId(0),
            partitions: None,
        };
        let topology = topology(
            vec![vec![repartition("app-x-repartition", 0, 0)]],
            vec![("app-x-repartition", kind)],
        );
        let error = Plan::new(&topology, &counts(&[])).unwrap_err();
        assert_eq!(
            error,
            PlanError::Cycle {
                topic: "app-x-repartition".to_owned()
            }
        );
    }
}
