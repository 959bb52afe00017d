//! Windows in a program: what is aggregated in them, and what becomes of late elements.

use std::sync::{Arc, Mutex, PoisonError};

use crate::aggregate::{Agg, Aggregate};
use crate::element::{Element, Encode, Owned};
use crate::flow::{Chain, FromPort, Port, Push, Root, Template};
use crate::key::KeyOf;
use crate::keyed::{KeyedStream, PartitionClaim};
use crate::stream::{Stream, Trail};
use crate::topology::{NodeKind, TaskBuilder, TopologyFault};

use super::late::{Late, LateFormat};
use super::operator::WindowPush;
use super::{Emit, Tumbling, Windowed};

/// A keyed stream, cut into windows.
#[must_use = "a stream does nothing until it ends in a sink"]
pub struct WindowedStream<C: Chain, S: KeyOf<C::Out>> {
    keyed: KeyedStream<C, S>,
    window: Tumbling,
}

/// The results of a windowed aggregate over elements of kind `I`.
pub type WindowStream<I, K, V> = Stream<FromWindow<I, Owned<Windowed<K, V>>>>;

impl<C: Chain, S: KeyOf<C::Out>> WindowedStream<C, S> {
    pub(crate) fn new(keyed: KeyedStream<C, S>, window: Tumbling) -> Self {
        Self { keyed, window }
    }

    /// Aggregates per key and window.
    ///
    /// The name stands for the state, in the topic `<application>-<name>-changelog`: keep it when
    /// the program changes. Results come out by window, and within a window in the order in which
    /// their keys were first seen; they have the key of the aggregate, and the window's last
    /// millisecond as their event time.
    ///
    /// ```
    /// use thalweg::{App, Text, Tumbling, secs, testing::TestDriver};
    ///
    /// let app = App::new("traffic");
    /// app.source::<Text>("cars")
    ///     .key_by_ref("road", |road| *road)
    ///     .window(Tumbling::of(secs(10)))
    ///     .aggregate("per-road", |a| a.count())
    ///     .map(|road| format!("{} {} {}", road.window.start, road.key, road.value))
    ///     .sink::<Text>("counts");
    ///
    /// let mut driver = TestDriver::new(&app.build()?);
    /// for (timestamp, road) in [(1_000, "A1"), (2_000, "A7"), (9_999, "A1")] {
    ///     driver.send_at("cars", timestamp, road)?;
    /// }
    /// driver.commit()?;
    /// assert_eq!(driver.take_values("counts"), [] as [&str; 0]);
    /// driver.send_at("cars", 10_000, "A7")?;
    /// driver.commit()?;
    /// assert_eq!(driver.take_values("counts"), ["0 A1 2", "0 A7 1"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<B, A>(
        self,
        name: &str,
        aggregate: B,
    ) -> WindowStream<C::Out, S::Key, A::Output>
    where
        B: FnOnce(Agg<C::Out>) -> A,
        A: Aggregate<C::Out>,
    {
        let Self {
            keyed:
                KeyedStream {
                    stream,
                    selector,
                    claim,
                },
            window,
        } = self;
        let aggregate = aggregate(Agg::new());
        let mut definition = String::new();
        window.describe(&mut definition);
        definition.push_str(": ");
        aggregate.describe(&mut definition);

        let graph = stream.graph.clone();
        let group = stream.chain.root().group();
        let (operator, node) = {
            let mut graph = graph.lock();
            if let Some(fault) = window.fault() {
                graph.fault(TopologyFault::Window {
                    operator: name.to_owned(),
                    fault,
                });
            }
            let operator = graph.add_operator(name, group);
            let label = format!("{name} ({definition})");
            (operator, graph.add_node(group, NodeKind::Operator, label))
        };
        let reads_records = stream.chain.root().reads_records();
        let port = Port::new(group, false);
        let settings = Arc::new(Mutex::new(Settings {
            emit: Emit::OnClose,
            late: Late::Drop,
        }));
        let out = FromWindow {
            from: FromPort {
                port: Arc::clone(&port),
            },
            settings: Arc::clone(&settings),
            operator: name.into(),
            reads_records,
        };
        let claim: Option<Arc<str>> = claim.map(Into::into);
        let parts = Template::new((selector, aggregate));
        stream.end(node, move |builder| {
            let (selector, aggregate) = parts.instance();
            let settings = *settings.lock().unwrap_or_else(PoisonError::into_inner);
            WindowPush::new(
                selector,
                aggregate,
                window,
                settings.emit,
                settings.late,
                claim
                    .clone()
                    .map(|claim| PartitionClaim::new(claim, builder)),
                builder.changelog(operator, definition.clone()),
                port.build(builder),
            )
        });
        Stream {
            graph,
            chain: out,
            trail: Trail::new(node),
        }
    }
}

struct Settings<I: Element> {
    emit: Emit,
    late: Late<I>,
}

impl<I: Element> Clone for Settings<I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I: Element> Copy for Settings<I> {}

/// The empty run behind windows over elements of kind `I`.
pub struct FromWindow<I: Element, O: Element> {
    from: FromPort<O>,
    settings: Arc<Mutex<Settings<I>>>,
    operator: Arc<str>,
    reads_records: bool,
}

impl<I: Element, O: Element> Clone for FromWindow<I, O> {
    fn clone(&self) -> Self {
        Self {
            from: self.from.clone(),
            settings: Arc::clone(&self.settings),
            operator: Arc::clone(&self.operator),
            reads_records: self.reads_records,
        }
    }
}

impl<I: Element, O: Element> Chain for FromWindow<I, O> {
    type Root = FromPort<O>;
    type Out = O;
    type Built<D: Push<O> + 'static> = D;

    fn root(&self) -> &FromPort<O> {
        &self.from
    }

    fn build<D: Push<O> + 'static>(self, down: D, _builder: &mut TaskBuilder) -> D {
        down
    }
}

impl<I: Element, O: Element> Stream<FromWindow<I, O>> {
    /// When results come out. Default: [`Emit::OnClose`].
    pub fn emit(self, emit: Emit) -> Self {
        self.chain
            .settings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .emit = emit;
        self
    }

    /// Sends elements that come too late to a topic: the record each came from, as it was read (of
    /// a repartition topic: key and packed element). Without this they are dropped and counted.
    ///
    /// Behind another aggregate there is no record to send: use [`late_to_as`](Self::late_to_as).
    pub fn late_to(self, topic: &str) -> Self {
        let mut graph = self.graph.lock();
        if !self.chain.reads_records {
            let operator = self.chain.operator.to_string();
            graph.fault(TopologyFault::NoRecordToSend { operator });
        }
        let output = graph.add_output(topic, self.chain.from.group());
        drop(graph);
        self.set_late(Late::Record(output))
    }

    /// Sends elements that come too late to a topic, written in a format.
    pub fn late_to_as<F>(self, topic: &str) -> Self
    where
        F: for<'b> Encode<I::View<'b>>,
    {
        let output = self.graph.lock().add_output(topic, self.chain.from.group());
        self.set_late(Late::Element(output, LateFormat::of::<F>()))
    }

    fn set_late(self, late: Late<I>) -> Self {
        self.chain
            .settings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .late = late;
        self
    }
}
