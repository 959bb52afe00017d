//! The stream of a program: a run of operators being written down.

use crate::element::Element;
use crate::flow::{Chain, FromPort, Port, Push, Root};
use crate::topology::{NodeId, SharedGraph, TaskBuilder};

/// Elements on their way, of the kind `C::Out`. Its operators are methods; it does nothing until
/// it ends in a sink.
///
/// A clone is a fork: both go on with all elements. What was written before the fork runs once for
/// each, unless it is [shared](Stream::share).
#[must_use = "a stream does nothing until it ends in a sink"]
pub struct Stream<C: Chain> {
    pub(crate) graph: SharedGraph,
    pub(crate) chain: C,
    pub(crate) trail: Trail,
}

/// What the description says of a run: where it begins, and its operators so far.
#[derive(Clone)]
pub(crate) struct Trail {
    from: NodeId,
    steps: Vec<&'static str>,
}

impl Trail {
    pub(crate) fn new(from: NodeId) -> Self {
        Self {
            from,
            steps: Vec::new(),
        }
    }
}

impl<C: Chain> Clone for Stream<C> {
    fn clone(&self) -> Self {
        Self {
            graph: self.graph.clone(),
            chain: self.chain.clone(),
            trail: self.trail.clone(),
        }
    }
}

impl<C: Chain> Stream<C> {
    /// Adds an operator without state.
    pub(crate) fn then<D: Chain>(
        mut self,
        step: &'static str,
        make: impl FnOnce(C) -> D,
    ) -> Stream<D> {
        self.trail.steps.push(step);
        Stream {
            graph: self.graph,
            chain: make(self.chain),
            trail: self.trail,
        }
    }

    /// Ends the run in what `make` makes for each task.
    pub(crate) fn end<P, F>(self, to: NodeId, make: F)
    where
        P: Push<C::Out> + 'static,
        F: Fn(&mut TaskBuilder) -> P + Send + Sync + 'static,
    {
        self.graph
            .lock()
            .add_edge(self.trail.from, to, self.trail.steps);
        let root = self.chain.root().clone();
        let chain = crate::flow::Template::new(self.chain);
        root.attach(move |builder| {
            let down = make(builder);
            chain.instance().build(down, builder)
        });
    }
}

impl<E: Element> Stream<FromPort<E>> {
    /// What comes out of a port, for the operator that `from` describes.
    pub(crate) fn of_port(graph: SharedGraph, port: std::sync::Arc<Port<E>>, from: NodeId) -> Self {
        Self {
            graph,
            chain: FromPort { port },
            trail: Trail::new(from),
        }
    }
}
