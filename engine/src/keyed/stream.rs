//! A stream whose elements of one key all come to one task.

use crate::flow::Chain;
use crate::key::KeyOf;
use crate::stream::Stream;
use crate::window::{Tumbling, WindowedStream};

/// A stream with a key, ready for operators that keep state for each.
#[must_use = "a stream does nothing until it ends in a sink"]
pub struct KeyedStream<C: Chain, S: KeyOf<C::Out>> {
    pub(crate) stream: Stream<C>,
    pub(crate) selector: S,
    /// The name under which `already_partitioned` was claimed.
    pub(crate) claim: Option<String>,
}

impl<C: Chain, S: KeyOf<C::Out>> KeyedStream<C, S> {
    /// Cuts the time line into windows; what follows is per key and window.
    pub fn window(self, window: Tumbling) -> WindowedStream<C, S> {
        WindowedStream::new(self, window)
    }
}
