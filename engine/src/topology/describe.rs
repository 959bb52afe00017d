//! A topology in words and as a drawing.

use std::fmt::Write as _;

use super::SubTopologyId;
use super::graph::{Graph, GroupId, NodeEntry, NodeKind};

/// A line per source, operator and sink, and what leads to it.
///
/// ```text
/// application hot-bids
/// sub-topology 0
///   source bids
///   operator hot (tumbling 10s, (count, max u64)) ← bids: filter
///   sink hot-bids ← hot: map
/// ```
pub(super) fn describe(graph: &Graph, number: impl Fn(GroupId) -> Option<SubTopologyId>) -> String {
    let mut text = format!("application {}\n", graph.application_id);
    for id in numbers(graph, &number) {
        text.push_str(&format!("sub-topology {id}\n"));
        for (index, node) in nodes(graph, &number, id) {
            let _ = write!(text, "  {} {}", kind_name(node.kind), node.label);
            let mut arrow = " ← ";
            for (from, to, steps) in &graph.edges {
                if to.0 != index {
                    continue;
                }
                let from = graph
                    .nodes
                    .get(from.0)
                    .map_or("", |from| short(&from.label));
                let _ = write!(text, "{arrow}{from}");
                arrow = ", ";
                if !steps.is_empty() {
                    let _ = write!(text, ": {}", steps.join(", "));
                }
            }
            text.push('\n');
        }
    }
    text
}

/// The same as a Mermaid flowchart.
pub(super) fn mermaid(graph: &Graph, number: impl Fn(GroupId) -> Option<SubTopologyId>) -> String {
    let mut text = String::from("flowchart LR\n");
    for id in numbers(graph, &number) {
        let _ = writeln!(text, "  subgraph s{id}[\"sub-topology {id}\"]");
        for (index, node) in nodes(graph, &number, id) {
            let (open, close) = match node.kind {
                NodeKind::Source | NodeKind::Sink => ("[/", "/]"),
                NodeKind::Operator => ("[(", ")]"),
                NodeKind::Merge => ("((", "))"),
            };
            let label = node.label.replace('"', "'");
            let _ = writeln!(text, "    n{index}{open}\"{label}\"{close}");
        }
        text.push_str("  end\n");
    }
    for (from, to, steps) in &graph.edges {
        let arrow = match steps.join(", ") {
            none if none.is_empty() => "-->".to_owned(),
            steps => format!("-->|{steps}|"),
        };
        let _ = writeln!(text, "  n{} {arrow} n{}", from.0, to.0);
    }
    text
}

fn numbers(
    graph: &Graph,
    number: &impl Fn(GroupId) -> Option<SubTopologyId>,
) -> Vec<SubTopologyId> {
    let mut ids: Vec<_> = graph
        .nodes
        .iter()
        .filter_map(|node| number(node.group))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn nodes<'g>(
    graph: &'g Graph,
    number: &'g impl Fn(GroupId) -> Option<SubTopologyId>,
    id: SubTopologyId,
) -> impl Iterator<Item = (usize, &'g NodeEntry)> {
    let nodes = graph.nodes.iter().enumerate();
    nodes.filter(move |(_, node)| number(node.group) == Some(id))
}

fn kind_name(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Source => "source",
        NodeKind::Operator => "operator",
        NodeKind::Merge => "merge",
        NodeKind::Sink => "sink",
    }
}

/// A label without what is in parentheses.
fn short(label: &str) -> &str {
    label.split_once(" (").map_or(label, |(name, _)| name)
}
