//! `key_by`: streams are brought together by a key.

use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::aggregate::{Agg, Aggregate};
use crate::element::{Element, Portable};
use crate::flow::{Chain, Root, Template};
use crate::key::{ByFunction, ByRecordKey, ByReference, FromWire, Key, KeyOf};
use crate::operators::GroupedStream;
use crate::source::{FromSource, SourceNode};
use crate::stream::{Stream, Trail};
use crate::topology::NodeKind;
use crate::window::{Tumbling, WindowedStream};

use super::wire::WirePush;
use super::{KeyedStream, TimeOnWire, Wire};

impl<C: Chain> Stream<C> {
    /// Groups by a key that a closure makes from each element.
    ///
    /// The elements go through the topic `<application>-<name>-repartition`, so that all of a key
    /// come to one task. Use [`already_partitioned`](KeyBy::already_partitioned) where they do
    /// already.
    pub fn key_by<F, K>(self, name: &str, key: F) -> KeyBy<C, ByFunction<F, K>>
    where
        F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) -> K + Clone + Send + 'static,
        K: Key,
    {
        self.key_by_selector(name, ByFunction(key, PhantomData))
    }

    /// Groups by a key that is a part of each element, without making it one of its own:
    /// `key_by_ref("user", |event| event.user.as_str())`.
    pub fn key_by_ref<F, Q>(self, name: &str, key: F) -> KeyBy<C, ByReference<F, Q>>
    where
        F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) -> &'x Q + Clone + Send + 'static,
        Q: ToOwned + Hash + Eq + ?Sized + 'static,
        Q::Owned: Key,
    {
        self.key_by_selector(name, ByReference(key, PhantomData))
    }

    /// Groups by the key the records have: no repartition topic, nothing to name. Elements without
    /// a key are skipped and counted.
    ///
    /// Behind an aggregate, that is its key; after `map` and the like it is unchanged.
    pub fn by_record_key(self) -> KeyedStream<C, ByRecordKey> {
        KeyedStream {
            stream: self,
            selector: ByRecordKey,
            claim: None,
        }
    }

    fn key_by_selector<S: KeyOf<C::Out>>(self, name: &str, selector: S) -> KeyBy<C, S> {
        KeyBy {
            stream: self,
            selector,
            name: name.to_owned(),
            partitions: None,
        }
    }
}

/// A stream with a key, before it is decided how the elements of a key come together.
#[must_use = "a stream does nothing until it ends in a sink"]
pub struct KeyBy<C: Chain, S: KeyOf<C::Out>> {
    stream: Stream<C>,
    selector: S,
    name: String,
    partitions: Option<u32>,
}

impl<C: Chain, S: KeyOf<C::Out>> KeyBy<C, S> {
    /// The topic this comes from is partitioned by this key already, the way Kafka's producers do
    /// it by default (murmur2 of the key's bytes): no repartition topic.
    ///
    /// The claim is checked with the first element of every batch.
    pub fn already_partitioned(self) -> KeyedStream<C, S> {
        self.stream.graph.lock().claim_name(&self.name);
        KeyedStream {
            stream: self.stream,
            selector: self.selector,
            claim: Some(self.name),
        }
    }

    /// How many partitions the repartition topic gets when it is made. Default: as many as the
    /// topics have that this comes from.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = Some(partitions);
        self
    }
}

/// What elements become behind a repartition topic.
type Repartitioned<E, K> = KeyedStream<FromSource<Wire<E>, TimeOnWire>, FromWire<K>>;

/// The same, cut into windows.
type RepartitionedWindows<E, K> = WindowedStream<FromSource<Wire<E>, TimeOnWire>, FromWire<K>>;

impl<C, S> KeyBy<C, S>
where
    C: Chain,
    S: KeyOf<C::Out>,
    C::Out: Portable,
{
    /// Cuts the time line into windows: see [`KeyedStream::window`].
    pub fn window(self, window: Tumbling) -> RepartitionedWindows<C::Out, S::Key> {
        self.repartitioned().window(window)
    }

    /// Aggregates without a window: see [`KeyedStream::aggregate`].
    pub fn aggregate<B, A>(self, name: &str, aggregate: B) -> GroupedStream<S::Key, A::Output>
    where
        B: FnOnce(Agg<Wire<C::Out>>) -> A,
        A: Aggregate<Wire<C::Out>>,
    {
        self.repartitioned().aggregate(name, aggregate)
    }

    fn repartitioned(self) -> Repartitioned<C::Out, S::Key> {
        let graph = self.stream.graph.clone();
        let upstream = self.stream.chain.root().group();
        let repartition = graph
            .lock()
            .add_repartition(&self.name, upstream, self.partitions);
        let (source, output) = (repartition.source, repartition.output);
        let to = {
            let mut graph = graph.lock();
            let topic = graph.source_topic(source);
            graph.add_node(upstream, NodeKind::Sink, topic)
        };
        let selector = Template::new(self.selector);
        self.stream.end(to, move |_builder| {
            WirePush::new(selector.instance(), output)
        });
        let node = SourceNode::<Wire<C::Out>, _>::new(repartition.group, TimeOnWire);
        graph.lock().set_factory(source, node.clone());
        KeyedStream {
            stream: Stream {
                graph,
                chain: FromSource {
                    node: Arc::clone(&node),
                    source,
                },
                trail: Trail::new(repartition.node),
            },
            selector: FromWire(PhantomData),
            claim: None,
        }
    }
}
