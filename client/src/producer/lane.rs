//! The batches of one partition on their way: order, sequence numbers, repetition.
//!
//! ```text
//!   push ──► [ waiting … waiting ][ in flight … ] ──► answered
//!             unsealed | sealed    sealed, ≤ 5
//!                 ▲                    │ retriable failure: the lane rewinds
//!                 └────────────────────┘ (nothing is sent until nothing is in flight)
//! ```
//!
//! A batch is sealed (producer id, epoch, sequence number, checksum) when it is first sent, and
//! the bytes stay what they are on every repetition, so that the broker recognises what it has.
//! They change in one case only: an idempotent producer learned for certain that the batch and all
//! after it are *not* in the log, and numbers them anew under its next epoch (KIP-360).
//!
//! How it learns. The leader appends batches of one epoch in the order of their numbers, and knows
//! the last five. When the front of the lane is refused as out of sequence, it is not in the log,
//! and then nothing behind it is either. When a batch was given up with its outcome unknown, the one
//! behind it tells: it is accepted (or recognised) if and only if the lost one was written.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thalweg_protocol::records::{UnsealedBatch, reseal};
use thalweg_protocol::{ErrorCode, Offset, ProducerId};
use tokio::time::Instant;

use crate::TopicPartition;

use super::completion::Settle;
use super::error::ProduceError;
use super::refused::{RecordError, RefusedRecord, refused_records};
use super::sequence::{Identity, advance};
use super::split::split;
use super::verdict::{ProduceVerdict, blames_records, produce_verdict};

/// How many of a producer's batches a leader remembers, to recognise repetitions.
const REMEMBERED: u64 = 5;

/// How long to wait when the transaction before is still being completed.
pub(super) const CONCURRENT_TRANSACTIONS_BACKOFF: Duration = Duration::from_millis(10);

/// What guards a lane's batches against loss, repetition and disorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbering {
    /// Nothing does. One request in flight keeps the order.
    Plain,
    /// Sequence numbers.
    Idempotent,
    /// Sequence numbers, and a transaction that ends at the first failure.
    Transactional,
}

/// The answer to one batch of a request.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// The leader's.
    Leader {
        code: ErrorCode,
        base_offset: Offset,
        message: Option<Arc<str>>,
        record_errors: Arc<[RecordError]>,
    },
    /// None came; the leader may have processed the request.
    Lost { reason: Arc<str> },
    /// The request never left.
    NotSent { reason: Arc<str> },
    /// The request will not be answered (`acks=0`).
    NoneExpected,
}

/// What a leader says about a batch that is not written.
#[derive(Debug)]
struct Refusal {
    code: ErrorCode,
    message: Option<Arc<str>>,
    record_errors: Arc<[RecordError]>,
}

/// A batch to be sent.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    /// To be given back with the answer.
    pub(super) id: u64,
    pub(super) bytes: Bytes,
}

/// What follows from an answer, beyond the lane.
#[derive(Debug, Default)]
pub(super) struct Aftermath {
    /// The partition's leader may have moved.
    pub(super) refresh_metadata: bool,
    /// A batch failed for good.
    pub(super) failure: Option<ProduceError>,
}

#[derive(Debug)]
pub(super) struct Lane {
    topic_partition: TopicPartition,
    numbering: Numbering,
    in_flight_max: usize,
    delivery_timeout: Duration,
    /// Under which the sealed batches of the queue are numbered, and the next will be.
    identity: Option<Identity>,
    next_sequence: i32,
    /// In the order of sending. Invariant: sealed ones come before unsealed ones.
    queue: VecDeque<Entry>,
    next_id: u64,
    /// How many batches have been sealed.
    sealed: u64,
    /// How many of the queue are in flight.
    in_flight: usize,
    /// In flight, but given up: their answers are only counted off.
    abandoned: usize,
    /// A batch is to be repeated: nothing is sent until nothing is in flight.
    rewound: bool,
    /// Sequence numbers were spent on a batch that is not, or perhaps not, in the log: its id.
    gap: Option<u64>,
    not_before: Option<Instant>,
    /// Repetitions without a success in between.
    attempts: u32,
    /// The producer id whose epochs this lane has used up.
    spent: Option<ProducerId>,
    /// The producer id the leader is known to know. A leader takes the first batch of a producer it
    /// does not know whatever its number: were the very first batch refused for a moment and the
    /// second one not, they would be in the wrong order for good. So the very first goes alone.
    proven: Option<ProducerId>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    contents: Contents,
    /// Once it is sealed: its place in the order of the lane's sealed batches.
    place: u64,
    record_count: u32,
    in_flight: bool,
    /// An attempt was made whose outcome is not known.
    maybe_written: bool,
    deadline: Instant,
    settle: Settle,
    /// Why it is still here.
    last: Option<Arc<str>>,
}

#[derive(Debug)]
enum Contents {
    Unsealed(UnsealedBatch),
    Sealed {
        bytes: Bytes,
        base_sequence: i32,
    },
    /// Only while the batch is being sealed or split.
    Taken,
}

impl Lane {
    pub(super) fn new(
        topic_partition: TopicPartition,
        numbering: Numbering,
        in_flight_max: usize,
        delivery_timeout: Duration,
    ) -> Self {
        Lane {
            topic_partition,
            numbering,
            in_flight_max: if numbering == Numbering::Plain {
                1
            } else {
                in_flight_max
            },
            delivery_timeout,
            identity: None,
            next_sequence: 0,
            queue: VecDeque::new(),
            next_id: 0,
            sealed: 0,
            in_flight: 0,
            abandoned: 0,
            rewound: false,
            gap: None,
            not_before: None,
            attempts: 0,
            spent: None,
            proven: None,
        }
    }

    pub(super) fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// How many batches are not settled.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether requests are on their way whose answers may still come.
    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight + self.abandoned > 0
    }

    /// Whether sequence numbers were spent that a transaction of the same epoch cannot go on from.
    pub(super) fn has_gap(&self) -> bool {
        self.gap.is_some()
    }

    /// Whether an attempt was made whose outcome is not known.
    pub(super) fn is_indefinite(&self) -> bool {
        self.abandoned > 0
            || self
                .queue
                .iter()
                .any(|entry| entry.in_flight || entry.maybe_written)
    }

    /// Whether batches wait for a producer id other than the returned one.
    pub(super) fn needs_identity(&self) -> Option<Option<ProducerId>> {
        let numbered = self.numbering != Numbering::Plain;
        (numbered && self.identity.is_none() && !self.is_empty()).then_some(self.spent)
    }

    pub(super) fn push(&mut self, batch: UnsealedBatch, settle: Settle, deadline: Instant) {
        let record_count = batch.record_count() as u32;
        let id = self.take_id();
        self.queue.push_back(Entry {
            id,
            contents: Contents::Unsealed(batch),
            place: 0,
            record_count,
            in_flight: false,
            maybe_written: false,
            deadline,
            settle,
            last: None,
        });
    }

    /// Numbers batches from 0 under `identity` from now on.
    ///
    /// Callers make sure that no batch of the queue is sealed and nothing is in flight, or (within
    /// the lane) that what is sealed is not in the log.
    pub(super) fn adopt(&mut self, identity: Identity) {
        self.identity = Some(identity);
        self.next_sequence = 0;
        self.gap = None;
        self.sealed = 0;
        for entry in &mut self.queue {
            let Contents::Sealed {
                bytes,
                base_sequence,
            } = &mut entry.contents
            else {
                break;
            };
            *base_sequence = self.next_sequence;
            *bytes = reseal(
                bytes,
                identity.producer_id,
                identity.producer_epoch,
                self.next_sequence,
            );
            self.next_sequence = advance(self.next_sequence, entry.record_count);
            entry.place = self.sealed;
            self.sealed += 1;
        }
    }

    /// How long the next batch is, if one can be sent now.
    pub(super) fn sendable_bytes(&mut self, now: Instant) -> Option<usize> {
        self.heal_gap();
        if self.numbering != Numbering::Plain && self.identity.is_none() {
            return None;
        }
        if self.in_flight + self.abandoned >= self.in_flight_max
            || (self.rewound && self.in_flight > 0)
            || self.not_before.is_some_and(|not_before| now < not_before)
        {
            return None;
        }
        // With a gap before it, the front goes alone: its answer decides about the others.
        let alone = self.gap.is_some() || self.proven != self.identity.map(|id| id.producer_id);
        if alone && self.numbering != Numbering::Plain && self.in_flight > 0 {
            return None;
        }
        let next = self.queue.iter().find(|entry| !entry.in_flight)?;
        let (bytes, place) = match &next.contents {
            Contents::Unsealed(batch) => (batch.encoded_len(), self.sealed),
            Contents::Sealed { bytes, .. } => (bytes.len(), next.place),
            Contents::Taken => return None,
        };
        // The front may be in the log already, its answer lost. It must still be among the batches
        // the leader remembers when it is repeated, however many behind it have been answered.
        let front = self.queue.front().filter(|front| front.is_sealed());
        let first = front.map_or(place, |front| front.place);
        (self.numbering == Numbering::Plain || place - first < REMEMBERED).then_some(bytes)
    }

    /// Takes the batch that [`Lane::sendable_bytes`] spoke of.
    pub(super) fn send(&mut self) -> Option<Parcel> {
        let (identity, sequence) = (self.identity, self.next_sequence);
        let transactional = self.numbering == Numbering::Transactional;
        let numbered = self.numbering != Numbering::Plain;
        self.rewound = false;
        self.not_before = None;
        let entry = self.queue.iter_mut().find(|entry| !entry.in_flight)?;
        let mut sealed_now = false;
        entry.contents = match std::mem::replace(&mut entry.contents, Contents::Taken) {
            Contents::Unsealed(batch) if numbered => {
                let identity = identity?;
                sealed_now = true;
                let bytes = batch.seal(
                    identity.producer_id,
                    identity.producer_epoch,
                    sequence,
                    transactional,
                );
                Contents::Sealed {
                    bytes,
                    base_sequence: sequence,
                }
            }
            Contents::Unsealed(batch) => {
                let bytes = batch.seal(ProducerId(-1), -1, -1, false);
                Contents::Sealed {
                    bytes,
                    base_sequence: -1,
                }
            }
            sealed => sealed,
        };
        let Contents::Sealed { bytes, .. } = &entry.contents else {
            return None;
        };
        let parcel = Parcel {
            id: entry.id,
            bytes: bytes.clone(),
        };
        entry.in_flight = true;
        self.in_flight += 1;
        if sealed_now {
            self.next_sequence = advance(sequence, entry.record_count);
            entry.place = self.sealed;
            self.sealed += 1;
        }
        Some(parcel)
    }

    /// Takes the answer to a batch sent before. `backoff` says how long to wait before the
    /// repetition of that number.
    pub(super) fn handle_answer(
        &mut self,
        now: Instant,
        id: u64,
        answer: Answer,
        backoff: impl FnOnce(u32) -> Duration,
    ) -> Aftermath {
        let Some(index) = self.queue.iter().position(|entry| entry.id == id) else {
            self.abandoned = self.abandoned.saturating_sub(1);
            return Aftermath::default();
        };
        let Some(entry) = self.queue.get_mut(index) else {
            return Aftermath::default();
        };
        if !entry.in_flight {
            return Aftermath::default();
        }
        entry.in_flight = false;
        self.in_flight -= 1;
        let (verdict, base_offset, refusal) = match answer {
            Answer::NoneExpected => {
                let refusal = Refusal {
                    code: ErrorCode::NONE,
                    message: None,
                    record_errors: Arc::default(),
                };
                (ProduceVerdict::Written, Offset(-1), refusal)
            }
            Answer::Leader {
                code,
                base_offset,
                message,
                record_errors,
            } => {
                entry.last = Some(code.to_string().into());
                let refusal = Refusal {
                    code,
                    message,
                    record_errors,
                };
                (self.verdict(code), base_offset, refusal)
            }
            Answer::Lost { reason } => {
                entry.maybe_written = true;
                entry.last = Some(reason);
                return self.retry(now, Some(backoff), true);
            }
            Answer::NotSent { reason } => {
                entry.last = Some(reason);
                return self.retry(now, Some(backoff), true);
            }
        };
        match verdict {
            ProduceVerdict::Written => {
                self.attempts = 0;
                self.not_before = None;
                self.proven = self.identity.map(|identity| identity.producer_id);
                if self.numbering == Numbering::Idempotent && self.gap.is_some_and(|lost| lost < id)
                {
                    // Written behind the lost one, which therefore was written too.
                    self.gap = None;
                }
                if let Some(entry) = self.queue.remove(index) {
                    entry.settle.written(base_offset);
                }
                Aftermath::default()
            }
            ProduceVerdict::Retry { refresh_metadata } => {
                self.retry(now, Some(backoff), refresh_metadata)
            }
            ProduceVerdict::RetryMaybeWritten => {
                if let Some(entry) = self.queue.get_mut(index) {
                    entry.maybe_written = true;
                }
                self.retry(now, Some(backoff), false)
            }
            ProduceVerdict::RetrySoon => {
                self.retry(now, Some(|_| CONCURRENT_TRANSACTIONS_BACKOFF), false)
            }
            // Only the front of the lane can tell a gap from a batch before it that failed.
            ProduceVerdict::OutOfSequence if index > 0 => {
                self.retry(now, None::<fn(u32) -> Duration>, false)
            }
            ProduceVerdict::OutOfSequence if self.numbering == Numbering::Idempotent => {
                self.gap = Some(id);
                for entry in &mut self.queue {
                    // Not written, by the order in which leaders append.
                    entry.maybe_written = false;
                }
                self.retry(now, Some(backoff), false)
            }
            ProduceVerdict::TooLarge => self.split_or_fail(index, refusal),
            // Brokers before 2.4 do not say which record they mean: alone, it is known.
            ProduceVerdict::Refused
                if blames_records(refusal.code) && refusal.record_errors.is_empty() =>
            {
                self.split_or_fail(index, refusal)
            }
            ProduceVerdict::Unknown => self.fail(index, None, refusal),
            ProduceVerdict::OutOfSequence
            | ProduceVerdict::AbortTransaction
            | ProduceVerdict::Fenced
            | ProduceVerdict::Refused => self.fail(index, Some(false), refusal),
        }
    }

    /// Gives up what has waited longer than the delivery time-out and is not in flight. Returns the
    /// first failure.
    pub(super) fn expire(&mut self, now: Instant) -> Option<ProduceError> {
        let mut first = None;
        // The oldest is at the front; one that is in flight has its answer or time-out to come,
        // and nothing behind it may be given up before it.
        while let Some(entry) = self.queue.front() {
            if entry.in_flight || now < entry.deadline {
                break;
            }
            let Some(entry) = self.queue.pop_front() else {
                break;
            };
            let topic_partition = self.topic_partition.clone();
            let last = entry
                .last
                .clone()
                .unwrap_or_else(|| "no leader is known".into());
            if entry.is_sealed() {
                self.gap = Some(entry.id);
            }
            let error = if entry.maybe_written {
                ProduceError::OutcomeUnknown {
                    topic_partition,
                    last,
                }
            } else {
                ProduceError::NotSent {
                    topic_partition,
                    after: self.delivery_timeout,
                    last,
                }
            };
            first.get_or_insert_with(|| error.clone());
            entry.settle.failed(error);
        }
        first
    }

    /// When something is to be done next without an answer: a deadline, or the end of a pause. One
    /// that is over is none: what keeps the lane from being sent then is not the time.
    pub(super) fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let entry = self.queue.front()?;
        let deadline = (!entry.in_flight).then_some(entry.deadline);
        let pause = self
            .not_before
            .filter(|&pause| self.in_flight == 0 && pause > now);
        match (deadline, pause) {
            (Some(deadline), Some(pause)) => Some(deadline.min(pause)),
            (deadline, pause) => deadline.or(pause),
        }
    }

    /// Gives all batches up with the error that `error` makes of the partition. Answers still to
    /// come are ignored.
    pub(super) fn abandon(&mut self, error: impl Fn(&TopicPartition) -> ProduceError) {
        for entry in self.queue.drain(..) {
            if entry.is_sealed() {
                self.gap = Some(entry.id);
            }
            entry.settle.failed(error(&self.topic_partition));
        }
        self.abandoned += self.in_flight;
        self.in_flight = 0;
        self.rewound = false;
        self.not_before = None;
        self.attempts = 0;
    }

    /// Forgets answers that will not come, or must not count: those of an older epoch.
    pub(super) fn forget_abandoned(&mut self) {
        self.abandoned = 0;
    }

    /// Ends a pause: the reason for it is gone.
    pub(super) fn retry_now(&mut self) {
        self.not_before = None;
    }

    /// Notes what keeps the next batch from being sent.
    pub(super) fn handle_obstacle(&mut self, reason: &Arc<str>) {
        if let Some(entry) = self.queue.iter_mut().find(|entry| !entry.in_flight) {
            entry.last = Some(Arc::clone(reason));
        }
    }

    fn verdict(&self, code: ErrorCode) -> ProduceVerdict {
        match (self.numbering, produce_verdict(code)) {
            (Numbering::Plain, ProduceVerdict::OutOfSequence) => ProduceVerdict::Refused,
            (Numbering::Plain, ProduceVerdict::Unknown) => ProduceVerdict::Unknown,
            // The leader has a later epoch of this producer than the batch's: no batch of the old
            // one can be written any more, and a later epoch still lets the lane go on.
            (Numbering::Idempotent, ProduceVerdict::Fenced)
                if code == ErrorCode::INVALID_PRODUCER_EPOCH =>
            {
                ProduceVerdict::OutOfSequence
            }
            (_, verdict) => verdict,
        }
    }

    fn retry(
        &mut self,
        now: Instant,
        backoff: Option<impl FnOnce(u32) -> Duration>,
        refresh_metadata: bool,
    ) -> Aftermath {
        // The batches that were in flight together fail together: one pause for all of them.
        if let Some(backoff) = backoff.filter(|_| !self.rewound || self.not_before.is_none()) {
            self.not_before = Some(now + backoff(self.attempts));
            self.attempts = self.attempts.saturating_add(1);
        }
        self.rewound = true;
        Aftermath {
            refresh_metadata,
            failure: None,
        }
    }

    /// `written`: what the answer itself says; `None` when it does not say.
    fn fail(&mut self, index: usize, written: Option<bool>, refusal: Refusal) -> Aftermath {
        let Refusal {
            code,
            message,
            record_errors,
        } = refusal;
        let Some(entry) = self.queue.remove(index) else {
            return Aftermath::default();
        };
        self.gap = (self.numbering != Numbering::Plain).then_some(entry.id);
        self.rewound = true;
        let topic_partition = self.topic_partition.clone();
        // A refusal speaks of this attempt only. An earlier one may have been written, unless the
        // refusal itself rules it out: a batch already in the log is recognised, not out of order.
        let ruled_out = code == ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
        let error = if written.is_none() || (entry.maybe_written && !ruled_out) {
            let last = message.unwrap_or_else(|| code.to_string().into());
            ProduceError::OutcomeUnknown {
                topic_partition,
                last,
            }
        } else if matches!(
            code,
            ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE
        ) {
            ProduceError::TooLarge {
                topic_partition,
                batch_bytes: entry.sealed_bytes().len(),
                records: entry.refused_records(&record_errors),
            }
        } else {
            let records = match blames_records(code) {
                true => entry.refused_records(&record_errors),
                false => Arc::default(),
            };
            ProduceError::Refused {
                topic_partition,
                code,
                message,
                records,
            }
        };
        entry.settle.failed(error.clone());
        Aftermath {
            refresh_metadata: false,
            failure: Some(error),
        }
    }

    fn split_or_fail(&mut self, index: usize, refusal: Refusal) -> Aftermath {
        let halves = self
            .queue
            .get(index)
            .and_then(|entry| match &entry.contents {
                Contents::Sealed { bytes, .. }
                    if entry.record_count > 1 && !entry.maybe_written =>
                {
                    split(bytes)
                }
                _ => None,
            });
        let Some((left, right)) = halves else {
            return self.fail(index, Some(false), refusal);
        };
        let Some(entry) = self.queue.remove(index) else {
            return Aftermath::default();
        };
        let Contents::Sealed { base_sequence, .. } = entry.contents else {
            return Aftermath::default();
        };
        // The halves take the numbers of the whole, which was not written, so that the batches
        // behind it keep theirs.
        let at = left.record_count() as u32;
        let (left_settle, right_settle) = entry.settle.split(at);
        let right_sequence = if base_sequence < 0 {
            base_sequence
        } else {
            advance(base_sequence, at)
        };
        let halves = [
            (left, left_settle, base_sequence),
            (right, right_settle, right_sequence),
        ];
        for (offset, (half, settle, base_sequence)) in halves.into_iter().enumerate() {
            let record_count = half.record_count() as u32;
            let identity = self
                .identity
                .filter(|_| self.numbering != Numbering::Plain)
                .unwrap_or(Identity {
                    producer_id: ProducerId(-1),
                    producer_epoch: -1,
                });
            let transactional = self.numbering == Numbering::Transactional;
            let bytes = half.seal(
                identity.producer_id,
                identity.producer_epoch,
                base_sequence,
                transactional,
            );
            let id = self.take_id();
            let half = Entry {
                id,
                contents: Contents::Sealed {
                    bytes,
                    base_sequence,
                },
                place: entry.place + offset as u64,
                record_count,
                in_flight: false,
                maybe_written: false,
                deadline: entry.deadline,
                settle,
                last: entry.last.clone(),
            };
            self.queue.insert(index + offset, half);
        }
        // One batch more than before.
        for behind in self.queue.iter_mut().skip(index + 2) {
            behind.place += 1;
        }
        self.sealed += 1;
        self.rewound = true;
        Aftermath::default()
    }

    /// Starts the next epoch when numbers were lost and it is certain that no sealed batch of the
    /// queue is in the log.
    fn heal_gap(&mut self) {
        if self.gap.is_none() || self.numbering != Numbering::Idempotent || self.is_in_flight() {
            return;
        }
        if self.queue.front().is_some_and(|entry| entry.maybe_written) {
            return;
        }
        match self.identity.and_then(Identity::bumped) {
            Some(next) => self.adopt(next),
            None => self.spent = self.identity.take().map(|identity| identity.producer_id),
        }
    }

    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

impl Entry {
    fn is_sealed(&self) -> bool {
        matches!(self.contents, Contents::Sealed { .. })
    }

    fn sealed_bytes(&self) -> &[u8] {
        match &self.contents {
            Contents::Sealed { bytes, .. } => bytes,
            Contents::Unsealed(_) | Contents::Taken => &[],
        }
    }

    fn refused_records(&self, named: &[RecordError]) -> Arc<[RefusedRecord]> {
        refused_records(self.sealed_bytes(), self.settle.first_index(), named)
    }
}

#[cfg(test)]
mod tests;
