//! The settings of a test broker.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Where one node listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) id: i32,
    pub(crate) client_port: u16,
    pub(crate) controller_port: u16,
}

impl Node {
    /// Where clients connect.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }
}

/// Everything `server.properties` says, by key.
///
/// `overrides` win over what a test broker has by default, never over its own identity.
pub(crate) fn settings(
    node: Node,
    nodes: &[Node],
    data: &Path,
    overrides: &[(String, String)],
) -> BTreeMap<String, String> {
    let mut settings = common(nodes.len(), overrides);
    let voters: Vec<String> = nodes
        .iter()
        .map(|n| format!("{}@127.0.0.1:{}", n.id, n.controller_port))
        .collect();
    let clients = format!("PLAINTEXT://{}", node.address());
    let controller = format!("CONTROLLER://127.0.0.1:{}", node.controller_port);
    let listeners = format!("{clients},{controller}");
    identify(&mut settings, node, &listeners, &voters.join(","));
    settings.insert("log.dirs".to_owned(), data.display().to_string());
    settings
}

/// The same for a lone node in a container, which listens to all on `ports`, for clients and for the
/// controller, and is reached at the node's address.
#[cfg(feature = "docker")]
pub(crate) fn container_settings(
    node: Node,
    ports: (u16, u16),
    overrides: &[(String, String)],
) -> BTreeMap<String, String> {
    let mut settings = common(1, overrides);
    let listeners = format!("PLAINTEXT://:{},CONTROLLER://:{}", ports.0, ports.1);
    let voter = format!("{}@localhost:{}", node.id, ports.1);
    identify(&mut settings, node, &listeners, &voter);
    settings
}

/// What test brokers have by default, and over it `overrides`.
fn common(brokers: usize, overrides: &[(String, String)]) -> BTreeMap<String, String> {
    let replicas = brokers.min(3).to_string();
    let in_sync = if brokers >= 3 { "2" } else { "1" };
    let mut settings = BTreeMap::new();
    let defaults: &[(&str, &str)] = &[
        ("default.replication.factor", &replicas),
        ("min.insync.replicas", in_sync),
        ("offsets.topic.replication.factor", &replicas),
        ("transaction.state.log.replication.factor", &replicas),
        ("transaction.state.log.min.isr", in_sync),
        (
            "share.coordinator.state.topic.replication.factor",
            &replicas,
        ),
        ("share.coordinator.state.topic.min.isr", in_sync),
        // Few partitions: each costs files and time, most of all on three brokers.
        ("offsets.topic.num.partitions", "4"),
        ("transaction.state.log.num.partitions", "4"),
        ("share.coordinator.state.topic.num.partitions", "4"),
        // A misspelt topic is an error, not a new topic.
        ("auto.create.topics.enable", "false"),
        // Recovery in seconds: dead members, open transactions, dead brokers.
        (
            "transaction.abort.timed.out.transaction.cleanup.interval.ms",
            "1000",
        ),
        ("group.initial.rebalance.delay.ms", "0"),
        ("group.min.session.timeout.ms", "1000"),
        ("group.consumer.min.session.timeout.ms", "6000"),
        ("group.consumer.session.timeout.ms", "6000"),
        ("group.consumer.min.heartbeat.interval.ms", "1000"),
        ("group.consumer.heartbeat.interval.ms", "1000"),
        ("broker.heartbeat.interval.ms", "1000"),
        ("broker.session.timeout.ms", "6000"),
        ("log.cleaner.dedupe.buffer.size", "4194304"),
        ("log.segment.delete.delay.ms", "1000"),
        ("num.network.threads", "2"),
        ("num.io.threads", "4"),
    ];
    for (key, value) in defaults {
        settings.insert((*key).to_owned(), (*value).to_owned());
    }
    for (key, value) in overrides {
        settings.insert(key.clone(), value.clone());
    }
    settings
}

/// What makes the node the one it is.
fn identify(settings: &mut BTreeMap<String, String>, node: Node, listeners: &str, voters: &str) {
    let advertised = format!("PLAINTEXT://{}", node.address());
    for (key, value) in [
        ("process.roles", "broker,controller"),
        ("node.id", &node.id.to_string()),
        ("listeners", listeners),
        ("advertised.listeners", &advertised),
        ("controller.listener.names", "CONTROLLER"),
        (
            "listener.security.protocol.map",
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        ),
        ("controller.quorum.voters", voters),
    ] {
        settings.insert(key.to_owned(), value.to_owned());
    }
}

/// The settings as a Java properties file.
pub(crate) fn text(settings: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (key, value) in settings {
        // Back-slashes are the only thing a properties file would read differently here.
        let value = value.replace('\\', "\\\\");
        let _ = writeln!(text, "{key}={value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: [Node; 3] = [
        Node {
            id: 1,
            client_port: 11,
            controller_port: 21,
        },
        Node {
            id: 2,
            client_port: 12,
            controller_port: 22,
        },
        Node {
            id: 3,
            client_port: 13,
            controller_port: 23,
        },
    ];

    fn of(nodes: &[Node], overrides: &[(&str, &str)]) -> BTreeMap<String, String> {
        let overrides: Vec<_> = overrides
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        settings(nodes[0], nodes, Path::new("/data"), &overrides)
    }

    #[test]
    fn replication_follows_the_number_of_brokers() {
        let one = of(&NODES[..1], &[]);
        assert_eq!(one["offsets.topic.replication.factor"], "1");
        assert_eq!(one["min.insync.replicas"], "1");
        let three = of(&NODES, &[]);
        assert_eq!(three["transaction.state.log.replication.factor"], "3");
        assert_eq!(three["transaction.state.log.min.isr"], "2");
        assert_eq!(
            three["controller.quorum.voters"],
            "1@127.0.0.1:21,2@127.0.0.1:22,3@127.0.0.1:23"
        );
    }

    #[test]
    fn an_override_replaces_a_default_but_not_the_node_itself() {
        let settings = of(
            &NODES[..1],
            &[("num.io.threads", "9"), ("node.id", "7"), ("x", "a\\b")],
        );
        assert_eq!(settings["num.io.threads"], "9");
        assert_eq!(settings["node.id"], "1");
        assert!(text(&settings).contains("\nx=a\\\\b\n"));
    }
}
