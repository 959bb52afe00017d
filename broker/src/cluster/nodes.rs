//! The brokers of the cluster.

use std::collections::BTreeMap;

use thalweg_protocol::{BrokerId, StrBytes};

/// A broker.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// What clients are told to connect to.
    pub(crate) host: StrBytes,
    pub(crate) port: u16,
    pub(crate) rack: Option<StrBytes>,
    /// Whether it runs. A broker that does not leads nothing.
    pub(crate) alive: bool,
}

/// All brokers, by id.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    by_id: BTreeMap<BrokerId, Node>,
}

impl Nodes {
    pub(crate) fn insert(&mut self, id: BrokerId, node: Node) {
        self.by_id.insert(id, node);
    }

    pub(crate) fn node(&self, id: BrokerId) -> Option<&Node> {
        self.by_id.get(&id)
    }

    pub(crate) fn node_mut(&mut self, id: BrokerId) -> Option<&mut Node> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn is_alive(&self, id: BrokerId) -> bool {
        self.node(id).is_some_and(|node| node.alive)
    }

    /// All of them, dead ones too.
    pub(crate) fn ids(&self) -> impl Iterator<Item = BrokerId> + '_ {
        self.by_id.keys().copied()
    }

    /// Those that run.
    pub(crate) fn alive(&self) -> impl Iterator<Item = (BrokerId, &Node)> {
        let nodes = self.by_id.iter().map(|(id, node)| (*id, node));
        nodes.filter(|(_, node)| node.alive)
    }

    /// The one that answers for the controller: the first that runs.
    pub(crate) fn controller(&self) -> Option<BrokerId> {
        self.alive().next().map(|(id, _)| id)
    }
}
