//! `aggregate` without a window: one accumulator per key, for ever.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use crate::aggregate::{Agg, Aggregate};
use crate::element::{Element, Owned};
use crate::flow::{
    Chain, Context, FromPort, Meta, Port, Push, RestoreSignal, Root, Signal, SignalKind, Template,
};
use crate::key::{Key, KeyOf};
use crate::keyed::{KeyedStream, PartitionClaim};
use crate::state::{Changelog, Place, Table};
use crate::stream::{Stream, Trail};
use crate::task::RestoreError;
use crate::topology::{NodeKind, TaskBuilder, TopologyFault};
use crate::window::Emit;

/// A result of an aggregate without a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouped<K, V> {
    /// The key.
    pub key: K,
    /// What its elements come to so far.
    pub value: V,
}

impl<C: Chain, S: KeyOf<C::Out>> KeyedStream<C, S> {
    /// Keeps an aggregate for each key, and emits it with every change.
    ///
    /// The name stands for the state, in the topic `<application>-<name>-changelog`: keep it when
    /// the program changes. Results have the key of the aggregate and the event time of the element
    /// that changed it.
    ///
    /// ```
    /// use thalweg::{App, Text, testing::TestDriver};
    ///
    /// let app = App::new("visits");
    /// app.source::<Text>("visits")
    ///     .key_by_ref("page", |page| *page)
    ///     .aggregate("per-page", |a| a.count())
    ///     .map(|page| format!("{} {}", page.key, page.value))
    ///     .sink::<Text>("counts");
    ///
    /// let mut driver = TestDriver::new(&app.build()?);
    /// driver.send("visits", "/")?;
    /// driver.send("visits", "/map")?;
    /// driver.send("visits", "/")?;
    /// driver.commit()?;
    /// assert_eq!(driver.take_values("counts"), ["/ 1", "/map 1", "/ 2"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<B, A>(self, name: &str, aggregate: B) -> GroupedStream<S::Key, A::Output>
    where
        B: FnOnce(Agg<C::Out>) -> A,
        A: Aggregate<C::Out>,
    {
        let aggregate = aggregate(Agg::new());
        let mut definition = String::from("grouped: ");
        aggregate.describe(&mut definition);

        let KeyedStream {
            stream,
            selector,
            claim,
        } = self;
        let graph = stream.graph.clone();
        let group = stream.chain.root().group();
        let (operator, node) = {
            let mut graph = graph.lock();
            let operator = graph.add_operator(name, group);
            let label = format!("{name} ({definition})");
            (operator, graph.add_node(group, NodeKind::Operator, label))
        };
        let port = Port::new(group, false);
        let emit = Arc::new(Mutex::new(Emit::OnUpdate));
        let claim: Option<Arc<str>> = claim.map(Into::into);
        let out = FromGrouped {
            from: FromPort {
                port: Arc::clone(&port),
            },
            emit: Arc::clone(&emit),
            operator: name.into(),
        };
        let parts = Template::new((selector, aggregate));
        stream.end(node, move |builder| {
            let (selector, aggregate) = parts.instance();
            GroupedPush {
                selector,
                aggregate,
                claim: claim
                    .clone()
                    .map(|claim| PartitionClaim::new(claim, builder)),
                emit: *emit.lock().unwrap_or_else(PoisonError::into_inner),
                table: Table::new(),
                generation: 1,
                has_sealed: false,
                watermark: i64::MIN,
                changelog: builder.changelog(operator, definition.clone()),
                down: port.build(builder),
                key: Vec::new(),
                changed_at: Vec::new(),
                element: PhantomData,
            }
        });
        Stream {
            graph,
            chain: out,
            trail: Trail::new(node),
        }
    }
}

/// What comes out of an aggregate without a window.
pub type GroupedStream<K, V> = Stream<FromGrouped<Owned<Grouped<K, V>>>>;

/// The empty run behind an aggregate without a window.
pub struct FromGrouped<E: Element> {
    from: FromPort<E>,
    emit: Arc<Mutex<Emit>>,
    operator: Arc<str>,
}

impl<E: Element> Clone for FromGrouped<E> {
    fn clone(&self) -> Self {
        let (emit, operator) = (Arc::clone(&self.emit), Arc::clone(&self.operator));
        Self {
            from: self.from.clone(),
            emit,
            operator,
        }
    }
}

impl<E: Element> Chain for FromGrouped<E> {
    type Root = FromPort<E>;
    type Out = E;
    type Built<D: Push<E> + 'static> = D;

    fn root(&self) -> &FromPort<E> {
        &self.from
    }

    fn build<D: Push<E> + 'static>(self, down: D, _builder: &mut TaskBuilder) -> D {
        down
    }
}

impl<E: Element> Stream<FromGrouped<E>> {
    /// When results come out: with every change (the default), or once per commit and key that
    /// changed ([`Emit::OnCommit`]).
    pub fn emit(self, emit: Emit) -> Self {
        if emit == Emit::OnClose {
            let operator = self.chain.operator.to_string();
            self.graph
                .lock()
                .fault(TopologyFault::NeverCloses { operator });
        }
        *self
            .chain
            .emit
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = emit;
        self
    }
}

/// What comes after.
type Down<K, V> = Box<dyn Push<Owned<Grouped<K, V>>>>;

struct GroupedPush<E: Element, S: KeyOf<E>, A: Aggregate<E>> {
    selector: S,
    aggregate: A,
    claim: Option<PartitionClaim>,
    emit: Emit,
    table: Table<S::Key, A::Columns>,
    generation: u32,
    has_sealed: bool,
    watermark: i64,
    changelog: Changelog,
    down: Down<S::Key, A::Output>,
    /// Scratch.
    key: Vec<u8>,
    /// `Emit::OnCommit`: the event time of the last change of each row. Only that of rows which the
    /// open generation touched is ever read, so there is nothing to undo.
    changed_at: Vec<i64>,
    element: PhantomData<fn() -> E>,
}

impl<E: Element, S: KeyOf<E>, A: Aggregate<E>> Push<E> for GroupedPush<E, S, A> {
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
        self.watermark = self.watermark.max(meta.watermark);
        let place = self.table.touch(key, self.generation);
        let row = match place {
            Place::Row(row) => {
                self.aggregate
                    .update(self.table.columns_mut(), row, view, meta.event_time);
                row
            }
            Place::New => {
                self.aggregate
                    .insert(self.table.columns_mut(), view, meta.event_time);
                self.table.len() - 1
            }
        };
        match self.emit {
            Emit::OnUpdate => self.emit_row(row, meta.event_time, context),
            Emit::OnCommit => self.note_change(row, meta.event_time),
            Emit::OnClose => {}
        }
    }

    fn signal(&mut self, signal: &mut Signal<'_, '_>) {
        match &mut signal.0 {
            SignalKind::Watermark(watermark, _) => self.watermark = *watermark,
            SignalKind::Seal(context) => self.seal(context),
            SignalKind::Committed => {
                self.table.committed();
                self.has_sealed = false;
            }
            SignalKind::Abort => {
                self.table.undo_open();
                if std::mem::take(&mut self.has_sealed) {
                    self.table.undo_sealed();
                }
                self.generation = self.generation.wrapping_add(1).max(1);
            }
            SignalKind::Restore(restore) if restore.changelog == self.changelog.id => {
                if restore.result.is_ok() {
                    restore.result = self.restore(restore);
                }
            }
            SignalKind::Restored(restored) => {
                self.watermark = restored.watermark;
                self.table.settle();
            }
            SignalKind::Report(report) => {
                report.state_rows += self.table.len() as u64;
                report.state_bytes += self.table.bytes();
            }
            SignalKind::Restore(_) | SignalKind::Cursors(_) => {}
        }
        self.down.signal(signal);
    }
}

impl<E: Element, S: KeyOf<E>, A: Aggregate<E>> GroupedPush<E, S, A> {
    fn emit_row(&mut self, row: usize, event_time: i64, context: &mut Context<'_>) {
        let Some(key) = self.table.key(row) else {
            return;
        };
        self.key.clear();
        key.encode(&mut self.key);
        let value = self.aggregate.finish(self.table.columns(), row);
        let grouped = Grouped {
            key: key.clone(),
            value,
        };
        let watermark = self.watermark;
        let meta = Meta {
            event_time,
            watermark,
            key: Some(&self.key),
        };
        self.down.push(&grouped, &meta, context);
    }

    fn note_change(&mut self, row: usize, event_time: i64) {
        if row >= self.changed_at.len() {
            self.changed_at.resize(row + 1, event_time);
        }
        if let Some(changed_at) = self.changed_at.get_mut(row) {
            *changed_at = event_time;
        }
    }

    fn seal(&mut self, context: &mut Context<'_>) {
        let touched = self.table.touched_rows();
        if self.emit == Emit::OnCommit {
            for row in &touched {
                let event_time = self.changed_at.get(*row).copied().unwrap_or(self.watermark);
                self.emit_row(*row, event_time, context);
            }
        }
        for row in touched {
            self.changelog.write(None, &self.table, row, context);
        }
        self.table.seal();
        self.has_sealed = true;
        self.generation = self.generation.wrapping_add(1).max(1);
    }

    fn restore(&mut self, restore: &RestoreSignal<'_>) -> Result<(), RestoreError> {
        for record in &restore.rows {
            let logged = self.changelog.read(false, &record)?;
            self.changelog.apply(&record, &logged, &mut self.table)?;
        }
        Ok(())
    }
}
