//! Sinks in a program.

use crate::element::{Element, Encode};
use crate::flow::{Chain, Root, Template};
use crate::key::Key;
use crate::stream::Stream;
use crate::task::OutputId;
use crate::time::EventTime;
use crate::topology::NodeKind;

use super::push::{Policy, SinkPush};
use super::setter::{BytesOf, Setter, TimestampOf};

impl<C: Chain> Stream<C> {
    /// Writes all elements to a topic, in the format `F`.
    ///
    /// The record's key is the one the element has: that of the record it was read from, or of the
    /// aggregate it came from. Its timestamp is the event time: of a window's result, the window's
    /// last millisecond. [`to`](Self::to) sets others. The key decides the partition as in Java's
    /// default partitioner; records without one fill one partition's batch after another.
    pub fn sink<F>(self, topic: &str)
    where
        F: for<'b> Encode<<C::Out as Element>::View<'b>> + 'static,
    {
        self.to(topic).write::<F>();
    }

    /// Begins a sink whose records' key, timestamp or headers are set by closures.
    ///
    /// ```
    /// use thalweg::{App, Text, testing::TestDriver};
    ///
    /// let app = App::new("lengths");
    /// app.source::<Text>("in")
    ///     .to("out")
    ///     .key(|line| Some(line.len() as u64))
    ///     .header("origin", |_| Some("in".to_owned()))
    ///     .write::<Text>();
    ///
    /// let mut driver = TestDriver::new(&app.build()?);
    /// driver.send("in", "delta")?;
    /// driver.commit()?;
    /// let record = driver.take("out").remove(0);
    /// assert_eq!(record.key.as_deref(), Some(&b"5"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to(self, topic: &str) -> Sink<C> {
        Sink {
            stream: self,
            topic: topic.to_owned(),
            parts: Parts {
                key: None,
                timestamp: None,
                headers: Vec::new(),
            },
            on_error: OnSinkError::Fail,
        }
    }
}

/// A sink being described. Does nothing until [`write`](Self::write).
#[must_use = "a sink does nothing until `write`"]
pub struct Sink<C: Chain> {
    stream: Stream<C>,
    topic: String,
    parts: Parts<C::Out>,
    on_error: OnSinkError,
}

/// What a sink does with a record that cannot be written: one without a form in the sink's format,
/// one larger than the topic takes (`max.message.bytes`), one with a timestamp before 1970 or too far
/// from now for the topic (`message.timestamp.before.max.ms`, `message.timestamp.after.max.ms`), one
/// without a key for a compacted topic. Default: `Fail`.
///
/// What the topic takes is read when the application starts, where that is permitted, and most of
/// it is decided when the record is encoded. Where only the broker finds out, it costs one abort:
/// the input is processed again, and what was refused is then left to this policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnSinkError {
    /// The application stops with an error that says what the topic or its broker has against the
    /// record, and what to do. Nothing of the transaction at hand is committed.
    #[default]
    Fail,
    /// It is left out, counted (`sink_skipped`) and logged.
    SkipAndCount,
    /// It goes to this topic, in the same transaction, with the header `thalweg.reason`; without
    /// its value if that is what cannot be written, and with the time of now if its timestamp is.
    /// When this topic does not take it either, the application stops.
    DeadLetter(String),
}

/// A closure that reads bytes.
type BytesSetter<E> = Box<dyn Setter<E, Vec<u8>>>;

/// The closures.
pub(super) struct Parts<E: Element> {
    pub(super) key: Option<BytesSetter<E>>,
    pub(super) timestamp: Option<Box<dyn Setter<E, i64>>>,
    pub(super) headers: Vec<(String, BytesSetter<E>)>,
}

impl<E: Element> Clone for Parts<E> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.as_ref().map(|key| key.copy()),
            timestamp: self.timestamp.as_ref().map(|timestamp| timestamp.copy()),
            headers: self
                .headers
                .iter()
                .map(|(name, set)| (name.clone(), set.copy()))
                .collect(),
        }
    }
}

impl<C: Chain> Sink<C> {
    /// The record's key; `None` is null.
    pub fn key<F, K>(mut self, key: F) -> Self
    where
        F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) -> Option<K> + Clone + Send + 'static,
        K: Key,
    {
        self.parts.key = Some(Box::new(BytesOf::new(key)));
        self
    }

    /// The record's timestamp, ms since 1970.
    pub fn timestamp<F, O>(mut self, timestamp: F) -> Self
    where
        F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) -> O + Clone + Send + 'static,
        O: EventTime,
    {
        self.parts.timestamp = Some(Box::new(TimestampOf::new(timestamp)));
        self
    }

    /// A header of the record; `None` is null.
    pub fn header<F, K>(mut self, name: &str, value: F) -> Self
    where
        F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) -> Option<K> + Clone + Send + 'static,
        K: Key,
    {
        self.parts
            .headers
            .push((name.to_owned(), Box::new(BytesOf::new(value))));
        self
    }

    /// What to do with records that cannot be written. Default: stop with an error.
    pub fn on_error(mut self, on_error: OnSinkError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Writes all elements, in the format `F`.
    pub fn write<F>(self)
    where
        F: for<'b> Encode<<C::Out as Element>::View<'b>> + 'static,
    {
        let Self {
            stream,
            topic,
            parts,
            on_error,
        } = self;
        let group = stream.chain.root().group();
        let (output, policy, node): (OutputId, Policy, _) = {
            let mut graph = stream.graph.lock();
            let output = graph.add_output(&topic, group);
            let policy = match on_error {
                OnSinkError::Fail => Policy::Fail,
                OnSinkError::SkipAndCount => {
                    graph.set_lenient(output);
                    Policy::SkipAndCount
                }
                OnSinkError::DeadLetter(topic) => {
                    graph.set_lenient(output);
                    Policy::DeadLetter(graph.add_output(&topic, group))
                }
            };
            (output, policy, graph.add_node(group, NodeKind::Sink, topic))
        };
        let parts = Template::new(parts);
        stream.end(node, move |_builder| {
            SinkPush::<C::Out, F>::new(output, policy, parts.instance())
        });
    }
}
