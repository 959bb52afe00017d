//! An application: a name, and the program its streams make.

use crate::element::Decode;
use crate::runtime::RunSettings;
use crate::source::{ByTimestamp, FromSource, SourceNode};
use crate::stream::{Stream, Trail};
use crate::topology::{SharedGraph, Topology, TopologyError};

/// An application: streams are made from its sources, and run when it is started.
///
/// The name is Kafka Streams' `application.id`: the consumer group, and the beginning of the names
/// of all internal topics. Two applications on one cluster need two names.
pub struct App {
    graph: SharedGraph,
    /// How it is to run; set by the methods in `runtime`.
    pub(crate) run: RunSettings,
}

impl App {
    /// An application of that name.
    pub fn new(application_id: impl Into<String>) -> Self {
        Self {
            graph: SharedGraph::new(application_id.into()),
            run: RunSettings::new(),
        }
    }

    /// A stream of the records of a topic, read in the format `D`.
    pub fn source<D: Decode>(&self, topic: &str) -> Stream<FromSource<D, ByTimestamp>> {
        let (source, group, node) = self.graph.lock().add_source(topic);
        let entry = SourceNode::<D, _>::new(group, ByTimestamp);
        self.graph.lock().set_factory(source, entry.clone());
        let chain = FromSource {
            node: entry,
            source,
        };
        Stream {
            graph: self.graph.clone(),
            chain,
            trail: Trail::new(node),
        }
    }

    /// Checks the program, and gives what its workers run.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn build(&self) -> Result<Topology, TopologyError> {
        self.graph.lock().build()
    }
}
