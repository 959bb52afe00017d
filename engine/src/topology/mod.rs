//! What a program builds: an immutable description of its tasks, shared by all workers.

mod build;
mod builder;
mod describe;
mod error;
mod graph;
mod names;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::source::BadRecordPolicy;
use crate::task::{
    ChangelogId, InputId, OutputId, SubTopologyId, Task, TaskInit, needs_time_changelog,
};

pub(crate) use builder::TaskBuilder;
pub(crate) use builder::{InputFactory, TaskPlan};
pub use error::{TopologyError, TopologyFault};
pub(crate) use graph::GroupId;
pub(crate) use graph::{NodeId, NodeKind, SharedGraph, SourceId};

/// Makes the task of a sub-topology for one partition. Called on the worker that will own it.
pub(crate) type TaskFactory = Arc<dyn Fn(TaskInit) -> Box<dyn Task> + Send + Sync>;

/// An application's sources, operators and sinks, cut into sub-topologies at its repartition
/// topics. Made by `App::build`; cheap to clone.
#[derive(Clone)]
pub struct Topology {
    inner: Arc<Blueprint>,
    description: Arc<str>,
    mermaid: Arc<str>,
}

pub(crate) struct Blueprint {
    pub(crate) application_id: String,
    /// In the order of `SubTopologyId`.
    pub(crate) sub_topologies: Vec<SubTopology>,
    /// Every topic the application writes, internal ones included, in the order of `OutputId`.
    pub(crate) outputs: Vec<OutputTopic>,
}

/// A connected part of the program between topics. It has as many tasks as the largest of its
/// inputs has partitions; task `p` reads partition `p` of each.
pub(crate) struct SubTopology {
    pub(crate) id: SubTopologyId,
    /// In the order of `InputId`.
    pub(crate) inputs: Vec<Input>,
    /// In the order of `ChangelogId`.
    pub(crate) changelogs: Vec<Changelog>,
    /// Behind those, where there is an upstream: what does not fit an offset commit.
    pub(crate) time_changelog: Option<Changelog>,
    pub(crate) factory: TaskFactory,
}

impl SubTopology {
    /// Whether its time changelog is needed; `tasks_of` says how many tasks a sub-topology has.
    pub(crate) fn needs_time_changelog(&self, tasks_of: impl Fn(SubTopologyId) -> u32) -> bool {
        let upstream_tasks = |input: &Input| match input.kind {
            InputKind::Source(_) => 0,
            InputKind::Repartition { upstream, .. } => tasks_of(upstream) as usize,
        };
        let upstream_tasks = self.inputs.iter().map(upstream_tasks).sum();
        needs_time_changelog(self.inputs.len(), upstream_tasks, self.changelogs.len())
    }
}

/// A topic a sub-topology reads.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) id: InputId,
    pub(crate) topic: Arc<str>,
    pub(crate) kind: InputKind,
}

#[derive(Debug, Clone)]
pub(crate) enum InputKind {
    /// A topic of the user's.
    Source(SourceSettings),
    /// A repartition topic of ours.
    Repartition {
        /// The sub-topology that writes it; its task count is `InputInit::upstream_tasks`.
        upstream: SubTopologyId,
        /// Its place among the outputs.
        output: OutputId,
    },
}

/// What the program says about a source, as far as the worker has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SourceSettings {
    pub(crate) start_from: StartFrom,
    pub(crate) on_out_of_range: OnOutOfRange,
    /// Also for whole batches that cannot be read.
    pub(crate) on_bad_record: BadRecordPolicy,
    /// Event time: a partition without data for this long is idle (T3). `None`: never.
    pub(crate) idle_after: Option<Duration>,
}

/// Where a source begins in a partition that has no committed offset. Default: `Earliest`.
///
/// Where it began is committed with the first commit after that, even if nothing was read by then: a
/// restart does not skip what came meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StartFrom {
    /// With the oldest record there is.
    #[default]
    Earliest,
    /// With records written from now on.
    Latest,
    /// With the first record whose timestamp is not before this many ms since 1970.
    Timestamp(i64),
}

/// What a source does when its committed offset is gone (retention) or beyond the end. Default:
/// `Fail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnOutOfRange {
    /// Stops with an error: records were lost, or the topic is another.
    #[default]
    Fail,
    /// Goes on with the oldest record there is; what was between is lost.
    Earliest,
    /// Goes on with records written from now on; what was between is lost.
    Latest,
}

/// The changelog of one stateful operator: partition `p` belongs to task `p`.
#[derive(Debug, Clone)]
pub(crate) struct Changelog {
    pub(crate) id: ChangelogId,
    /// The operator's name.
    pub(crate) operator: Arc<str>,
    /// `<application>-<operator>-changelog`; compacted.
    pub(crate) topic: Arc<str>,
}

/// A topic the application writes.
#[derive(Debug, Clone)]
pub(crate) struct OutputTopic {
    pub(crate) topic: Arc<str>,
    pub(crate) kind: OutputKind,
    /// Some sink goes on without a record that the topic does not take.
    pub(crate) is_lenient: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputKind {
    /// A topic of the user's: sinks, late records, dead letters. It must exist, or the broker
    /// makes it.
    User,
    /// A changelog: made by the application with as many partitions as the sub-topology has tasks.
    Changelog(SubTopologyId),
    /// The time changelog: as a changelog, but made only where there are so many upstream tasks that
    /// it may be needed.
    TimeChangelog(SubTopologyId),
    /// A repartition topic: made by the application, with this many partitions, or as many as
    /// `upstream` has tasks.
    Repartition {
        upstream: SubTopologyId,
        partitions: Option<u32>,
    },
}

impl Topology {
    pub(crate) fn new(blueprint: Blueprint) -> Self {
        Self {
            inner: Arc::new(blueprint),
            description: "".into(),
            mermaid: "".into(),
        }
    }

    fn described(self, description: &str, mermaid: &str) -> Self {
        Self {
            description: description.into(),
            mermaid: mermaid.into(),
            ..self
        }
    }

    /// The sources, operators and sinks of each sub-topology, a line each.
    pub fn describe(&self) -> &str {
        &self.description
    }

    /// The same as a [Mermaid](https://mermaid.js.org) flowchart.
    pub fn mermaid(&self) -> &str {
        &self.mermaid
    }

    pub(crate) fn application_id(&self) -> &str {
        &self.inner.application_id
    }

    pub(crate) fn sub_topologies(&self) -> &[SubTopology] {
        &self.inner.sub_topologies
    }

    pub(crate) fn outputs(&self) -> &[OutputTopic] {
        &self.inner.outputs
    }
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topology")
            .field("application_id", &self.inner.application_id)
            .field("sub_topologies", &self.inner.sub_topologies.len())
            .finish_non_exhaustive()
    }
}
