//! Runs all tasks of a topology on the spot.

use std::collections::BTreeMap;

use thalweg_protocol::{Offset, PartitionId};

use crate::task::{
    Committed, InputId, InputInit, InputReport, OutputLimits, OutputTopicPartitions, Outputs,
    RestoreError, SubTopologyId, Task, TaskContext, TaskError, TaskInit, TaskReport, partition_of,
    time_in, without_time,
};
use crate::topology::{InputKind, OutputKind, SubTopology, Topology};

use super::TestRecord;
use super::log::{Codec, Fate, TestTopic};

/// Runs a program without a broker, on the spot: records, clock and commits in, records out.
///
/// The operators, their state and the record batches are those of a running application; only Kafka
/// is left out. All partitions of all sub-topologies are one worker's. What is sent is processed at
/// once; what goes through repartition topics arrives downstream with the next
/// [`commit`](Self::commit), as it would.
///
/// ```
/// use thalweg::{App, Text, testing::TestDriver};
///
/// let app = App::new("greet");
/// app.source::<Text>("names").map(|name| format!("Hello, {name}!")).sink::<Text>("greetings");
///
/// let mut driver = TestDriver::new(&app.build()?);
/// driver.send("names", "Loreley")?;
/// assert_eq!(driver.take_values("greetings"), ["Hello, Loreley!"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TestDriver {
    topology: Topology,
    /// Of the topics named by the test; others have one.
    partitions: BTreeMap<String, u32>,
    tasks: Vec<RunningTask>,
    outputs: Outputs,
    topics: BTreeMap<String, TestTopic>,
    /// Per source topic and partition, the next offset.
    positions: BTreeMap<(String, PartitionId), i64>,
    /// Per task, what was committed with its offsets.
    metadata: BTreeMap<(SubTopologyId, PartitionId), String>,
    sealed_metadata: BTreeMap<(SubTopologyId, PartitionId), String>,
    codec: Codec,
    now_ms: i64,
}

struct RunningTask {
    sub_topology: SubTopologyId,
    partition: PartitionId,
    task: Box<dyn Task>,
}

/// Why a step of a test failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TestError {
    /// A task could not go on: a running application would stop, or abort and stop.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A task's state could not be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The program reads no such topic.
    #[error("the program has no source `{0}`")]
    NoSuchSource(String),
    /// The topic has no such partition: see [`TestDriver::with_partitions`].
    #[error("`{topic}` has no partition {partition} in this test")]
    NoSuchPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionId,
    },
    /// A record that cannot be written to a topic.
    #[error("{0}")]
    Record(String),
}

impl TestDriver {
    /// With one partition in every topic. The clock stands at 0, that is 1970.
    pub fn new(topology: &Topology) -> Self {
        Self::with_partitions(topology, &[])
    }

    /// With this many partitions in these topics, sources or not, and one in all others.
    pub fn with_partitions(topology: &Topology, partitions: &[(&str, u32)]) -> Self {
        let partitions = partitions
            .iter()
            .map(|(topic, count)| ((*topic).to_owned(), *count))
            .collect();
        let mut driver = Self {
            topology: topology.clone(),
            partitions,
            tasks: Vec::new(),
            outputs: Outputs::new(Vec::new(), OutputLimits::default()),
            topics: BTreeMap::new(),
            positions: BTreeMap::new(),
            metadata: BTreeMap::new(),
            sealed_metadata: BTreeMap::new(),
            codec: Codec::new(),
            now_ms: 0,
        };
        driver.outputs = driver.make_outputs(OutputLimits::default());
        driver.start(true).expect("there is nothing to restore");
        driver
    }

    fn make_outputs(&self, limits: OutputLimits) -> Outputs {
        let topics = self.topology.outputs().iter().map(|output| {
            let partitions = match output.kind {
                OutputKind::User => self.partitions_of(&output.topic),
                OutputKind::Changelog(of) => self.tasks_of(of),
                OutputKind::TimeChangelog(of) => {
                    let mut owners = self.topology.sub_topologies().iter();
                    let owner = owners.find(|found| found.id == of);
                    let needed = |owner: &SubTopology| {
                        owner.needs_time_changelog(|upstream| self.tasks_of(upstream))
                    };
                    owner
                        .filter(|owner| needed(owner))
                        .map_or(0, |_| self.tasks_of(of))
                }
                OutputKind::Repartition {
                    upstream,
                    partitions,
                } => partitions.unwrap_or_else(|| self.tasks_of(upstream)),
            };
            OutputTopicPartitions {
                topic: output.topic.clone(),
                partitions,
            }
        });
        Outputs::new(topics.collect(), limits)
    }

    fn partitions_of(&self, topic: &str) -> u32 {
        self.partitions.get(topic).copied().unwrap_or(1)
    }

    /// How many tasks a sub-topology has.
    fn tasks_of(&self, id: SubTopologyId) -> u32 {
        let sub_topology = self
            .topology
            .sub_topologies()
            .iter()
            .find(|other| other.id == id);
        let inputs = sub_topology.map(|sub_topology| sub_topology.inputs.as_slice());
        let counts = inputs
            .unwrap_or_default()
            .iter()
            .map(|input| self.input_partitions(input));
        counts.max().unwrap_or(0)
    }

    fn input_partitions(&self, input: &crate::topology::Input) -> u32 {
        match &input.kind {
            InputKind::Source(_) => self.partitions_of(&input.topic),
            InputKind::Repartition { upstream, output } => {
                let output = self.topology.outputs().get(output.0 as usize);
                match output.map(|output| output.kind) {
                    Some(OutputKind::Repartition {
                        partitions: Some(partitions),
                        ..
                    }) => partitions,
                    _ => self.tasks_of(*upstream),
                }
            }
        }
    }

    /// Makes all tasks and restores them. `keep_time`: from what was committed; else their event
    /// time begins anew.
    fn start(&mut self, keep_time: bool) -> Result<(), TestError> {
        self.tasks.clear();
        let topology = self.topology.clone();
        for sub_topology in topology.sub_topologies() {
            let tasks = self.tasks_of(sub_topology.id);
            for partition in 0..tasks {
                let inputs = sub_topology.inputs.iter().map(|input| InputInit {
                    present: partition < self.input_partitions(input),
                    upstream_tasks: match input.kind {
                        InputKind::Source(_) => 0,
                        InputKind::Repartition { upstream, .. } => self.tasks_of(upstream),
                    },
                });
                let partition = PartitionId(partition as i32);
                let init = TaskInit {
                    partition,
                    tasks,
                    inputs: inputs.collect(),
                };
                let mut task = (sub_topology.factory)(init);
                let time_changelog = &sub_topology.time_changelog;
                let mut times = Vec::new();
                for changelog in sub_topology.changelogs.iter().chain(time_changelog) {
                    let (records, _) = self
                        .topics
                        .entry(changelog.topic.to_string())
                        .or_default()
                        .committed_from(0);
                    let records: Vec<TestRecord> = records
                        .into_iter()
                        .filter(|record| record.partition == partition)
                        .collect();
                    if !records.is_empty() {
                        self.codec
                            .with_rows(Offset(0), &records, |rows| {
                                if time_changelog.iter().any(|time| time.id == changelog.id) {
                                    times.extend(rows.iter().filter_map(|row| time_in(&row)));
                                }
                                task.restore(changelog.id, rows)
                            })
                            .map_err(TestError::Record)??;
                    }
                }
                let metadata = self.metadata.get(&(sub_topology.id, partition));
                let metadata = match metadata {
                    Some(metadata) if keep_time => Some(metadata.clone()),
                    Some(metadata) => {
                        let metadata = match Committed::decode(metadata) {
                            Ok(Committed::Here(metadata)) => Some(metadata),
                            _ => times.pop(),
                        };
                        metadata.map(without_time)
                    }
                    None => None,
                };
                task.restored(metadata.as_deref())?;
                self.tasks.push(RunningTask {
                    sub_topology: sub_topology.id,
                    partition,
                    task,
                });
            }
        }
        Ok(())
    }

    /// Sends a record without a key, at the time of the clock; its partition is 0.
    ///
    /// # Errors
    /// The task that reads it cannot go on, or there is none.
    pub fn send(&mut self, topic: &str, value: impl AsRef<[u8]>) -> Result<(), TestError> {
        self.send_at(topic, self.now_ms, value)
    }

    /// Sends a record without a key, with this timestamp in ms since 1970.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_at(
        &mut self,
        topic: &str,
        timestamp: i64,
        value: impl AsRef<[u8]>,
    ) -> Result<(), TestError> {
        self.send_batch(topic, &[TestRecord::new(timestamp, value)])
    }

    /// Sends a record with a key, at the time of the clock, to the partition the key has.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_keyed(
        &mut self,
        topic: &str,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<(), TestError> {
        let partition = partition_of(key.as_ref(), self.partitions_of(topic));
        let record = TestRecord::new(self.now_ms, value)
            .key(key)
            .partition(partition.0);
        self.send_batch(topic, &[record])
    }

    /// Sends records to the partition the first one names, as one batch.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_batch(&mut self, topic: &str, records: &[TestRecord]) -> Result<(), TestError> {
        let Some(first) = records.first() else {
            return Ok(());
        };
        let (index, input) = self.reader(topic, first.partition)?;
        let position = self
            .positions
            .entry((topic.to_owned(), first.partition))
            .or_default();
        let base_offset = Offset(*position);
        *position += records.len() as i64;
        self.process(index, input, base_offset, records)
    }

    fn process(
        &mut self,
        index: usize,
        input: InputId,
        base_offset: Offset,
        records: &[TestRecord],
    ) -> Result<(), TestError> {
        let Some(running) = self.tasks.get_mut(index) else {
            return Ok(());
        };
        let mut context = TaskContext {
            outputs: &mut self.outputs,
            now_ms: self.now_ms,
        };
        self.codec
            .with_rows(base_offset, records, |rows| {
                running.task.process(input, rows, &mut context)
            })
            .map_err(TestError::Record)??;
        self.drain()
    }

    /// Which task reads a partition, and as which input.
    fn reader(&self, topic: &str, partition: PartitionId) -> Result<(usize, InputId), TestError> {
        let reads = self
            .topology
            .sub_topologies()
            .iter()
            .find_map(|sub_topology| {
                let input = sub_topology
                    .inputs
                    .iter()
                    .find(|input| &*input.topic == topic)?;
                Some((sub_topology.id, input.id))
            });
        let (id, input) = reads.ok_or_else(|| TestError::NoSuchSource(topic.to_owned()))?;
        let is_reader =
            |running: &RunningTask| running.sub_topology == id && running.partition == partition;
        let index = self.tasks.iter().position(is_reader);
        let topic = topic.to_owned();
        Ok((
            index.ok_or(TestError::NoSuchPartition { topic, partition })?,
            input,
        ))
    }

    /// Takes what the tasks have written to its topics.
    fn drain(&mut self) -> Result<(), TestError> {
        self.outputs.close_all();
        while let Some(ready) = self.outputs.next_ready() {
            let records = self.codec.read(ready.partition, ready.batch);
            let records = records.map_err(|error| TestError::Record(error.to_string()))?;
            let topic = self.topics.entry(ready.topic.to_string()).or_default();
            topic
                .records
                .extend(records.into_iter().map(|record| (Fate::Open, record)));
        }
        Ok(())
    }

    /// Sets the clock, ms since 1970, and tells all tasks.
    ///
    /// # Errors
    /// A task cannot go on.
    pub fn set_clock(&mut self, now_ms: i64) -> Result<(), TestError> {
        self.now_ms = now_ms;
        self.each(|task, context| task.advance_time(context))
    }

    /// Says that a partition has no data, or has again.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn set_idle(&mut self, topic: &str, partition: i32, idle: bool) -> Result<(), TestError> {
        self.tell(topic, partition, |task, input, context| {
            task.set_idle(input, idle, context)
        })
    }

    /// Tells the task that reads a partition something about that input.
    fn tell(
        &mut self,
        topic: &str,
        partition: i32,
        step: impl FnOnce(&mut dyn Task, InputId, &mut TaskContext<'_>) -> Result<(), TaskError>,
    ) -> Result<(), TestError> {
        let (index, input) = self.reader(topic, PartitionId(partition))?;
        let Some(running) = self.tasks.get_mut(index) else {
            return Ok(());
        };
        let mut context = TaskContext {
            outputs: &mut self.outputs,
            now_ms: self.now_ms,
        };
        step(&mut *running.task, input, &mut context)?;
        self.drain()
    }

    /// Says that no record will ever come from this partition again. As
    /// [`end_of_input`](Self::end_of_input), for one.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn end_of_partition(&mut self, topic: &str, partition: i32) -> Result<(), TestError> {
        self.tell(topic, partition, |task, input, context| {
            task.end_of_input(input, context)
        })
    }

    /// Says that no record will ever come from any source again: all windows close, those behind
    /// repartition topics with the next commit.
    ///
    /// # Errors
    /// A task cannot go on.
    pub fn end_of_input(&mut self) -> Result<(), TestError> {
        let topology = self.topology.clone();
        for sub_topology in topology.sub_topologies() {
            let sources = sub_topology.inputs.iter();
            let sources = sources.filter(|input| matches!(input.kind, InputKind::Source(_)));
            for input in sources.map(|input| input.id) {
                let mut context = TaskContext {
                    outputs: &mut self.outputs,
                    now_ms: self.now_ms,
                };
                let tasks = self.tasks.iter_mut();
                for running in tasks.filter(|running| running.sub_topology == sub_topology.id) {
                    running.task.end_of_input(input, &mut context)?;
                }
                self.drain()?;
            }
        }
        Ok(())
    }

    fn each(
        &mut self,
        mut step: impl FnMut(&mut dyn Task, &mut TaskContext<'_>) -> Result<(), TaskError>,
    ) -> Result<(), TestError> {
        for running in &mut self.tasks {
            let mut context = TaskContext {
                outputs: &mut self.outputs,
                now_ms: self.now_ms,
            };
            step(&mut *running.task, &mut context)?;
        }
        self.drain()
    }

    /// Commits, and lets everything run through all repartition topics, until all of it is
    /// committed.
    ///
    /// # Errors
    /// A task cannot go on.
    pub fn commit(&mut self) -> Result<(), TestError> {
        loop {
            self.seal()?;
            self.commit_sealed();
            let delivered = self.deliver()?;
            if !delivered && !self.tasks.iter().any(|running| running.task.is_dirty()) {
                return Ok(());
            }
        }
    }

    /// Seals the open transaction: it is on its way to be committed, and the next one is open. The
    /// one before must be settled.
    ///
    /// # Errors
    /// A task cannot go on.
    pub fn seal(&mut self) -> Result<(), TestError> {
        for running in &mut self.tasks {
            if !running.task.is_dirty() {
                continue;
            }
            let mut context = TaskContext {
                outputs: &mut self.outputs,
                now_ms: self.now_ms,
            };
            let sealed = running.task.seal(&mut context)?;
            let task = (running.sub_topology, running.partition);
            self.sealed_metadata.insert(task, sealed.metadata);
        }
        self.drain()?;
        for topic in self.topics.values_mut() {
            topic.settle(Fate::Open, Fate::Sealed);
        }
        Ok(())
    }

    /// The sealed transaction is committed.
    pub fn commit_sealed(&mut self) {
        for running in &mut self.tasks {
            if self
                .sealed_metadata
                .contains_key(&(running.sub_topology, running.partition))
            {
                running.task.committed();
            }
        }
        self.metadata.append(&mut self.sealed_metadata);
        for topic in self.topics.values_mut() {
            topic.settle(Fate::Sealed, Fate::Committed);
        }
    }

    /// The open transaction, and the sealed one if there is one, are aborted. What was sent since
    /// the last commit is not sent again by itself.
    pub fn abort(&mut self) {
        self.outputs.clear();
        for running in &mut self.tasks {
            running.task.abort();
        }
        self.sealed_metadata.clear();
        for topic in self.topics.values_mut() {
            topic.settle(Fate::Open, Fate::Aborted);
            topic.settle(Fate::Sealed, Fate::Aborted);
        }
    }

    /// Hands committed records of repartition topics downstream. Gives whether there were any.
    ///
    /// # Errors
    /// A task cannot go on.
    pub fn deliver(&mut self) -> Result<bool, TestError> {
        let topology = self.topology.clone();
        let mut any = false;
        for sub_topology in topology.sub_topologies() {
            for input in &sub_topology.inputs {
                if matches!(input.kind, InputKind::Source(_)) {
                    continue;
                }
                let topic = self.topics.entry(input.topic.to_string()).or_default();
                let (records, next) = topic.committed_from(topic.delivered);
                topic.delivered = next;
                any |= !records.is_empty();
                self.deliver_to(&input.topic, records)?;
            }
        }
        Ok(any)
    }

    fn deliver_to(&mut self, topic: &str, records: Vec<TestRecord>) -> Result<(), TestError> {
        let mut by_partition: BTreeMap<PartitionId, Vec<TestRecord>> = BTreeMap::new();
        for record in records {
            by_partition
                .entry(record.partition)
                .or_default()
                .push(record);
        }
        for records in by_partition.into_values() {
            self.send_batch(topic, &records)?;
        }
        Ok(())
    }

    /// Loses all tasks, and what was not committed, and makes them anew from what was.
    ///
    /// # Errors
    /// State cannot be restored.
    pub fn restart(&mut self) -> Result<(), TestError> {
        self.abort();
        self.start(true)
    }

    /// As [`restart`](Self::restart), but event time begins anew, as Flink's does. Records that
    /// were late are not any more.
    ///
    /// # Errors
    /// State cannot be restored.
    pub fn restart_forgetting_time(&mut self) -> Result<(), TestError> {
        self.abort();
        self.start(false)
    }

    /// Goes on with another program, restored from what this one committed: an upgrade.
    ///
    /// # Errors
    /// State cannot be restored.
    pub fn replace(&mut self, topology: &Topology) -> Result<(), TestError> {
        self.abort();
        self.topology = topology.clone();
        self.outputs = self.make_outputs(OutputLimits::default());
        self.start(true)
    }

    /// What was written to a topic and not taken before, committed or not.
    pub fn take(&mut self, topic: &str) -> Vec<TestRecord> {
        self.topics
            .get_mut(topic)
            .map(TestTopic::take)
            .unwrap_or_default()
    }

    /// The values of [`take`](Self::take), as text.
    pub fn take_values(&mut self, topic: &str) -> Vec<String> {
        self.take(topic)
            .iter()
            .map(TestRecord::value_text)
            .collect()
    }

    /// What a reader of committed records gets that it did not get before.
    pub fn take_committed(&mut self, topic: &str) -> Vec<TestRecord> {
        self.topics
            .get_mut(topic)
            .map(TestTopic::take_committed)
            .unwrap_or_default()
    }

    /// The lowest watermark of all tasks.
    pub fn watermark(&self) -> i64 {
        self.tasks
            .iter()
            .map(|running| running.task.watermark())
            .min()
            .unwrap_or(i64::MIN)
    }

    /// The watermark of one input: what the partition of a source has reached, or what is known of
    /// the tasks that write a partition of a repartition topic.
    ///
    /// # Errors
    /// Nothing reads that partition.
    pub fn watermark_of(&self, topic: &str, partition: i32) -> Result<i64, TestError> {
        self.input(topic, partition).map(|input| input.watermark)
    }

    /// Whether an input holds nobody back for now: see [`set_idle`](Self::set_idle). That of a
    /// repartition topic is idle when all that write it are.
    ///
    /// # Errors
    /// Nothing reads that partition.
    pub fn is_idle(&self, topic: &str, partition: i32) -> Result<bool, TestError> {
        self.input(topic, partition).map(|input| input.idle)
    }

    fn input(&self, topic: &str, partition: i32) -> Result<InputReport, TestError> {
        let (index, input) = self.reader(topic, PartitionId(partition))?;
        let report = self.tasks.get(index).map(|running| running.task.report());
        let inputs = report.map(|report| report.inputs).unwrap_or_default();
        let input = inputs.into_iter().nth(input.0 as usize);
        input.ok_or_else(|| TestError::NoSuchSource(topic.to_owned()))
    }

    /// How many late elements were dropped.
    pub fn late_dropped(&self) -> u64 {
        self.sum(|report| report.late_dropped)
    }

    /// How many bad records were let pass.
    pub fn bad_records(&self) -> u64 {
        self.sum(|report| report.bad_records)
    }

    /// How many elements without a key were skipped.
    pub fn keyless_skipped(&self) -> u64 {
        self.sum(|report| report.keyless_skipped)
    }

    /// How many rows of state there were when it was last sealed.
    pub fn state_rows(&self) -> u64 {
        self.sum(|report| report.state_rows)
    }

    fn sum(&self, count: impl Fn(&TaskReport) -> u64) -> u64 {
        self.tasks
            .iter()
            .map(|running| count(&running.task.report()))
            .sum()
    }
}
