//! `share`: a run of operators that several branches have in common, run once.

use crate::flow::{Chain, FromPort, Port, Root};
use crate::stream::Stream;
use crate::topology::{NodeKind, TaskBuilder};

impl<C: Chain> Stream<C> {
    /// Makes what was written so far run once, however often the stream is cloned afterwards.
    ///
    /// Costs a call through a pointer per element and branch.
    ///
    /// ```
    /// use thalweg::{App, Text, testing::TestDriver};
    ///
    /// let app = App::new("sort");
    /// let numbers = app.source::<Text>("in").map(|text| text.len()).share();
    /// numbers.clone().filter(|n| n % 2 == 0).map(|n| n.to_string()).sink::<Text>("even");
    /// numbers.filter(|n| n % 2 == 1).map(|n| n.to_string()).sink::<Text>("odd");
    ///
    /// let mut driver = TestDriver::new(&app.build()?);
    /// driver.send("in", "four")?;
    /// driver.send("in", "three")?;
    /// assert_eq!(driver.take_values("even"), ["4"]);
    /// assert_eq!(driver.take_values("odd"), ["5"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn share(self) -> Stream<FromPort<C::Out>> {
        let group = self.chain.root().group();
        let graph = self.graph.clone();
        let node = graph
            .lock()
            .add_node(group, NodeKind::Merge, "share".to_owned());
        let port = Port::new(group, self.chain.root().reads_records());
        let attached = std::sync::Arc::clone(&port);
        self.end(node, move |builder: &mut TaskBuilder| {
            attached.build(builder)
        });
        Stream::of_port(graph, port, node)
    }
}
