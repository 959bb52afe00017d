//! What an answer means for the transaction.

use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::ErrorCode;
use tokio::time::Instant;

use crate::TopicPartition;
use crate::error::Disposition;

use super::super::error::{CommitError, TransactionError, TransactionOutcome};
use super::super::lane::CONCURRENT_TRANSACTIONS_BACKOFF;
use super::super::sequence::Identity;
use super::super::verdict::{CoordinatorOperation, CoordinatorVerdict, coordinator_verdict};
use super::{
    Call, CallAnswer, End, EndPromise, Event, Initialising, Phase, Protocol, Slot, Then,
    Transactions,
};

impl Transactions {
    /// Takes what came of a call. The answer to a call that no longer matters is ignored.
    pub(in crate::producer) fn handle_answer(
        &mut self,
        now: Instant,
        id: u64,
        answer: CallAnswer,
        backoff: impl FnOnce(u32) -> Duration,
    ) {
        let is = |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| slot.id == Some(id));
        let slot = if is(&self.main) {
            self.main.take()
        } else if is(&self.group) {
            self.group.take()
        } else {
            None
        };
        let Some(mut slot) = slot else { return };
        slot.id = None;
        let operation = slot.call.operation();
        let mut partition = None;
        let (verdict, code, identity) = match answer {
            CallAnswer::Code(code, identity) => {
                slot.last = code.to_string().into();
                (coordinator_verdict(operation, code), code, identity)
            }
            CallAnswer::Partitions(results) => {
                let (verdict, code, decisive) = self.partitions_verdict(&slot.call, results);
                partition = decisive;
                slot.last = code.to_string().into();
                (verdict, code, None)
            }
            CallAnswer::Lost { sent, reason } => {
                slot.last = reason;
                slot.tainted |= sent;
                let pause = backoff(slot.attempts);
                return self.repeat(now, slot, pause);
            }
            CallAnswer::Unsupported { reason } => {
                let operation = operation.name();
                return self.give_up(slot, TransactionError::Unsupported { operation, reason });
            }
        };
        match verdict {
            CoordinatorVerdict::Done => self.done(slot, identity),
            CoordinatorVerdict::Retry => {
                let pause = backoff(slot.attempts);
                self.repeat(now, slot, pause);
            }
            CoordinatorVerdict::RetryElsewhere => {
                slot.tainted = true;
                let pause = backoff(slot.attempts);
                self.repeat(now, slot, pause);
            }
            CoordinatorVerdict::RetrySoon => {
                if let Phase::Initialising(initialising) = &mut self.phase {
                    initialising.disturbed = true;
                }
                let patient = CONCURRENT_TRANSACTIONS_BACKOFF * slot.attempts.clamp(1, 10);
                self.repeat(now, slot, patient);
            }
            CoordinatorVerdict::Fenced => self.refused_as_fenced(slot, code),
            CoordinatorVerdict::Rejoin => {
                let Call::OffsetCommit { group, .. } = &slot.call else {
                    return;
                };
                let group = Arc::clone(&group.group_id);
                let error = TransactionError::OffsetsRefused {
                    group: Arc::clone(&group),
                    code,
                };
                self.offsets_refused = Some((group, error.clone()));
                if let Some(offsets) = self.offsets.pop_front() {
                    offsets.promise.settle(Err(error.clone()));
                }
                if matches!(self.phase, Phase::Ending(_)) {
                    self.offsets_refused = None;
                    self.turn_to_abort(error);
                }
            }
            CoordinatorVerdict::Failed(disposition) => {
                let error = TransactionError::Refused {
                    transactional_id: Arc::clone(&self.transactional_id),
                    operation: operation.name(),
                    subject: subject(&slot.call, code, partition),
                    code,
                    disposition,
                };
                self.give_up(slot, error);
            }
        }
    }

    fn done(&mut self, slot: Slot, answered: Option<Identity>) {
        self.echoes |= slot.tainted;
        match slot.call {
            Call::InitProducerId { .. } => self.initialised(answered),
            Call::AddPartitions { partitions, .. } => {
                self.started = true;
                for partition in partitions {
                    self.to_add.remove(&partition);
                    self.added.insert(partition);
                }
            }
            Call::AddOffsets { group, .. } => {
                self.started = true;
                self.groups_added.insert(group);
            }
            Call::OffsetCommit { group, .. } => {
                if self
                    .offsets_refused
                    .as_ref()
                    .is_some_and(|(of, _)| *of == group.group_id)
                {
                    self.offsets_refused = None;
                }
                if let Some(offsets) = self.offsets.pop_front() {
                    offsets.promise.settle(Ok(()));
                }
            }
            Call::EndTransaction { end, .. } => {
                if let Some(identity) = answered {
                    self.adopt(identity);
                }
                self.ended(end);
            }
        }
    }

    fn initialised(&mut self, answered: Option<Identity>) {
        let Phase::Initialising(initialising) = std::mem::replace(&mut self.phase, Phase::Ready)
        else {
            return;
        };
        if let Some(identity) = answered {
            self.adopt(identity);
        }
        match initialising.then {
            Then::Tell(promise) => {
                self.clear();
                promise.settle(Ok(()));
            }
            Then::Nobody => self.clear(),
            Then::End { promise, failure } => {
                self.clear();
                self.tell(promise, TransactionOutcome::Aborted, failure);
            }
        }
    }

    fn ended(&mut self, end: End) {
        let gap = matches!(&self.phase, Phase::Ending(ending) if ending.gap);
        // Protocol One goes on with the same epoch, unless numbers were lost in it or a request of
        // the transaction may still arrive.
        let epoch_is_spent = self.protocol == Protocol::One && (gap || self.echoes);
        match end {
            End::Abort if epoch_is_spent => self.initialise_to_end(),
            End::Commit if epoch_is_spent => {
                self.finish();
                self.phase = Phase::Initialising(Initialising {
                    known: self.identity,
                    disturbed: false,
                    takes_over: false,
                    then: Then::Nobody,
                });
            }
            _ => self.finish(),
        }
    }

    fn adopt(&mut self, identity: Identity) {
        if self.identity != Some(identity) {
            self.identity = Some(identity);
            self.events.push_back(Event::Adopt(identity));
        }
    }

    /// The decisive code of an answer with one code per partition, and whose it is.
    fn partitions_verdict(
        &mut self,
        call: &Call,
        results: Vec<(TopicPartition, ErrorCode)>,
    ) -> (CoordinatorVerdict, ErrorCode, Option<TopicPartition>) {
        let operation = call.operation();
        let mut decisive = (CoordinatorVerdict::Done, ErrorCode::NONE, None);
        let adding = operation == CoordinatorOperation::AddPartitions;
        for (topic_partition, code) in results {
            let verdict = coordinator_verdict(operation, code);
            if adding && verdict == CoordinatorVerdict::Done {
                self.started = true;
                self.to_add.remove(&topic_partition);
                self.added.insert(topic_partition.clone());
            }
            if rank(verdict) > rank(decisive.0) {
                decisive = (verdict, code, Some(topic_partition));
            }
        }
        decisive
    }

    fn repeat(&mut self, now: Instant, mut slot: Slot, pause: Duration) {
        if now >= slot.give_up {
            let error = TransactionError::NoAnswer {
                transactional_id: Arc::clone(&self.transactional_id),
                operation: slot.call.operation().name(),
                last: Arc::clone(&slot.last),
                disposition: match slot.call {
                    Call::InitProducerId { .. } | Call::EndTransaction { .. } => {
                        Disposition::Reinitialise
                    }
                    _ => Disposition::AbortTransaction,
                },
            };
            return self.give_up(slot, error);
        }
        // The transaction has failed meanwhile: its steps are not repeated.
        let aborting = matches!(&self.phase, Phase::Ending(ending) if ending.end == End::Abort);
        let step = matches!(
            slot.call,
            Call::AddPartitions { .. } | Call::AddOffsets { .. } | Call::OffsetCommit { .. }
        );
        if step && (aborting || self.failure.is_some()) {
            self.indefinite |= slot.tainted;
            return;
        }
        slot.attempts = slot.attempts.saturating_add(1);
        slot.not_before = Some(now + pause);
        // What was to be added may have grown meanwhile.
        if let Call::AddPartitions { partitions, .. } = &mut slot.call {
            *partitions = self.to_add.iter().cloned().collect();
        }
        match slot.call {
            Call::OffsetCommit { .. } => self.group = Some(slot),
            _ => self.main = Some(slot),
        }
    }

    fn refused_as_fenced(&mut self, slot: Slot, code: ErrorCode) {
        if let (Phase::Initialising(initialising), Call::InitProducerId { known }) =
            (&mut self.phase, &slot.call)
        {
            // The identity was refused. Where our own request may have been what ended it, or
            // taking over is what was asked for, any identity will do.
            let may_take_over = initialising.takes_over || initialising.disturbed || slot.tainted;
            if known.is_some() && may_take_over {
                initialising.known = None;
                return;
            }
        }
        let error = self.fenced(slot.call.operation().name(), code);
        self.give_up(slot, error);
    }

    /// A call will not succeed.
    fn give_up(&mut self, slot: Slot, error: TransactionError) {
        match slot.call {
            Call::InitProducerId { .. } => {
                let broken = Phase::Broken(error.clone());
                let Phase::Initialising(initialising) = std::mem::replace(&mut self.phase, broken)
                else {
                    return;
                };
                self.clear();
                match initialising.then {
                    Then::Tell(promise) => promise.settle(Err(error)),
                    Then::Nobody => {}
                    // No EndTxn(commit) was ever sent: what is open can only be aborted.
                    Then::End { promise, failure } => {
                        let cause = worse(failure, error);
                        self.tell(promise, TransactionOutcome::Aborted, Some(cause));
                    }
                }
            }
            Call::EndTransaction { end, .. } => self.end_refused(end, slot.tainted, error),
            Call::AddPartitions { .. } | Call::AddOffsets { .. } | Call::OffsetCommit { .. } => {
                self.indefinite |= slot.tainted;
                if let Call::OffsetCommit { .. } = slot.call
                    && let Some(offsets) = self.offsets.pop_front()
                {
                    offsets.promise.settle(Err(error.clone()));
                }
                self.fail(error);
            }
        }
    }

    fn end_refused(&mut self, end: End, tainted: bool, error: TransactionError) {
        let Phase::Ending(ending) = &mut self.phase else {
            return;
        };
        ending.tainted |= tainted;
        let definite = !ending.tainted;
        if end == End::Commit && definite && error.disposition() == Disposition::AbortTransaction {
            return self.turn_to_abort(error);
        }
        let outcome = match end {
            End::Commit if !definite => TransactionOutcome::Unknown,
            _ => TransactionOutcome::Aborted,
        };
        let broken = Phase::Broken(error.clone());
        let Phase::Ending(ending) = std::mem::replace(&mut self.phase, broken) else {
            return;
        };
        self.clear();
        let cause = worse(ending.failure, error);
        self.tell(ending.promise, outcome, Some(cause));
    }

    /// The transaction cannot commit.
    pub(super) fn fail(&mut self, error: TransactionError) {
        match &self.phase {
            Phase::Open if self.failure.is_none() => {
                self.give_up_steps(&error);
                self.events
                    .push_back(Event::Abandon(error.to_string().into()));
                self.failure = Some(error);
            }
            Phase::Ending(ending) if ending.end == End::Commit => self.turn_to_abort(error),
            _ => {}
        }
    }

    /// A commit that cannot be becomes an abort.
    pub(super) fn turn_to_abort(&mut self, error: TransactionError) {
        self.give_up_steps(&error);
        let Phase::Ending(ending) = &mut self.phase else {
            return;
        };
        ending.end = End::Abort;
        ending.failure.get_or_insert(error.clone());
        self.events
            .push_back(Event::Abandon(error.to_string().into()));
    }

    pub(super) fn give_up_steps(&mut self, error: &TransactionError) {
        for offsets in self.offsets.drain(..) {
            offsets.promise.settle(Err(error.clone()));
        }
        self.to_add.clear();
        if let Some(slot) = self.group.take() {
            self.indefinite |= slot.tainted || slot.id.is_some();
        }
        // An addition under way is waited for; one that only pauses is not repeated.
        let additions = |slot: &mut Slot| {
            matches!(
                slot.call,
                Call::AddPartitions { .. } | Call::AddOffsets { .. }
            ) && slot.id.is_none()
        };
        if let Some(slot) = self.main.take_if(additions) {
            self.indefinite |= slot.tainted;
        }
    }

    pub(super) fn finish(&mut self) {
        let Phase::Ending(ending) = std::mem::replace(&mut self.phase, Phase::Ready) else {
            return;
        };
        self.clear();
        let cause = ending.failure.filter(|_| ending.asked == End::Commit);
        self.tell(ending.promise, TransactionOutcome::Aborted, cause);
    }

    /// Tells the owner of a transaction how it ended.
    pub(super) fn tell(
        &mut self,
        promise: EndPromise,
        outcome: TransactionOutcome,
        cause: Option<TransactionError>,
    ) {
        match cause {
            None => promise.settle(Ok(())),
            Some(cause) => {
                self.events.push_back(Event::Failed(cause.clone()));
                promise.settle(Err(CommitError { outcome, cause }));
            }
        }
    }

    fn clear(&mut self) {
        self.started = false;
        self.failure = None;
        self.added.clear();
        self.to_add.clear();
        self.groups_added.clear();
        self.offsets_refused = None;
        self.give_up_steps(&TransactionError::Aborted);
        self.indefinite = false;
        self.echoes = false;
        self.main = None;
    }

    pub(super) fn fenced(&self, operation: &'static str, code: ErrorCode) -> TransactionError {
        let transactional_id = Arc::clone(&self.transactional_id);
        TransactionError::Fenced {
            transactional_id,
            operation,
            code,
        }
    }
}

/// Which of several answers decides: the one that asks for most.
fn rank(verdict: CoordinatorVerdict) -> u8 {
    match verdict {
        CoordinatorVerdict::Done => 0,
        CoordinatorVerdict::RetrySoon => 1,
        CoordinatorVerdict::Retry => 2,
        CoordinatorVerdict::RetryElsewhere => 3,
        CoordinatorVerdict::Rejoin => 4,
        CoordinatorVerdict::Failed(_) => 5,
        CoordinatorVerdict::Fenced => 6,
    }
}

/// The error that asks for more, so that a failed abort is not hidden by what it was meant to mend.
fn worse(first: Option<TransactionError>, second: TransactionError) -> TransactionError {
    fn severity(disposition: Disposition) -> u8 {
        match disposition {
            Disposition::Retry => 0,
            Disposition::AbortTransaction => 1,
            Disposition::Rejoin => 2,
            Disposition::Reinitialise => 3,
            Disposition::Fatal => 4,
        }
    }
    match first {
        Some(first) if severity(first.disposition()) > severity(second.disposition()) => first,
        _ => second,
    }
}

/// What a refusal is about, beside the transactional id.
fn subject(call: &Call, code: ErrorCode, partition: Option<TopicPartition>) -> Option<Arc<str>> {
    let group = match call {
        Call::AddOffsets { group, .. } => Some(group),
        Call::OffsetCommit { group, .. } => Some(&group.group_id),
        _ => None,
    };
    let partition = partition.filter(|_| code != ErrorCode::GROUP_AUTHORIZATION_FAILED);
    match (partition, group) {
        (Some(partition), _) => Some(format!("partition {partition}").into()),
        (None, Some(group)) => Some(format!("group '{group}'").into()),
        (None, None) => None,
    }
}
