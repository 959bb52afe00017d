//! A task and what the worker keeps beside it: positions in two generations, and what goes with its
//! offsets.
//!
//! ```text
//!   committed ──── sealed ──── next ──── (high watermark)
//!      │  transaction N │  N+1    │
//!      └─ an abort goes back here └─ the next record to process
//! ```

use thalweg_client::TopicPartition;
use thalweg_protocol::{Offset, Uuid};

use super::takeover::InputNote;
use crate::assignor::TaskId;
use crate::task::{InputId, SealedTask, Task, TaskContext, TaskError, TaskReport};

/// An input partition of a task that runs.
#[derive(Debug, Clone)]
pub(crate) struct InputSlot {
    pub(crate) id: InputId,
    pub(crate) partition: TopicPartition,
    pub(crate) topic_id: Uuid,
    pub(crate) partitions: u32,
    /// `committed <= sealed <= next`
    committed: Offset,
    /// Where transaction N ends, while it settles.
    sealed: Option<Offset>,
    next: Offset,
}

impl InputSlot {
    /// An input that is read from `start` on.
    pub(crate) fn new(
        id: InputId,
        partition: TopicPartition,
        topic_id: Uuid,
        partitions: u32,
        start: Offset,
    ) -> Self {
        Self {
            id,
            partition,
            topic_id,
            partitions,
            committed: start,
            sealed: None,
            next: start,
        }
    }

    /// The offset of the next record to process.
    pub(crate) fn next(&self) -> Offset {
        self.next
    }

    /// The offset that is definitely committed, or where the input began.
    pub(crate) fn committed(&self) -> Offset {
        self.committed
    }

    /// Everything before `next` is processed.
    pub(crate) fn handle_processed(&mut self, next: Offset) {
        debug_assert!(next >= self.next, "positions only go back by an abort");
        self.next = next;
    }
}

/// One offset of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedOffset {
    pub(crate) partition: TopicPartition,
    pub(crate) offset: Offset,
    pub(crate) metadata: String,
}

/// A task that runs.
pub(crate) struct Slot {
    pub(crate) id: TaskId,
    task: Box<dyn Task>,
    inputs: Vec<InputSlot>,
    /// The changelogs' topic ids, by the hash of the topics' names.
    changelogs: Vec<(u32, Uuid)>,
    sealed: Option<SealedTask>,
    /// Where the inputs began is to be committed, whether anything is read or not.
    commit_starts: bool,
}

impl Slot {
    /// A task that was restored.
    pub(crate) fn new(
        id: TaskId,
        task: Box<dyn Task>,
        inputs: Vec<InputSlot>,
        changelogs: Vec<(u32, Uuid)>,
    ) -> Self {
        Self {
            id,
            task,
            inputs,
            changelogs,
            sealed: None,
            commit_starts: false,
        }
    }

    /// The same, and where its inputs begin is to be committed even if nothing comes.
    pub(crate) fn commit_starts(mut self, commit_starts: bool) -> Self {
        self.commit_starts = commit_starts;
        self
    }

    pub(crate) fn task_mut(&mut self) -> &mut dyn Task {
        self.task.as_mut()
    }

    pub(crate) fn inputs(&self) -> &[InputSlot] {
        &self.inputs
    }

    pub(crate) fn inputs_mut(&mut self) -> &mut [InputSlot] {
        &mut self.inputs
    }

    pub(crate) fn report(&self) -> TaskReport {
        self.task.report()
    }

    /// Whether the open generation holds anything a commit would make lasting.
    pub(crate) fn is_dirty(&self) -> bool {
        self.has_to_commit()
            || self
                .inputs
                .iter()
                .any(|input| input.next > input.sealed.unwrap_or(input.committed))
    }

    /// Whether a commit is due for it, other than for positions that moved over nothing.
    pub(crate) fn has_to_commit(&self) -> bool {
        self.task.is_dirty() || (self.commit_starts && self.sealed.is_none())
    }

    /// The sequence number of transaction N, if the task is in it.
    pub(crate) fn sealed_sequence(&self) -> Option<u64> {
        self.sealed.as_ref().map(|sealed| sealed.commit_sequence)
    }

    /// Closes the open generation. Gives the offsets of *all* inputs, moved or not (E1).
    pub(crate) fn seal(
        &mut self,
        context: &mut TaskContext<'_>,
    ) -> Result<Vec<SealedOffset>, TaskError> {
        debug_assert!(self.sealed.is_none(), "one generation settles at a time");
        let sealed = self.task.seal(context)?;
        // Rows that are in the table are in the changelog, with this transaction at the latest.
        let has_state = !self.changelogs.is_empty() && self.task.report().state_rows > 0;
        let offsets = self
            .inputs
            .iter_mut()
            .map(|input| {
                input.sealed = Some(input.next);
                let note = InputNote {
                    topic_id: input.topic_id,
                    partitions: input.partitions,
                    has_state,
                    changelogs: self.changelogs.clone(),
                };
                SealedOffset {
                    partition: input.partition.clone(),
                    offset: input.next,
                    metadata: note.join(&sealed.metadata),
                }
            })
            .collect();
        self.sealed = Some(sealed);
        Ok(offsets)
    }

    /// Transaction N is definitely committed.
    pub(crate) fn committed(&mut self) {
        if self.sealed.take().is_none() {
            return;
        }
        self.task.committed();
        self.commit_starts = false;
        for input in &mut self.inputs {
            if let Some(sealed) = input.sealed.take() {
                input.committed = sealed;
            }
        }
    }

    /// Undoes both generations; the inputs' `next` is then where to read on.
    pub(crate) fn abort(&mut self) {
        self.task.abort();
        self.sealed = None;
        for input in &mut self.inputs {
            input.sealed = None;
            input.next = input.committed;
        }
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("id", &self.id)
            .field("inputs", &self.inputs)
            .field("sealed", &self.sealed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use thalweg_protocol::PartitionId;
    use thalweg_protocol::records::Rows;

    use super::*;
    use crate::task::{ChangelogId, OutputLimits, Outputs, RestoreError, SubTopologyId};

    /// Notes the calls it gets.
    #[derive(Default)]
    struct Scripted {
        calls: Rc<RefCell<Vec<&'static str>>>,
        sequence: u64,
    }

    impl Scripted {
        fn called(&self, name: &'static str) {
            self.calls.borrow_mut().push(name);
        }
    }

    impl Task for Scripted {
        fn process(
            &mut self,
            _: InputId,
            _: &Rows<'_>,
            _: &mut TaskContext<'_>,
        ) -> Result<(), TaskError> {
            Ok(())
        }
        fn advance_time(&mut self, _: &mut TaskContext<'_>) -> Result<(), TaskError> {
            Ok(())
        }
        fn set_idle(
            &mut self,
            _: InputId,
            _: bool,
            _: &mut TaskContext<'_>,
        ) -> Result<(), TaskError> {
            Ok(())
        }
        fn end_of_input(&mut self, _: InputId, _: &mut TaskContext<'_>) -> Result<(), TaskError> {
            Ok(())
        }
        fn watermark(&self) -> i64 {
            0
        }
        fn is_dirty(&self) -> bool {
            false
        }
        fn seal(&mut self, _: &mut TaskContext<'_>) -> Result<SealedTask, TaskError> {
            self.called("seal");
            self.sequence += 1;
            Ok(SealedTask {
                commit_sequence: self.sequence,
                metadata: "t".to_owned(),
            })
        }
        fn committed(&mut self) {
            self.called("committed");
        }
        fn abort(&mut self) {
            self.called("abort");
        }
        fn restore(&mut self, _: ChangelogId, _: &Rows<'_>) -> Result<(), RestoreError> {
            Ok(())
        }
        fn restored(&mut self, _: Option<&str>) -> Result<(), RestoreError> {
            Ok(())
        }
        fn report(&self) -> TaskReport {
            TaskReport::default()
        }
    }

    fn slot() -> (Slot, Rc<RefCell<Vec<&'static str>>>) {
        let task = Scripted::default();
        let calls = task.calls.clone();
        let id = TaskId {
            sub_topology: SubTopologyId(0),
            partition: PartitionId(1),
        };
        let input = |index: u32, topic: &str| {
            let partition = TopicPartition::new(topic, PartitionId(1));
            InputSlot::new(InputId(index), partition, Uuid([1; 16]), 4, Offset(10))
        };
        let inputs = vec![input(0, "left"), input(1, "right")];
        (Slot::new(id, Box::new(task), inputs, vec![]), calls)
    }

    fn seal(slot: &mut Slot) -> Vec<SealedOffset> {
        let mut outputs = Outputs::new(vec![], OutputLimits::default());
        slot.seal(&mut TaskContext {
            outputs: &mut outputs,
            now_ms: 0,
        })
        .unwrap()
    }

    #[test]
    fn e1_all_inputs_are_in_the_transaction_even_those_that_did_not_move() {
        let (mut slot, _) = slot();
        slot.inputs_mut()[0].handle_processed(Offset(15));
        assert!(slot.is_dirty());
        let offsets: Vec<_> = seal(&mut slot)
            .into_iter()
            .map(|sealed| (sealed.partition.to_string(), sealed.offset.0))
            .collect();
        assert_eq!(
            offsets,
            [("left-1".to_owned(), 15), ("right-1".to_owned(), 10)]
        );
        assert!(!slot.is_dirty());
        assert_eq!(slot.sealed_sequence(), Some(1));
    }

    #[test]
    fn a_commit_moves_the_committed_position_and_an_abort_goes_back_to_it() {
        let (mut slot, calls) = slot();
        slot.inputs_mut()[0].handle_processed(Offset(15));
        seal(&mut slot);
        slot.inputs_mut()[0].handle_processed(Offset(20));
        slot.committed();
        assert_eq!(slot.inputs()[0].committed(), Offset(15));
        assert_eq!(slot.inputs()[0].next(), Offset(20));
        seal(&mut slot);
        slot.inputs_mut()[0].handle_processed(Offset(30));
        slot.abort();
        assert_eq!(slot.inputs()[0].next(), Offset(15));
        assert!(!slot.is_dirty() && slot.sealed_sequence().is_none());
        assert_eq!(*calls.borrow(), ["seal", "committed", "seal", "abort"]);
    }

    #[test]
    fn a_task_that_is_in_no_transaction_hears_of_no_commit() {
        let (mut slot, calls) = slot();
        slot.committed();
        assert!(calls.borrow().is_empty());
    }
}
