//! What a program says about a source, right behind it.

use std::ops::Range;

use crate::element::Decode;
use crate::flow::Root as _;
use crate::stream::Stream;
use crate::time::{EventTime, Watermark};
use crate::topology::{OnOutOfRange, StartFrom, TopologyFault};

use super::{
    BadRecordPolicy, ByEventTime, ByTimestamp, FromSource, OnBadRecord, SourceNode, SourceOptions,
    TimeOf,
};

impl<D: Decode> Stream<FromSource<D, ByTimestamp>> {
    /// Takes the event time from each element, and says how the watermark follows it.
    ///
    /// The closure returns milliseconds since 1970 as an integer, a `SystemTime`, or an `Option` of
    /// these. Without this, event time is the record's timestamp, and never goes back within a
    /// partition ([`Watermark::ascending`]).
    pub fn event_time<F, O>(
        self,
        event_time: F,
        watermark: Watermark,
    ) -> Stream<FromSource<D, ByEventTime<F>>>
    where
        F: for<'x, 'b> Fn(&'x D::View<'b>) -> O + Clone + Send + 'static,
        O: EventTime,
        ByEventTime<F>: TimeOf<D>,
    {
        let source = self.chain.source;
        let node = SourceNode::<D, _>::new(self.chain.group(), ByEventTime(event_time));
        {
            let mut graph = self.graph.lock();
            let replaced = graph.set_factory(source, node.clone());
            if replaced.is_some_and(|replaced| replaced.runs() > 0) {
                let topic = graph.source_topic(source);
                graph.fault(TopologyFault::LateEventTime { topic });
            }
            if let Some(options) = graph.options_mut(source) {
                options.watermark = watermark;
            }
        }
        Stream {
            graph: self.graph,
            chain: FromSource { node, source },
            trail: self.trail,
        }
    }

    /// Keeps the record's timestamp as the event time, and says how the watermark follows it.
    pub fn watermark(self, watermark: Watermark) -> Self {
        self.set(|options| options.watermark = watermark)
    }
}

impl<D: Decode, T: TimeOf<D>> Stream<FromSource<D, T>> {
    /// Where to begin in partitions without a committed offset. Default: with the oldest record.
    pub fn start_from(self, start_from: StartFrom) -> Self {
        self.set(|options| options.start_from = start_from)
    }

    /// What to do when the committed offset is gone or beyond the end. Default: stop with an error.
    pub fn on_out_of_range(self, on_out_of_range: OnOutOfRange) -> Self {
        self.set(|options| options.on_out_of_range = on_out_of_range)
    }

    /// What to do with records that cannot be read, or whose event time is out of range. Default:
    /// stop with an error.
    pub fn on_bad_record(self, on_bad_record: OnBadRecord) -> Self {
        let policy = match on_bad_record {
            OnBadRecord::Fail => BadRecordPolicy::Fail,
            OnBadRecord::SkipAndCount => BadRecordPolicy::SkipAndCount,
            OnBadRecord::DeadLetter(topic) => {
                let output = self.graph.lock().add_output(&topic, self.chain.group());
                BadRecordPolicy::DeadLetter(output)
            }
        };
        self.set(|options| options.on_bad_record = policy)
    }

    /// Event times, ms since 1970, outside of which a record is bad: one wrong year would close all
    /// windows. Default: 1970 to 2199.
    pub fn event_time_range(self, range: Range<i64>) -> Self {
        self.set(|options| options.event_time_range = range)
    }

    fn set(self, set: impl FnOnce(&mut SourceOptions)) -> Self {
        if let Some(options) = self.graph.lock().options_mut(self.chain.source) {
            set(options);
        }
        self
    }
}
