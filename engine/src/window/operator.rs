//! Windows at work: a table per window, fired by the watermark.
//!
//! ```text
//!   element ──► late? ──yes──► late topic, or dropped and counted
//!                 │ no
//!                 ▼
//!   window's table: key → row → accumulators        W ≥ end − 1             → fires
//!                                                    W ≥ end − 1 + lateness  → closes
//! ```

use std::marker::PhantomData;

use crate::aggregate::Aggregate;
use crate::element::{Element, Owned};
use crate::flow::{Context, Meta, Push, RestoreSignal, Signal, SignalKind};
use crate::key::{Key, KeyOf};
use crate::keyed::PartitionClaim;
use crate::state::{Changelog, Place, WindowTables};
use crate::task::RestoreError;

use super::late::Late;
use super::{Emit, Tumbling, Window, Windowed};

/// What comes after.
type Down<K, V> = Box<dyn Push<Owned<Windowed<K, V>>>>;

/// The push side of a windowed aggregate.
pub(super) struct WindowPush<E: Element, S: KeyOf<E>, A: Aggregate<E>> {
    selector: S,
    aggregate: A,
    window: Tumbling,
    emit: Emit,
    late: Late<E>,
    claim: Option<PartitionClaim>,
    tables: WindowTables<S::Key, A::Columns>,
    /// What windows go by: the watermark, or stream time − 1.
    now: i64,
    /// As it was when the open generation began, and the sealed one.
    at_open: i64,
    at_sealed: Option<i64>,
    /// No window fires or closes before the watermark is here.
    next_due: i64,
    changelog: Changelog,
    down: Down<S::Key, A::Output>,
    /// Scratch: an encoded key.
    key: Vec<u8>,
    element: PhantomData<fn() -> E>,
}

impl<E: Element, S: KeyOf<E>, A: Aggregate<E>> WindowPush<E, S, A> {
    #[expect(clippy::too_many_arguments, reason = "the parts of the operator, once")]
    pub(super) fn new(
        selector: S,
        aggregate: A,
        window: Tumbling,
        emit: Emit,
        late: Late<E>,
        claim: Option<PartitionClaim>,
        changelog: Changelog,
        down: Down<S::Key, A::Output>,
    ) -> Self {
        Self {
            selector,
            aggregate,
            window,
            emit,
            late,
            claim,
            tables: WindowTables::new(),
            now: i64::MIN,
            at_open: i64::MIN,
            at_sealed: None,
            next_due: i64::MAX,
            changelog,
            down,
            key: Vec::new(),
            element: PhantomData,
        }
    }

    /// Notes the time, and fires and closes what is due by then.
    #[inline]
    fn advance(&mut self, watermark: i64, context: &mut Context<'_>) {
        if watermark >= self.next_due {
            self.fire(watermark, context);
        } else {
            self.now = self.now.max(watermark);
        }
    }

    #[cold]
    fn fire(&mut self, watermark: i64, context: &mut Context<'_>) {
        context.touched = true;
        let before = self.now;
        // Those due, by their start: that is also the order in which they end.
        let due: Vec<i64> = self
            .tables
            .live()
            .iter()
            .map(|(start, _)| *start)
            .take_while(|start| self.window.fires_at(*start) <= watermark)
            .collect();
        for start in due {
            let fires_at = self.window.fires_at(start);
            // Results carry the watermark they would have if it advanced by single milliseconds:
            // however far it jumped, what comes after sees the same.
            self.now = before.max(fires_at.saturating_sub(1));
            if self.emit == Emit::OnClose && fires_at > before {
                for row in 0..self.tables.table(start).len() {
                    self.emit_row(start, row, context);
                }
            }
            if self.window.expires_at(start) <= watermark {
                if self.emit == Emit::OnCommit {
                    self.emit_touched(start, context);
                }
                self.tables.close(start);
            }
        }
        self.now = watermark.max(before);
        self.next_due = self.earliest_due();
    }

    fn earliest_due(&self) -> i64 {
        let due = self.tables.live().iter().map(|(start, _)| self.due(*start));
        due.min().unwrap_or(i64::MAX)
    }

    /// When something is to be done about a window next.
    fn due(&self, start: i64) -> i64 {
        let fires_at = self.window.fires_at(start);
        if fires_at > self.now {
            fires_at
        } else {
            self.window.expires_at(start)
        }
    }

    /// The watermark for what comes after: nothing is emitted at or below it any more, late results
    /// within allowed lateness aside.
    fn passed_on(&self) -> i64 {
        if self.window.stream_time {
            self.now.saturating_sub(self.window.lateness_ms)
        } else {
            self.now
        }
    }

    fn emit_row(&mut self, start: i64, row: usize, context: &mut Context<'_>) {
        let table = self.tables.table(start);
        let Some(key) = table.key(row) else { return };
        self.key.clear();
        key.encode(&mut self.key);
        let end = self.window.end_of(start);
        let windowed = Windowed {
            key: key.clone(),
            window: Window { start, end },
            value: self.aggregate.finish(table.columns(), row),
        };
        let meta = Meta {
            event_time: end.saturating_sub(1),
            watermark: self.passed_on(),
            key: Some(&self.key),
        };
        self.down.push(&windowed, &meta, context);
    }

    fn emit_touched(&mut self, start: i64, context: &mut Context<'_>) {
        for row in self.tables.table(start).touched_rows() {
            self.emit_row(start, row, context);
        }
    }

    fn seal(&mut self, context: &mut Context<'_>) {
        if self.emit == Emit::OnCommit {
            let starts: Vec<i64> = self.tables.live().iter().map(|(start, _)| *start).collect();
            for start in starts {
                self.emit_touched(start, context);
            }
        }
        // Tombstones first: a window that closed may have been made again.
        for (start, table) in self.tables.closed() {
            for key in table.keys().iter().take(table.logged_rows()) {
                self.changelog.write_tombstone(Some(start), key, context);
            }
        }
        for (start, table) in self.tables.live() {
            for row in table.touched_rows() {
                self.changelog.write(Some(*start), table, row, context);
            }
        }
        self.tables.seal();
        self.at_sealed = Some(self.at_open);
        self.at_open = self.now;
    }

    fn abort(&mut self) {
        self.tables.abort(self.at_sealed.is_some());
        if let Some(at_sealed) = self.at_sealed.take() {
            self.at_open = at_sealed;
        }
        self.now = self.at_open;
        self.next_due = self.earliest_due();
    }

    fn restore(&mut self, restore: &RestoreSignal<'_>) -> Result<(), RestoreError> {
        for record in &restore.rows {
            let logged = self.changelog.read(true, &record)?;
            let table = self.tables.table(logged.window.unwrap_or(0));
            self.changelog.apply(&record, &logged, table)?;
        }
        Ok(())
    }
}

impl<E: Element, S: KeyOf<E>, A: Aggregate<E>> Push<E> for WindowPush<E, S, A> {
    #[inline]
    fn push(&mut self, view: &E::View<'_>, meta: &Meta<'_>, context: &mut Context<'_>) {
        let key = match self.selector.find(view, meta) {
            Ok(Some(key)) => key,
            Ok(None) => {
                context.counts.keyless_skipped += 1;
                return;
            }
            Err(failure) => return context.bad_record(failure.to_string()),
        };
        if let Some(claim) = &mut self.claim
            && !claim.check(&key, context)
        {
            return;
        }
        if !self.window.stream_time {
            self.advance(meta.watermark, context);
        }
        let start = match self.tables.last_start() {
            Some(last) if (last..self.window.end_of(last)).contains(&meta.event_time) => last,
            _ => self.window.window_at(meta.event_time).start,
        };
        // An element that brings stream time forward is never late itself.
        if self.window.expires_at(start) <= self.now {
            return self
                .late
                .take(&self.changelog.operator, view, meta, context);
        }
        let generation = self.tables.generation();
        let table = self.tables.table(start);
        let made = table.len() == 0;
        let row = match table.touch(key, generation) {
            Place::Row(row) => {
                self.aggregate
                    .update(table.columns_mut(), row, view, meta.event_time);
                row
            }
            Place::New => {
                self.aggregate
                    .insert(table.columns_mut(), view, meta.event_time);
                table.len() - 1
            }
        };
        if made {
            self.next_due = self.next_due.min(self.due(start));
        }
        match self.emit {
            Emit::OnUpdate => self.emit_row(start, row, context),
            Emit::OnClose if self.window.fires_at(start) <= self.now => {
                self.emit_row(start, row, context);
            }
            Emit::OnClose | Emit::OnCommit => {}
        }
        if self.window.stream_time {
            self.advance(meta.event_time.saturating_sub(1), context);
        }
    }

    fn signal(&mut self, signal: &mut Signal<'_, '_>) {
        match &mut signal.0 {
            SignalKind::Watermark(watermark, context) => {
                if !self.window.stream_time || *watermark == i64::MAX {
                    self.advance(*watermark, context);
                }
                if *watermark != i64::MAX {
                    *watermark = self.passed_on();
                }
            }
            SignalKind::Seal(context) => self.seal(context),
            SignalKind::Committed => {
                self.tables.committed();
                self.at_sealed = None;
            }
            SignalKind::Abort => self.abort(),
            SignalKind::Restore(restore) if restore.changelog == self.changelog.id => {
                if restore.result.is_ok() {
                    restore.result = self.restore(restore);
                }
            }
            SignalKind::Restored(restored) => {
                self.tables.settle();
                self.now = if self.window.stream_time {
                    restored.cursor(i64::MIN)
                } else {
                    restored.watermark
                };
                self.at_open = self.now;
                self.next_due = self.earliest_due();
                restored.watermark = self.passed_on();
            }
            SignalKind::Cursors(cursors) => {
                if self.window.stream_time {
                    cursors.push(self.now);
                }
            }
            SignalKind::Report(report) => {
                report.state_rows += self.tables.rows();
                report.state_bytes += self.tables.bytes();
            }
            SignalKind::Restore(_) => {}
        }
        self.down.signal(signal);
    }
}
