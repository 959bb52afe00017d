//! The program as it is being written: what its streams have registered so far.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::source::SourceOptions;
use crate::task::OutputId;

use super::builder::InputFactory;
use super::names::{changelog_topic, repartition_topic, topic_name_fault};
use super::{OutputKind, SubTopologyId, TopologyFault};

/// A connected part of the program, until parts are numbered: groups become one where streams of
/// different sources meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub(super) usize);

/// An operator with state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OperatorId(pub(super) usize);

/// A source, a repartition topic's reading end included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SourceId(pub(super) usize);

/// A point of the program in its description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(super) usize);

/// The graph as streams share it while the program is written.
#[derive(Clone)]
pub(crate) struct SharedGraph(Arc<Mutex<Graph>>);

impl SharedGraph {
    pub(crate) fn new(application_id: String) -> Self {
        let mut graph = Graph {
            application_id,
            ..Graph::default()
        };
        graph.check_name("the application", &graph.application_id.clone());
        Self(Arc::new(Mutex::new(graph)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Graph> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
pub(crate) struct Graph {
    pub(super) application_id: String,
    /// Union-find: each group's representative, or a step towards it.
    groups: Vec<usize>,
    pub(super) sources: Vec<SourceEntry>,
    pub(super) operators: Vec<OperatorEntry>,
    pub(super) outputs: Vec<OutputEntry>,
    pub(super) nodes: Vec<NodeEntry>,
    pub(super) edges: Vec<(NodeId, NodeId, Vec<&'static str>)>,
    /// Groups in which streams fork or meet.
    pub(super) stepwise: Vec<GroupId>,
    pub(super) merges: usize,
    names: BTreeMap<String, ()>,
    pub(super) faults: Vec<TopologyFault>,
}

pub(super) struct SourceEntry {
    pub(super) group: GroupId,
    pub(super) topic: String,
    pub(super) options: SourceOptions,
    /// For a repartition topic: who writes it, and where.
    pub(super) upstream: Option<(GroupId, OutputId)>,
    /// `None` until the program has come to where it is known.
    pub(super) factory: Option<Arc<dyn InputFactory>>,
}

pub(super) struct OperatorEntry {
    pub(super) group: GroupId,
    pub(super) name: Arc<str>,
    pub(super) output: OutputId,
}

pub(super) struct OutputEntry {
    pub(super) topic: Arc<str>,
    pub(super) kind: OutputEntryKind,
    /// The groups that write it.
    pub(super) groups: Vec<GroupId>,
    /// Some sink goes on without a record that cannot be written to it.
    pub(super) is_lenient: bool,
}

impl OutputEntry {
    pub(super) fn is_repartition(&self) -> bool {
        matches!(self.kind, OutputEntryKind::Repartition { .. })
    }
}

#[derive(Clone, Copy)]
pub(super) enum OutputEntryKind {
    User,
    Changelog(GroupId),
    Repartition {
        upstream: GroupId,
        partitions: Option<u32>,
    },
}

pub(super) struct NodeEntry {
    pub(super) group: GroupId,
    pub(super) kind: NodeKind,
    pub(super) label: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// A topic read.
    Source,
    /// An operator with state.
    Operator,
    /// Where streams meet.
    Merge,
    /// A topic written.
    Sink,
}

impl Graph {
    pub(crate) fn fault(&mut self, fault: TopologyFault) {
        self.faults.push(fault);
    }

    fn check_name(&mut self, of: &'static str, name: &str) {
        if let Some(fault) = topic_name_fault(name) {
            let name = name.to_owned();
            self.faults.push(TopologyFault::Name { name, of, fault });
        }
    }

    fn check_topic(&mut self, topic: &str) {
        if let Some(fault) = topic_name_fault(topic) {
            let topic = topic.to_owned();
            self.faults.push(TopologyFault::Topic { topic, fault });
        }
    }

    /// A name that stands for state or a topic: valid, and given once.
    pub(crate) fn claim_name(&mut self, name: &str) {
        self.check_name("an operator", name);
        if self.names.insert(name.to_owned(), ()).is_some() {
            self.faults.push(TopologyFault::DuplicateName {
                name: name.to_owned(),
            });
        }
    }

    pub(crate) fn add_group(&mut self) -> GroupId {
        self.groups.push(self.groups.len());
        GroupId(self.groups.len() - 1)
    }

    /// The group that stands for all those it is connected with: the oldest.
    pub(crate) fn root_of(&self, group: GroupId) -> GroupId {
        let mut at = group.0;
        while let Some(&next) = self.groups.get(at) {
            if next == at {
                break;
            }
            at = next;
        }
        GroupId(at)
    }

    /// Makes two groups one.
    pub(crate) fn join(&mut self, one: GroupId, other: GroupId) {
        let (one, other) = (self.root_of(one), self.root_of(other));
        if let Some(parent) = self.groups.get_mut(one.max(other).0) {
            *parent = one.min(other).0;
        }
    }

    /// A source of the user's, in a group of its own.
    pub(crate) fn add_source(&mut self, topic: &str) -> (SourceId, GroupId, NodeId) {
        self.check_topic(topic);
        if self.sources.iter().any(|source| source.topic == topic) {
            self.faults.push(TopologyFault::DuplicateSource {
                topic: topic.to_owned(),
            });
        }
        let group = self.add_group();
        let node = self.add_node(group, NodeKind::Source, topic.to_owned());
        self.sources.push(SourceEntry {
            group,
            topic: topic.to_owned(),
            options: SourceOptions::default(),
            upstream: None,
            factory: None,
        });
        (SourceId(self.sources.len() - 1), group, node)
    }

    /// A repartition topic from `upstream` into a group of its own.
    pub(crate) fn add_repartition(
        &mut self,
        name: &str,
        upstream: GroupId,
        partitions: Option<u32>,
    ) -> Repartition {
        self.claim_name(name);
        if partitions == Some(0) {
            self.faults.push(TopologyFault::NoPartitions {
                operator: name.to_owned(),
            });
        }
        let topic = repartition_topic(&self.application_id, name);
        self.check_topic(&topic);
        let kind = OutputEntryKind::Repartition {
            upstream,
            partitions,
        };
        let output = self.push_output(&topic, kind, upstream);
        let group = self.add_group();
        let node = self.add_node(group, NodeKind::Source, topic.clone());
        self.sources.push(SourceEntry {
            group,
            topic,
            options: SourceOptions {
                // What is wrong with a record's time is upstream's to say; windows may end beyond
                // any range of a source.
                event_time_range: i64::MIN..i64::MAX,
                ..SourceOptions::default()
            },
            upstream: Some((upstream, output)),
            factory: None,
        });
        Repartition {
            source: SourceId(self.sources.len() - 1),
            output,
            group,
            node,
        }
    }

    /// Says what makes the tasks' end of a source. Gives the one before.
    pub(crate) fn set_factory(
        &mut self,
        source: SourceId,
        factory: Arc<dyn InputFactory>,
    ) -> Option<Arc<dyn InputFactory>> {
        self.sources
            .get_mut(source.0)
            .and_then(|entry| entry.factory.replace(factory))
    }

    pub(crate) fn options_mut(&mut self, source: SourceId) -> Option<&mut SourceOptions> {
        self.sources
            .get_mut(source.0)
            .map(|entry| &mut entry.options)
    }

    pub(crate) fn source_topic(&self, source: SourceId) -> String {
        self.sources
            .get(source.0)
            .map_or_else(String::new, |entry| entry.topic.clone())
    }

    /// An operator with state, and its changelog.
    pub(crate) fn add_operator(&mut self, name: &str, group: GroupId) -> OperatorId {
        self.claim_name(name);
        let topic = changelog_topic(&self.application_id, name);
        self.check_topic(&topic);
        let output = self.push_output(&topic, OutputEntryKind::Changelog(group), group);
        self.operators.push(OperatorEntry {
            group,
            name: name.into(),
            output,
        });
        OperatorId(self.operators.len() - 1)
    }

    /// A topic of the user's to write to. The same one for the same name.
    pub(crate) fn add_output(&mut self, topic: &str, group: GroupId) -> OutputId {
        self.check_topic(topic);
        let found = self.outputs.iter_mut().enumerate().find(|(_, output)| {
            &*output.topic == topic && matches!(output.kind, OutputEntryKind::User)
        });
        if let Some((index, output)) = found {
            output.groups.push(group);
            return OutputId(index as u32);
        }
        self.push_output(topic, OutputEntryKind::User, group)
    }

    /// Some sink goes on without a record that cannot be written to this output.
    pub(crate) fn set_lenient(&mut self, output: OutputId) {
        if let Some(entry) = self.outputs.get_mut(output.0 as usize) {
            entry.is_lenient = true;
        }
    }

    fn push_output(&mut self, topic: &str, kind: OutputEntryKind, group: GroupId) -> OutputId {
        self.outputs.push(OutputEntry {
            topic: topic.into(),
            kind,
            groups: vec![group],
            is_lenient: false,
        });
        OutputId(self.outputs.len() as u32 - 1)
    }

    /// Streams fork or meet here: every watermark goes everywhere before the next record.
    pub(crate) fn set_stepwise(&mut self, group: GroupId) {
        self.stepwise.push(group);
    }

    pub(crate) fn add_merge(&mut self) -> usize {
        self.merges += 1;
        self.merges - 1
    }

    pub(crate) fn add_node(&mut self, group: GroupId, kind: NodeKind, label: String) -> NodeId {
        self.nodes.push(NodeEntry { group, kind, label });
        NodeId(self.nodes.len() - 1)
    }

    pub(crate) fn add_edge(&mut self, from: NodeId, to: NodeId, steps: Vec<&'static str>) {
        self.edges.push((from, to, steps));
    }

    pub(super) fn output_kind(
        kind: OutputEntryKind,
        number: impl Fn(GroupId) -> Option<SubTopologyId>,
    ) -> Option<OutputKind> {
        Some(match kind {
            OutputEntryKind::User => OutputKind::User,
            OutputEntryKind::Changelog(group) => OutputKind::Changelog(number(group)?),
            OutputEntryKind::Repartition {
                upstream,
                partitions,
            } => OutputKind::Repartition {
                upstream: number(upstream)?,
                partitions,
            },
        })
    }
}

/// What `add_repartition` made.
pub(crate) struct Repartition {
    pub(crate) source: SourceId,
    pub(crate) output: OutputId,
    /// Of what reads it.
    pub(crate) group: GroupId,
    pub(crate) node: NodeId,
}
