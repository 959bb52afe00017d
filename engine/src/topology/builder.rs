//! Making a task from the blueprint.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use thalweg_protocol::PartitionId;

use crate::element::Element;
use crate::flow::{MergePoint, MergePoints};
use crate::source::{RowsPush, SourceOptions};
use crate::state;
use crate::task::{ChangelogId, OutputId, TaskInit, TimeChangelog};

use super::SubTopologyId;
use super::graph::OperatorId;

/// Makes a task's end of a source.
pub(crate) trait InputFactory: Send + Sync {
    /// The loop over its rows, and everything behind it.
    fn build(&self, builder: &mut TaskBuilder) -> Box<dyn RowsPush>;

    /// How many runs are attached. A source without any is left out.
    fn runs(&self) -> usize;
}

/// What all tasks of a sub-topology have in common.
pub(crate) struct TaskPlan {
    pub(crate) id: SubTopologyId,
    pub(crate) inputs: Vec<PlannedInput>,
    pub(crate) changelogs: BTreeMap<OperatorId, PlannedChangelog>,
    /// Where event time goes that does not fit an offset commit; `None` without upstream tasks.
    pub(crate) time_changelog: Option<TimeChangelog>,
    /// The topics of all outputs, by `OutputId`.
    pub(crate) output_topics: Vec<Arc<str>>,
    /// The repartition topics it writes.
    pub(crate) repartitions: Vec<OutputId>,
    pub(crate) stepwise: bool,
    /// Of its inputs: committed metadata of another program is refused by it.
    pub(crate) fingerprint: u64,
}

pub(crate) struct PlannedInput {
    pub(crate) topic: Arc<str>,
    pub(crate) options: SourceOptions,
    pub(crate) factory: Arc<dyn InputFactory>,
}

pub(crate) struct PlannedChangelog {
    pub(crate) id: ChangelogId,
    pub(crate) output: OutputId,
    pub(crate) operator: Arc<str>,
}

/// See the module. Operators ask it, while they are made, for what they have to know of the task.
pub struct TaskBuilder {
    plan: Arc<TaskPlan>,
    init: TaskInit,
    input: usize,
    merges: MergePoints,
}

impl TaskBuilder {
    pub(crate) fn new(plan: Arc<TaskPlan>, init: TaskInit) -> Self {
        Self {
            plan,
            init,
            input: 0,
            merges: MergePoints::default(),
        }
    }

    /// Makes everything behind each input.
    pub(crate) fn build_inputs(&mut self) -> Vec<Box<dyn RowsPush>> {
        let plan = Arc::clone(&self.plan);
        let build = |(index, input): (usize, &PlannedInput)| {
            self.input = index;
            input.factory.build(self)
        };
        plan.inputs.iter().enumerate().map(build).collect()
    }

    /// The input being made.
    pub(crate) fn input(&self) -> usize {
        self.input
    }

    /// What the program says about it.
    pub(crate) fn source_options(&self) -> SourceOptions {
        self.plan
            .inputs
            .get(self.input)
            .map(|input| input.options.clone())
            .unwrap_or_default()
    }

    pub(crate) fn partition(&self) -> PartitionId {
        self.init.partition
    }

    /// How many tasks the sub-topology has.
    pub(crate) fn tasks(&self) -> u32 {
        self.init.tasks
    }

    /// Whether every watermark has to go everywhere before the next record.
    pub(crate) fn is_stepwise(&self) -> bool {
        self.plan.stepwise
    }

    pub(crate) fn output_topic(&self, output: OutputId) -> Arc<str> {
        let topic = self.plan.output_topics.get(output.0 as usize);
        topic.map_or_else(|| "".into(), Arc::clone)
    }

    /// The changelog of an operator. `definition` is what its state means, in words.
    pub(crate) fn changelog(&self, operator: OperatorId, definition: String) -> state::Changelog {
        let planned = self
            .plan
            .changelogs
            .get(&operator)
            .expect("an operator is in the plan of the group it was added to");
        state::Changelog::new(
            planned.id,
            planned.output,
            Arc::clone(&planned.operator),
            self.output_topic(planned.output),
            self.init.partition,
            definition,
        )
    }

    /// The point where the runs of a merge meet: made by the first that comes.
    pub(crate) fn merge_point<E: Element>(
        &mut self,
        merge: usize,
        make: impl FnOnce(&mut Self) -> Rc<RefCell<MergePoint<E>>>,
    ) -> Rc<RefCell<MergePoint<E>>> {
        if let Some(point) = self.merges.find(merge) {
            return point;
        }
        let point = make(self);
        self.merges.keep(merge, Rc::clone(&point));
        point
    }
}
