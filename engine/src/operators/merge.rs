//! `merge`: several streams become one.

use std::sync::Arc;

use crate::flow::{Chain, FromPort, MergeEntry, MergePoint, Port, Root};
use crate::stream::Stream;
use crate::topology::NodeKind;

impl<C: Chain> Stream<C> {
    /// Merges two streams of the same kind: the elements of both, each as it comes.
    ///
    /// The watermark is the lower of the two. Sources whose streams merge are read by the same
    /// tasks: partition `p` of both by task `p`.
    ///
    /// ```
    /// use thalweg::{App, Text, testing::TestDriver};
    ///
    /// let app = App::new("confluence");
    /// let left = app.source::<Text>("left");
    /// let right = app.source::<Text>("right");
    /// left.merge(right).sink::<Text>("out");
    ///
    /// let mut driver = TestDriver::new(&app.build()?);
    /// driver.send("left", "a")?;
    /// driver.send("right", "b")?;
    /// assert_eq!(driver.take_values("out"), ["a", "b"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merge<D>(self, other: Stream<D>) -> Stream<FromPort<C::Out>>
    where
        D: Chain<Out = C::Out>,
    {
        let graph = self.graph.clone();
        let (one, two) = (self.chain.root().group(), other.chain.root().group());
        let (merge, node) = {
            let mut graph = graph.lock();
            graph.join(one, two);
            graph.set_stepwise(one);
            let node = graph.add_node(one, NodeKind::Merge, "merge".to_owned());
            (graph.add_merge(), node)
        };
        let reads_records = self.chain.root().reads_records() && other.chain.root().reads_records();
        let port = Port::new(one, reads_records);
        let entry = |run: usize| {
            let port = Arc::clone(&port);
            move |builder: &mut crate::topology::TaskBuilder| MergeEntry {
                point: builder
                    .merge_point(merge, |builder| MergePoint::new(2, port.build(builder))),
                run,
            }
        };
        self.end(node, entry(0));
        other.end(node, entry(1));
        Stream::of_port(graph, port, node)
    }
}
