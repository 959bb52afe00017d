//! The seam between the operators and the worker that runs them.
//!
//! A *task* is one sub-topology on one partition: operators, their state and their event time. A
//! worker makes tasks from the [`Topology`](crate::topology::Topology), feeds them batches, and
//! decides when a transaction ends. A task never waits, never reads a clock and never sends: what
//! it produces goes into [`Outputs`], which the worker drains.
//!
//! ```text
//!            process / advance_time / set_idle / end_of_input
//!                              │ any number of times
//!                              ▼
//!   ┌──────── open generation ────────┐  seal   ┌─ sealed generation ─┐  committed
//!   │ state changes, undo, outputs    │ ──────► │ undo of transaction │ ───────────► gone
//!   └─────────────────────────────────┘         │ N, EndTxn in flight │
//!                                               └─────────────────────┘
//!   abort: undoes the open generation, then the sealed one
//! ```

mod acceptance;
mod error;
mod metadata;
mod outputs;
mod runner;
mod time_changelog;

use std::fmt;

use thalweg_protocol::PartitionId;
use thalweg_protocol::records::Rows;

pub(crate) use acceptance::{RefusedRecord, TopicLimits};
pub use error::{RestoreError, SinkFailure, TaskError};
pub use metadata::MetadataError;
pub(crate) use metadata::{
    CommitMetadata, Committed, InputTime, OFFSET_METADATA_BYTES_MAX, UpstreamTime,
    WORKER_NOTE_BYTES_MAX, without_time,
};
pub use outputs::AppendError;
pub(crate) use outputs::{
    OutputLimits, OutputTopicPartitions, Outputs, ReadyBatch, Refusal, RefusedFor, partition_of,
};
pub(crate) use runner::OperatorTask;
pub(crate) use time_changelog::{TimeChangelog, is_needed as needs_time_changelog, time_in};

/// Which of a sub-topology's inputs: the index into `SubTopology::inputs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InputId(pub(crate) u32);

/// Which of a sub-topology's changelogs: the index into `SubTopology::changelogs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ChangelogId(pub(crate) u32);

/// Which of the topology's output topics: the index into `Topology::outputs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OutputId(pub(crate) u32);

/// Which sub-topology: the index into `Topology::sub_topologies`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SubTopologyId(pub(crate) u32);

impl fmt::Display for SubTopologyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a sub-topology's factory is told about the task it makes.
#[derive(Debug, Clone)]
pub(crate) struct TaskInit {
    /// The partition of all inputs, and of all changelogs.
    pub(crate) partition: PartitionId,
    /// How many tasks the sub-topology has: the highest partition count of its inputs.
    pub(crate) tasks: u32,
    /// Per input, whether this task reads it (a topic with fewer partitions than `tasks` has none
    /// for the last tasks) and, for a repartition topic, how many tasks write it.
    pub(crate) inputs: Vec<InputInit>,
}

/// One input of a task to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputInit {
    /// Whether the input has a partition for this task. An input without one counts for nothing.
    pub(crate) present: bool,
    /// For a repartition topic: the number of tasks of the sub-topology that writes it. The
    /// input's watermark is the minimum over them. 0 for a source topic.
    pub(crate) upstream_tasks: u32,
}

/// What a task needs for one call.
pub(crate) struct TaskContext<'a> {
    /// Where outputs, changelog and repartition records go: the worker's, shared by its tasks.
    pub(crate) outputs: &'a mut Outputs,
    /// Wall clock, ms since 1970: timestamps of changelog and repartition records, idle time.
    pub(crate) now_ms: i64,
}

/// What a task did in the generation that [`Task::seal`] closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedTask {
    /// E2: 1 for a task's first transaction, then +1 per transaction. An abort takes it back.
    pub(crate) commit_sequence: u64,
    /// Goes with the committed offset of every input of the task (T4). At most
    /// [`OFFSET_METADATA_BYTES_MAX`] bytes; read again by [`Committed::decode`].
    pub(crate) metadata: String,
}

/// One sub-topology on one partition. `!Send`: it lives and dies on its worker.
///
/// After an error from `process`, `advance_time`, `set_idle`, `end_of_input` or `seal` the task is
/// in the middle of something: the worker aborts, and what was appended to `Outputs` since the last
/// seal is dropped.
pub(crate) trait Task {
    /// Processes a whole batch of one input, record by record in effect (T2).
    fn process(
        &mut self,
        input: InputId,
        rows: &Rows<'_>,
        context: &mut TaskContext<'_>,
    ) -> Result<(), TaskError>;

    /// Tells the time. Needed about every 100 ms while an input is idle with
    /// `OnIdle::AdvanceWithClock`; otherwise cheap and without effect.
    fn advance_time(&mut self, context: &mut TaskContext<'_>) -> Result<(), TaskError>;

    /// An input has (or no longer has) all its data read for the idle time-out (T3): position, high
    /// watermark and last stable offset are equal. A record makes it active by itself.
    fn set_idle(
        &mut self,
        input: InputId,
        idle: bool,
        context: &mut TaskContext<'_>,
    ) -> Result<(), TaskError>;

    /// No record of this input will come any more, ever: its watermark goes to the end of time, and
    /// windows close once all inputs are there. Not for "the end for now".
    fn end_of_input(
        &mut self,
        input: InputId,
        context: &mut TaskContext<'_>,
    ) -> Result<(), TaskError>;

    /// The event-time watermark: minimum over the inputs; `i64::MIN` until every input was heard.
    fn watermark(&self) -> i64;

    /// Whether the open generation holds anything that an abort would have to undo, or that a
    /// transaction has to carry: outputs, changed state, advanced event time.
    fn is_dirty(&self) -> bool;

    /// Closes the open generation for transaction N: emits what `Emit::OnCommit` holds back, encodes
    /// one changelog record per key touched and the watermark records into `Outputs`, and opens the
    /// next generation. The one before must be committed or aborted by then.
    fn seal(&mut self, context: &mut TaskContext<'_>) -> Result<SealedTask, TaskError>;

    /// Transaction N is definitely committed: its undo is freed.
    fn committed(&mut self);

    /// Undoes the open generation, then the sealed one if there is one: state, event time and the
    /// commit sequence are as they were at the last `committed` (or at `restored`).
    fn abort(&mut self);

    /// Applies a batch of a changelog, in offset order, before `restored`.
    fn restore(&mut self, changelog: ChangelogId, rows: &Rows<'_>) -> Result<(), RestoreError>;

    /// Ends the restore. `metadata` is what was committed with the task's offsets, `None` if they
    /// never were. Must be called once, also for a task without state, before `process`.
    fn restored(&mut self, metadata: Option<&str>) -> Result<(), RestoreError>;

    /// Counts and event time, for metrics and `explain_watermark`. Cheap; never resets anything.
    fn report(&self) -> TaskReport;
}

/// Counts since the task was made, and where its event time stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TaskReport {
    /// Records read, bad ones included; of a repartition topic without its watermark records.
    pub(crate) records: u64,
    /// Bad records that a policy let pass (skipped or sent to a dead letter topic).
    pub(crate) bad_records: u64,
    /// Late elements that were dropped: neither aggregated nor sent to a late topic.
    pub(crate) late_dropped: u64,
    /// Late elements sent to a late topic.
    pub(crate) late_to_topic: u64,
    /// Elements without a key that a keyed operator skipped.
    pub(crate) keyless_skipped: u64,
    /// Records a sink's policy let pass without writing them.
    pub(crate) sink_skipped: u64,
    /// Rows of keyed state when it was last sealed: keys, or keys × windows.
    pub(crate) state_rows: u64,
    /// Rough size of keyed state in memory.
    pub(crate) state_bytes: u64,
    /// The task's watermark, and each input's, in the order of `SubTopology::inputs`.
    pub(crate) watermark: i64,
    pub(crate) inputs: Vec<InputReport>,
}

/// Where one input's event time stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct InputReport {
    /// The input's own watermark.
    pub(crate) watermark: i64,
    /// It is not counted in the task's minimum now.
    pub(crate) idle: bool,
    /// For a repartition topic: the upstream partition that holds the watermark back, and what it
    /// last said.
    pub(crate) held_back_by: Option<(PartitionId, i64)>,
}
