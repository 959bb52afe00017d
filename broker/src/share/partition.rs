//! What a share group has done with a partition: which records are free, locked, done with (KIP-932).
//!
//! ```text
//!   start (SPSO)                                        end (SPEO + 1)
//!     │ acquired by A │ available │ acknowledged │ acquired by B │  not looked at yet ...
//!     │  delivery 1   │ delivery 2│              │  delivery 3   │
//! ```
//! The records between start and end are *in flight*: runs of offsets with the same state, without
//! gaps between. Start moves over what is done with; end moves when new records are acquired. Offsets
//! without a record, of control batches or where compaction was, are acquired like any other, and
//! given back by the member as gaps.

use std::collections::BTreeMap;

use thalweg_protocol::{ErrorCode, StrBytes};
use tokio::time::Instant;

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Free to be delivered, perhaps not for the first time.
    Available,
    /// Locked for a member until then.
    Acquired { member: StrBytes, until: Instant },
    /// Done with: processed.
    Acknowledged,
    /// Done with: rejected, aborted, delivered too often, or no record at all.
    Archived,
}

impl State {
    fn is_terminal(&self) -> bool {
        matches!(self, State::Acknowledged | State::Archived)
    }
}

/// Neighbours in the same state.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    last: i64,
    state: State,
    /// How often they were delivered.
    deliveries: i16,
}

/// Neighbours in the same state, as they are written down: locks are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// How often they were delivered and came back.
    pub(crate) deliveries: i16,
    /// `Some` where they are done with: whether they were processed.
    pub(crate) done: Option<bool>,
}

/// A range of records that were acquired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acquired {
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// This delivery included.
    pub(crate) deliveries: i16,
}

/// What a member says about a range of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acknowledgement {
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// One for all, or one for each: 0 gap, 1 accept, 2 release, 3 reject, 4 renew.
    pub(crate) kinds: Vec<i8>,
}

/// Why acknowledgements were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error_code: ErrorCode,
    pub(crate) message: &'static str,
}

fn refused(error_code: ErrorCode, message: &'static str) -> Refusal {
    Refusal {
        error_code,
        message,
    }
}

/// What bounds deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How often a record is delivered at most.
    pub(crate) deliveries_max: i16,
    /// How many records may be in flight.
    pub(crate) in_flight_max: i64,
}

/// A batch of the log, as far as acquiring needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Whether it belongs to an aborted transaction that the group is not to see.
    pub(crate) is_aborted: bool,
}

/// What a member wants of a partition.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) member: &'a StrBytes,
    /// How many records; whole batches may go beyond it, unless `is_exact`.
    pub(crate) records_max: i64,
    pub(crate) is_exact: bool,
    /// Ranges are cut between batches when they have at least so many records.
    pub(crate) batch_size: i64,
    /// When the lock ends.
    pub(crate) until: Instant,
}

/// The share group's state of one partition.
#[derive(Debug, Clone)]
pub(crate) struct SharePartition {
    start: i64,
    end: i64,
    /// By first offset; together they cover start..end.
    runs: BTreeMap<i64, Run>,
}

impl SharePartition {
    /// Nothing done before `start`, nothing looked at after it.
    pub(crate) fn new(start: i64) -> Self {
        SharePartition {
            start,
            end: start,
            runs: BTreeMap::new(),
        }
    }

    /// What was written down, with what it begins with.
    pub(crate) fn restored(start: i64, known: &[Known]) -> Self {
        let mut partition = SharePartition::new(start);
        for known in known {
            // What is out of order was never written.
            if known.first != partition.end || known.last < known.first {
                break;
            }
            let state = match known.done {
                None => State::Available,
                Some(true) => State::Acknowledged,
                Some(false) => State::Archived,
            };
            partition.insert(known.first, known.last, state, known.deliveries.max(0));
        }
        partition
    }

    /// What a leader writes down for the next.
    pub(crate) fn known(&self) -> Vec<Known> {
        let known = |(first, run): (&i64, &Run)| {
            let (deliveries, done) = match run.state {
                State::Available => (run.deliveries, None),
                State::Acquired { .. } => ((run.deliveries - 1).max(0), None),
                State::Acknowledged => (run.deliveries, Some(true)),
                State::Archived => (run.deliveries, Some(false)),
            };
            Known {
                first: *first,
                last: run.last,
                deliveries,
                done,
            }
        };
        self.runs.iter().map(known).collect()
    }

    /// The first offset that is not done with.
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    /// How many records between start and end are done with.
    pub(crate) fn done(&self) -> i64 {
        let done = self.runs.iter().filter(|(_, run)| run.state.is_terminal());
        done.map(|(first, run)| run.last - first + 1).sum()
    }

    /// Where to read on: at the first record that is free.
    pub(crate) fn next_offset(&self) -> i64 {
        let mut runs = self.runs.iter();
        let free = runs.find(|(_, run)| run.state == State::Available);
        free.map_or(self.end, |(first, _)| *first)
    }

    /// Whether anything can be acquired, if the log has it.
    pub(crate) fn has_room(&self, limits: Limits) -> bool {
        self.next_offset() != self.end || self.end - self.start < limits.in_flight_max
    }

    /// When the next lock ends.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        let expiry = |run: &Run| match run.state {
            State::Acquired { until, .. } => Some(until),
            _ => None,
        };
        self.runs.values().filter_map(expiry).min()
    }

    /// Locks free records for a member. `batches` are those that were read from
    /// [`next_offset`](Self::next_offset) on, in order.
    pub(crate) fn acquire(
        &mut self,
        wanted: &Wanted<'_>,
        limits: Limits,
        batches: &[Bounds],
    ) -> Vec<Acquired> {
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
            return Vec::new();
        };
        let from = self.next_offset();
        let mut until = last.last;
        let mut room = wanted
            .records_max
            .min(limits.in_flight_max - (self.end - self.start));
        if room <= 0 {
            // No new ones. Those that came back may go out again.
            room = wanted.records_max.min(self.end - from);
            until = until.min(self.end - 1);
        }
        if room <= 0 || until < from {
            return Vec::new();
        }
        // The log has nothing there any more.
        self.archive_available(from, first.first - 1);
        let mut taken = Taken {
            room,
            ranges: Vec::new(),
        };
        let more = self.acquire_again(wanted, limits, batches, until, &mut taken);
        if more && taken.room > 0 {
            self.acquire_new(wanted, batches, until, &mut taken);
        }
        for aborted in batches.iter().filter(|batch| batch.is_aborted) {
            self.archive_acquired(aborted, wanted.member);
            taken.cut_out(aborted);
        }
        self.advance();
        taken.ranges
    }

    /// Locks records that were given back. Whether there may be more to take.
    fn acquire_again(
        &mut self,
        wanted: &Wanted<'_>,
        limits: Limits,
        batches: &[Bounds],
        until: i64,
        taken: &mut Taken,
    ) -> bool {
        let careful_from = (limits.deliveries_max + 1).div_euclid(2).max(2);
        let mut at = batches.first().map_or(self.end, |batch| batch.first);
        while taken.room > 0 && at <= until {
            let Some((first, run)) = self.next_available(at) else {
                break;
            };
            if first > until {
                break;
            }
            let first = first.max(at);
            let mut last = run.last.min(until);
            at = last + 1;
            if run.deliveries >= limits.deliveries_max {
                self.set(first, last, State::Archived, run.deliveries);
                continue;
            }
            // Records that came back often are delivered in ever smaller portions, so that one bad
            // record does not take its neighbours with it.
            let is_careful = run.deliveries >= careful_from;
            if is_careful && !taken.ranges.is_empty() {
                return false;
            }
            if is_careful {
                let halvings = u32::from((run.deliveries - careful_from + 1).unsigned_abs());
                let is_last_try =
                    run.deliveries == limits.deliveries_max - 1 && limits.deliveries_max > 2;
                let portion = match is_last_try {
                    true => 1,
                    false => (last - first + 1).checked_shr(halvings).unwrap_or(0).max(1),
                };
                last = last.min(first + portion - 1);
            }
            last = last.min(reach(wanted, batches, first, taken.room));
            at = last + 1;
            let deliveries = run.deliveries + 1;
            self.set(first, last, acquired(wanted), deliveries);
            taken.push(first, last, deliveries);
            if is_careful {
                return false;
            }
        }
        true
    }

    /// Locks records for the first time.
    fn acquire_new(
        &mut self,
        wanted: &Wanted<'_>,
        batches: &[Bounds],
        until: i64,
        taken: &mut Taken,
    ) {
        // The batch that holds the end may begin before it; the next one may begin after it.
        let Some(batch) = batches.iter().find(|batch| batch.last >= self.end) else {
            return;
        };
        let first = batch.first.max(self.end);
        if first > until {
            return;
        }
        if first > self.end {
            self.insert(self.end, first - 1, State::Archived, 0);
        }
        let last = until.min(reach(wanted, batches, first, taken.room));
        self.insert(first, last, acquired(wanted), 1);
        let mut from = first;
        if !wanted.is_exact && last - first + 1 > wanted.batch_size {
            for batch in batches.iter().filter(|batch| batch.first <= last) {
                if batch.first - from >= wanted.batch_size.max(1) {
                    taken.push(from, batch.first - 1, 1);
                    from = batch.first;
                }
            }
        }
        taken.push(from, last, 1);
    }

    /// Takes what a member says about records it has: all of it, or nothing.
    ///
    /// # Errors
    /// Records that are not the member's, or that were never delivered.
    pub(crate) fn acknowledge(
        &mut self,
        member: &StrBytes,
        acknowledgements: &[Acknowledgement],
        limits: Limits,
        renewed_until: Option<Instant>,
    ) -> Result<(), Refusal> {
        let mut before = -1;
        for said in acknowledgements {
            if said.first <= before {
                let message = "The offset cannot be acknowledged. The offset is not acquired.";
                return Err(refused(ErrorCode::INVALID_RECORD_STATE, message));
            }
            before = said.last;
            self.check(member, said, renewed_until.is_some())?;
        }
        for said in acknowledgements {
            self.apply(member, said, limits, renewed_until);
        }
        self.advance();
        Ok(())
    }

    fn check(
        &self,
        member: &StrBytes,
        said: &Acknowledgement,
        may_renew: bool,
    ) -> Result<(), Refusal> {
        if said.last < self.start {
            return Ok(());
        }
        let state = |message| refused(ErrorCode::INVALID_RECORD_STATE, message);
        let request = |message| refused(ErrorCode::INVALID_REQUEST, message);
        if self.runs.is_empty() {
            return Err(state(
                "Batch record not found. The request batch offsets are not found in the cache.",
            ));
        }
        if said.first >= self.end {
            return Err(request(
                "Batch record not found. The first offset in request is past acquired records.",
            ));
        }
        if said.last >= self.end {
            return Err(request(
                "Batch record not found. The last offset in request is past acquired records.",
            ));
        }
        for (_, run) in self.overlapping(said.first.max(self.start), said.last) {
            match &run.state {
                State::Acquired { member: owner, .. } if owner == member => {}
                State::Acquired { .. } => {
                    return Err(state("Member is not the owner of batch record"));
                }
                _ => {
                    return Err(state(
                        "The batch cannot be acknowledged. The batch is not in the acquired state.",
                    ));
                }
            }
        }
        if said.kinds.contains(&RENEW) && !may_renew {
            return Err(state(
                "Renewing acquisition locks is not enabled for the group.",
            ));
        }
        Ok(())
    }

    fn apply(
        &mut self,
        member: &StrBytes,
        said: &Acknowledgement,
        limits: Limits,
        renewed_until: Option<Instant>,
    ) {
        let mut runs: Vec<(i64, i64, i8)> = Vec::new();
        match said.kinds.as_slice() {
            [one] => runs.push((said.first, said.last, *one)),
            each => {
                for (kind, offset) in each.iter().zip(said.first..) {
                    match runs.last_mut() {
                        Some((_, last, same)) if same == kind => *last = offset,
                        _ => runs.push((offset, offset, *kind)),
                    }
                }
            }
        }
        for (first, last, kind) in runs {
            let held = self.held_by(member, first.max(self.start), last);
            for (first, last, run) in held {
                let state = match (kind, renewed_until) {
                    (ACCEPT, _) => State::Acknowledged,
                    (RELEASE, _) => released(run.deliveries, limits),
                    (RENEW, Some(until)) => State::Acquired {
                        member: member.clone(),
                        until,
                    },
                    _ => State::Archived,
                };
                self.set(first, last, state, run.deliveries);
            }
        }
    }

    /// Gives back all that a member has locked. Whether there was any.
    pub(crate) fn release(&mut self, member: &StrBytes, limits: Limits) -> bool {
        let held = self.held_by(member, self.start, self.end);
        self.give_back(&held, limits)
    }

    /// Gives back what was locked until `now` at most. Whether there was any.
    pub(crate) fn expire(&mut self, now: Instant, limits: Limits) -> bool {
        let expired =
            |run: &Run| matches!(run.state, State::Acquired { until, .. } if until <= now);
        let expired: Vec<(i64, i64, Run)> = self
            .runs
            .iter()
            .filter(|(_, run)| expired(run))
            .map(|(first, run)| (*first, run.last, run.clone()))
            .collect();
        self.give_back(&expired, limits)
    }

    fn give_back(&mut self, runs: &[(i64, i64, Run)], limits: Limits) -> bool {
        for (first, last, run) in runs {
            let state = released(run.deliveries, limits);
            self.set(*first, *last, state, run.deliveries);
        }
        self.advance();
        !runs.is_empty()
    }

    /// Forgets locks, as a new leader does, which knows only what was written down: how often a
    /// record came back, and what is done with.
    pub(crate) fn forget_locks(&mut self) {
        *self = SharePartition::restored(self.start, &self.known());
        self.join();
    }

    /// The log begins at `log_start` now.
    pub(crate) fn log_begins_at(&mut self, log_start: i64) {
        if log_start <= self.start {
            return;
        }
        self.split_at(log_start);
        self.runs = self.runs.split_off(&log_start);
        self.start = log_start;
        self.end = self.end.max(log_start);
        self.advance();
    }

    /// The free run at `at`, or the first after it.
    fn next_available(&self, at: i64) -> Option<(i64, Run)> {
        let before = self.runs.range(..at).next_back();
        let runs = before.into_iter().chain(self.runs.range(at..));
        let mut free = runs.filter(|(_, run)| run.state == State::Available && run.last >= at);
        free.next().map(|(first, run)| (*first, run.clone()))
    }

    fn overlapping(&self, first: i64, last: i64) -> impl Iterator<Item = (i64, &Run)> {
        let before = self.runs.range(..first).next_back();
        let inside = (first <= last).then(|| self.runs.range(first..=last));
        let runs = before.into_iter().chain(inside.into_iter().flatten());
        runs.filter(move |(_, run)| run.last >= first && first <= last)
            .map(|(at, run)| (*at, run))
    }

    /// What `member` has locked in a range, cut to it.
    fn held_by(&self, member: &StrBytes, first: i64, last: i64) -> Vec<(i64, i64, Run)> {
        let is_held = |run: &Run| matches!(&run.state, State::Acquired { member: owner, .. } if owner == member);
        self.overlapping(first, last)
            .filter(|(_, run)| is_held(run))
            .map(|(at, run)| (at.max(first), run.last.min(last), run.clone()))
            .collect()
    }

    fn archive_available(&mut self, first: i64, last: i64) {
        let free: Vec<(i64, i64, i16)> = self
            .overlapping(first, last)
            .filter(|(_, run)| run.state == State::Available)
            .map(|(at, run)| (at.max(first), run.last.min(last), run.deliveries))
            .collect();
        for (first, last, deliveries) in free {
            self.set(first, last, State::Archived, deliveries);
        }
    }

    fn archive_acquired(&mut self, batch: &Bounds, member: &StrBytes) {
        for (first, last, run) in self.held_by(member, batch.first, batch.last) {
            self.set(first, last, State::Archived, run.deliveries);
        }
    }

    /// Lets a range that is in flight have a state.
    fn set(&mut self, first: i64, last: i64, state: State, deliveries: i16) {
        self.split_at(first);
        self.split_at(last + 1);
        let inside: Vec<i64> = self.runs.range(first..=last).map(|(at, _)| *at).collect();
        for at in inside {
            self.runs.remove(&at);
        }
        let run = Run {
            last,
            state,
            deliveries,
        };
        self.runs.insert(first, run);
    }

    /// Puts a range at the end.
    fn insert(&mut self, first: i64, last: i64, state: State, deliveries: i16) {
        let run = Run {
            last,
            state,
            deliveries,
        };
        self.runs.insert(first, run);
        self.end = last + 1;
    }

    /// Cuts the run that holds `at` before it.
    fn split_at(&mut self, at: i64) {
        let Some((_, run)) = self.runs.range_mut(..at).next_back() else {
            return;
        };
        if run.last < at {
            return;
        }
        let rest = run.clone();
        run.last = at - 1;
        self.runs.insert(at, rest);
    }

    /// Moves the start over what is done with.
    fn advance(&mut self) {
        while let Some((_, run)) = self.runs.first_key_value()
            && run.state.is_terminal()
        {
            self.start = run.last + 1;
            self.runs.pop_first();
        }
        self.join();
    }

    /// Makes one run of neighbours that are the same.
    fn join(&mut self) {
        let mut joined: BTreeMap<i64, Run> = BTreeMap::new();
        for (first, run) in std::mem::take(&mut self.runs) {
            if let Some(mut before) = joined.last_entry()
                && before.get().state == run.state
                && before.get().deliveries == run.deliveries
                && before.get().last + 1 == first
            {
                before.get_mut().last = run.last;
                continue;
            }
            joined.insert(first, run);
        }
        self.runs = joined;
    }
}

const ACCEPT: i8 = 1;
const RELEASE: i8 = 2;
/// Kafka's `AcknowledgeType.RENEW` (KIP-1222), the largest there is.
pub(super) const RENEW: i8 = 4;

fn acquired(wanted: &Wanted<'_>) -> State {
    State::Acquired {
        member: wanted.member.clone(),
        until: wanted.until,
    }
}

/// What becomes of a record that comes back.
fn released(deliveries: i16, limits: Limits) -> State {
    if deliveries >= limits.deliveries_max {
        return State::Archived;
    }
    State::Available
}

/// The last of `room` records from `first` on; of a batch that is begun all of it, unless the member
/// wants no more than it said.
fn reach(wanted: &Wanted<'_>, batches: &[Bounds], first: i64, room: i64) -> i64 {
    let last = first.saturating_add(room - 1);
    if wanted.is_exact {
        return last;
    }
    let mut batches = batches.iter();
    let holds = |batch: &&Bounds| batch.first <= last && last <= batch.last;
    batches.find(holds).map_or(last, |batch| batch.last)
}

/// What was acquired so far.
struct Taken {
    room: i64,
    ranges: Vec<Acquired>,
}

impl Taken {
    fn push(&mut self, first: i64, last: i64, deliveries: i16) {
        self.room -= last - first + 1;
        self.ranges.push(Acquired {
            first,
            last,
            deliveries,
        });
    }

    /// Leaves a batch out.
    fn cut_out(&mut self, batch: &Bounds) {
        let ranges = std::mem::take(&mut self.ranges);
        for range in ranges {
            let before = Acquired {
                last: range.last.min(batch.first - 1),
                ..range
            };
            let after = Acquired {
                first: range.first.max(batch.last + 1),
                ..range
            };
            if before.first <= before.last {
                self.ranges.push(before);
            }
            if after.first <= after.last {
                self.ranges.push(after);
            }
        }
    }
}
