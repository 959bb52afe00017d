//! How the outcome of a batch reaches whoever waits for it: one shared cell per batch.
//!
//! A record's ticket is the number of its batch and its place in it, two integers. The cells of the
//! batches are kept in a ring by number, so nothing is allocated, counted or sent per record.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::TopicPartition;
use thalweg_protocol::{Offset, PartitionId};

use super::budget::Reservation;
use super::error::ProduceError;
use super::promise::Promise;

/// What became of a batch.
#[derive(Debug, Clone)]
pub(super) enum BatchOutcome {
    /// In the log. The offset of its first record, -1 where the broker did not say.
    Written(Offset),
    /// In the log, in several parts: the index of the first record of each, and its offset.
    WrittenInParts(Arc<[(u32, Offset)]>),
    /// Not, or perhaps not, in the log.
    Failed(ProduceError),
}

impl BatchOutcome {
    /// The offset of the record at `index` of the batch.
    pub(super) fn offset_of(&self, index: u32) -> Result<Offset, ProduceError> {
        let (first, base) = match self {
            BatchOutcome::Written(base) => (0, *base),
            BatchOutcome::WrittenInParts(parts) => {
                let after = parts.partition_point(|&(first, _)| first <= index);
                parts
                    .get(after.wrapping_sub(1))
                    .copied()
                    .unwrap_or((index, Offset(-1)))
            }
            BatchOutcome::Failed(error) => return Err(error.clone()),
        };
        match base {
            Offset(-1) => Ok(Offset(-1)),
            Offset(base) => Ok(Offset(base + i64::from(index - first))),
        }
    }
}

/// The cell that tells a batch's outcome. Set once, by the sender.
#[derive(Debug)]
pub(super) struct Completion {
    topic_partition: TopicPartition,
    outcome: Promise<BatchOutcome>,
}

impl Completion {
    pub(super) fn new(topic_partition: TopicPartition) -> Arc<Self> {
        Arc::new(Completion {
            topic_partition,
            outcome: Promise::new(),
        })
    }

    pub(super) fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The outcome, if it is known yet.
    pub(super) fn outcome(&self) -> Option<&BatchOutcome> {
        self.outcome.value()
    }

    /// Waits for the outcome. Cancel-safe: dropping loses only the notification.
    pub(super) async fn wait(&self) -> &BatchOutcome {
        self.outcome.wait().await
    }

    fn settle(&self, outcome: BatchOutcome) {
        self.outcome.settle(outcome);
    }
}

/// The sender's end of a completion: settles it, also when it is dropped with nothing said, and
/// gives the batch's memory back to the budget.
#[derive(Debug)]
pub(super) struct Settle {
    /// `None` once it was told, or taken over by the parts of a split.
    target: Option<Target>,
    /// Given back before the outcome is told: who hears it finds the room that it makes.
    held: Option<Arc<Held>>,
}

/// What a batch holds from its first record to the end of its delivery.
#[derive(Debug)]
struct Held {
    _reservation: Reservation,
    /// Counts the batches of the partition that are under way.
    under_way: Arc<AtomicU32>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
enum Target {
    Whole(Arc<Completion>),
    Part { parts: Arc<Parts>, first_index: u32 },
}

/// The shared state of a batch that was split because it was too large.
#[derive(Debug)]
struct Parts {
    whole: Arc<Completion>,
    progress: Mutex<PartsProgress>,
}

#[derive(Debug)]
struct PartsProgress {
    outstanding: usize,
    written: Vec<(u32, Offset)>,
    failed: Option<ProduceError>,
}

impl Settle {
    /// Counts one more batch in `under_way` until it is settled.
    pub(super) fn new(
        completion: Arc<Completion>,
        reservation: Reservation,
        under_way: Arc<AtomicU32>,
    ) -> Self {
        under_way.fetch_add(1, Ordering::Relaxed);
        let held = Arc::new(Held {
            _reservation: reservation,
            under_way,
        });
        Settle {
            target: Some(Target::Whole(completion)),
            held: Some(held),
        }
    }

    pub(super) fn written(mut self, base_offset: Offset) {
        self.held = None;
        match self.target.take() {
            Some(Target::Whole(completion)) => {
                completion.settle(BatchOutcome::Written(base_offset));
            }
            Some(Target::Part { parts, first_index }) => parts.written(first_index, base_offset),
            None => {}
        }
    }

    /// The place of the first record in the batch as it was given to the producer.
    pub(super) fn first_index(&self) -> u32 {
        match &self.target {
            Some(Target::Part { first_index, .. }) => *first_index,
            Some(Target::Whole(_)) | None => 0,
        }
    }

    pub(super) fn failed(mut self, error: ProduceError) {
        self.fail(error);
    }

    fn fail(&mut self, error: ProduceError) {
        self.held = None;
        match self.target.take() {
            Some(Target::Whole(completion)) => completion.settle(BatchOutcome::Failed(error)),
            Some(Target::Part { parts, .. }) => parts.failed(error),
            None => {}
        }
    }

    /// Two ends for the halves of a batch whose second half begins at record `at` of it.
    pub(super) fn split(mut self, at: u32) -> (Settle, Settle) {
        let held = self.held.take();
        let half = |target| Settle {
            target,
            held: held.clone(),
        };
        let (parts, first_index) = match self.target.take() {
            None => return (half(None), half(None)),
            Some(Target::Whole(whole)) => {
                let progress = PartsProgress {
                    outstanding: 2,
                    written: Vec::new(),
                    failed: None,
                };
                (
                    Arc::new(Parts {
                        whole,
                        progress: Mutex::new(progress),
                    }),
                    0,
                )
            }
            Some(Target::Part { parts, first_index }) => {
                parts.lock().outstanding += 1;
                (parts, first_index)
            }
        };
        let left = Target::Part {
            parts: Arc::clone(&parts),
            first_index,
        };
        let right = Target::Part {
            parts,
            first_index: first_index + at,
        };
        (half(Some(left)), half(Some(right)))
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        // Whoever lets a batch go without a word must not leave somebody waiting for it.
        let topic_partition = match &self.target {
            None => return,
            Some(Target::Whole(completion)) => completion.topic_partition().clone(),
            Some(Target::Part { parts, .. }) => parts.whole.topic_partition().clone(),
        };
        self.fail(ProduceError::Closed { topic_partition });
    }
}

impl Parts {
    fn lock(&self) -> MutexGuard<'_, PartsProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written(&self, first_index: u32, base_offset: Offset) {
        let mut progress = self.lock();
        progress.written.push((first_index, base_offset));
        self.settle_when_done(&mut progress);
    }

    fn failed(&self, error: ProduceError) {
        let mut progress = self.lock();
        progress.failed.get_or_insert(error);
        self.settle_when_done(&mut progress);
    }

    fn settle_when_done(&self, progress: &mut PartsProgress) {
        progress.outstanding = progress.outstanding.saturating_sub(1);
        if progress.outstanding > 0 {
            return;
        }
        let outcome = match progress.failed.take() {
            None => {
                progress.written.sort_unstable();
                BatchOutcome::WrittenInParts(progress.written.as_slice().into())
            }
            // Records of the batch are in the log, others are not: a caller who sends the batch
            // again writes the former twice.
            Some(error) if !progress.written.is_empty() && !error.is_indefinite() => {
                BatchOutcome::Failed(ProduceError::PartlyWritten {
                    topic_partition: self.whole.topic_partition().clone(),
                    cause: Box::new(error),
                })
            }
            Some(error) => BatchOutcome::Failed(error),
        };
        self.whole.settle(outcome);
    }
}

/// Names a record that was sent, to ask for its outcome later. Two integers: keep as many as you
/// like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket {
    pub(super) batch: u64,
    pub(super) index: u32,
}

/// Where a record was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Delivered {
    /// The topic and partition.
    pub topic_partition: TopicPartition,
    /// The offset. -1 where the broker did not say: with `acks=0`, and when a repetition was
    /// recognised so late that the offset of the first writing was forgotten.
    pub offset: Offset,
}

impl Delivered {
    /// The partition.
    pub fn partition(&self) -> PartitionId {
        self.topic_partition.partition
    }
}

/// The cells of the latest batches, by number.
///
/// Unsettled batches are always kept; of the settled ones, the latest `settled_kept`.
#[derive(Debug)]
pub(super) struct Ring {
    /// The number of the batch at the front of `cells`.
    first: u64,
    cells: VecDeque<Arc<Completion>>,
    settled_kept: usize,
    /// How many cells at the front are settled and were looked at by `note_settled`.
    settled: usize,
    /// The first failure that `take_failure` has not handed out yet.
    failure: Option<ProduceError>,
}

impl Ring {
    pub(super) fn new(settled_kept: usize) -> Self {
        Ring {
            first: 0,
            cells: VecDeque::new(),
            settled_kept,
            settled: 0,
            failure: None,
        }
    }

    /// The number the next batch gets.
    pub(super) fn next(&self) -> u64 {
        self.first + self.cells.len() as u64
    }

    /// Takes in a new batch, and returns its number.
    pub(super) fn push(&mut self, completion: Arc<Completion>) -> u64 {
        self.note_settled();
        while self.settled > self.settled_kept {
            self.cells.pop_front();
            self.first += 1;
            self.settled -= 1;
        }
        self.cells.push_back(completion);
        self.next() - 1
    }

    pub(super) fn cell(&self, batch: u64) -> Option<&Arc<Completion>> {
        let index = usize::try_from(batch.checked_sub(self.first)?).ok()?;
        self.cells.get(index)
    }

    /// The oldest batch before number `end` that is not settled.
    pub(super) fn unsettled_before(&mut self, end: u64) -> Option<Arc<Completion>> {
        self.note_settled();
        let index = self.first + self.settled as u64;
        if index < end {
            self.cell(index).cloned()
        } else {
            None
        }
    }

    /// The first failure since this was asked last.
    pub(super) fn take_failure(&mut self) -> Option<ProduceError> {
        self.note_settled();
        self.failure.take()
    }

    fn note_settled(&mut self) {
        while let Some(outcome) = self.cells.get(self.settled).and_then(|cell| cell.outcome()) {
            if let (None, BatchOutcome::Failed(error)) = (&self.failure, outcome) {
                self.failure = Some(error.clone());
            }
            self.settled += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::producer::budget::Budget;

    fn completion() -> Arc<Completion> {
        Completion::new(TopicPartition::new("t", 0))
    }

    fn refused() -> ProduceError {
        ProduceError::Refused {
            topic_partition: TopicPartition::new("t", 0),
            code: thalweg_protocol::ErrorCode::INVALID_RECORD,
            message: None,
            records: Arc::default(),
        }
    }

    fn settle(completion: &Arc<Completion>, budget: &Arc<Budget>) -> Settle {
        let reservation = budget.try_reserve(10).expect("the budget is large");
        Settle::new(Arc::clone(completion), reservation, Arc::default())
    }

    #[test]
    fn a_record_is_as_many_offsets_after_the_first_as_its_place_says() {
        let budget = Budget::new(1_000);
        let completion = completion();
        settle(&completion, &budget).written(Offset(40));
        let outcome = completion.outcome().expect("settled above");
        assert_eq!(outcome.offset_of(0), Ok(Offset(40)));
        assert_eq!(outcome.offset_of(7), Ok(Offset(47)));
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn a_split_batch_is_settled_when_its_last_part_is() {
        let budget = Budget::new(1_000);
        let completion = completion();
        let (left, right) = settle(&completion, &budget).split(4);
        let (middle, right) = right.split(3);
        right.written(Offset(900));
        left.written(Offset(100));
        assert!(completion.outcome().is_none());
        assert_eq!(budget.used_bytes(), 10);
        middle.written(Offset(200));
        let outcome = completion.outcome().expect("all parts are settled");
        let offsets: Vec<i64> = (0..9)
            .map(|index| outcome.offset_of(index).expect("all parts are written").0)
            .collect();
        assert_eq!(offsets, [100, 101, 102, 103, 200, 201, 202, 900, 901]);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn a_split_batch_with_a_refused_part_is_no_success_and_no_clean_failure() {
        let budget = Budget::new(1_000);
        let completion = completion();
        let (left, right) = settle(&completion, &budget).split(4);
        left.written(Offset(100));
        right.failed(refused());
        let outcome = completion.outcome().expect("all parts are settled");
        let error = outcome.offset_of(0).expect_err("a part was refused");
        assert!(error.is_indefinite(), "{error}");
    }

    #[test]
    fn a_batch_dropped_without_a_word_fails() {
        let budget = Budget::new(1_000);
        let completion = completion();
        drop(settle(&completion, &budget));
        let outcome = completion.outcome().expect("dropping settles");
        assert!(matches!(
            outcome.offset_of(0),
            Err(ProduceError::Closed { .. })
        ));
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn the_first_outcome_stands() {
        let completion = completion();
        completion.settle(BatchOutcome::Written(Offset(1)));
        completion.settle(BatchOutcome::Failed(refused()));
        assert_eq!(
            completion.outcome().map(|o| o.offset_of(0)),
            Some(Ok(Offset(1)))
        );
    }

    #[test]
    fn the_ring_forgets_settled_batches_only() {
        let mut ring = Ring::new(2);
        let cells: Vec<_> = (0..6).map(|_| completion()).collect();
        for (index, cell) in cells.iter().enumerate() {
            assert_eq!(ring.push(Arc::clone(cell)), index as u64);
        }
        assert!(ring.cell(0).is_some());
        for cell in &cells[..4] {
            cell.settle(BatchOutcome::Written(Offset(0)));
        }
        ring.push(completion());
        assert!(ring.cell(1).is_none(), "settled long ago");
        assert!(ring.cell(2).is_some());
        assert_eq!(ring.next(), 7);
        assert!(ring.unsettled_before(4).is_none());
        assert!(ring.unsettled_before(5).is_some());
    }

    #[test]
    fn a_failure_is_told_once() {
        let mut ring = Ring::new(0);
        let cell = completion();
        ring.push(Arc::clone(&cell));
        cell.settle(BatchOutcome::Failed(refused()));
        ring.push(completion());
        assert_eq!(ring.take_failure(), Some(refused()));
        assert_eq!(ring.take_failure(), None);
    }
}
