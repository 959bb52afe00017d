//! Running until the end of the input, by positions.
//!
//! The ends of the source topics are listed before anything is read. A sub-topology is done when
//! the group has committed all its inputs up to their ends, whichever instance did the work; only
//! then are the ends of the repartition topics it writes final, and listed in turn. When all are
//! done, the app stops.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use thalweg_client::{Disposition, TopicPartition, watch};

use super::board::Order;
use super::error::AppError;
use super::instance::Instance;
use super::worker::Ends;
use crate::topology::{InputKind, SubTopology};

/// How often it is looked whether the end is reached.
const INTERVAL: Duration = Duration::from_millis(50);

/// The ends of all source topics, as of now.
pub(crate) async fn source_ends(instance: &Instance) -> Result<Ends, AppError> {
    let partitions: Vec<TopicPartition> = instance
        .topology
        .sub_topologies()
        .iter()
        .flat_map(|sub_topology| &sub_topology.inputs)
        .filter(|input| matches!(input.kind, InputKind::Source(_)))
        .flat_map(|input| partitions_of(instance, &input.topic))
        .collect();
    let ends = instance.calls.ends(&partitions).await;
    ends.map_err(|error| AppError::cluster("listing where the input ends", error))
}

/// Follows the app to its end, then stops it.
pub(crate) async fn follow(instance: Arc<Instance>, ends: watch::Sender<Arc<Ends>>) {
    let mut orders = instance.board.orders();
    loop {
        tokio::select! {
            biased;
            _ = orders.wait_for(|order| *order != Order::Run) => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        if !instance.board.all_at_end() {
            continue;
        }
        match step(&instance, &ends).await {
            Ok(true) => {
                tracing::info!("the end of the input is reached and committed");
                instance.board.order(Order::Stop);
                return;
            }
            Ok(false) => {}
            Err(error) => tracing::warn!("cannot see yet whether the end is reached: {error}"),
        }
    }
}

/// Whether all is done; else lists the ends that have become final.
async fn step(
    instance: &Instance,
    ends: &watch::Sender<Arc<Ends>>,
) -> Result<bool, thalweg_client::CallError> {
    let known = ends.borrow().clone();
    let partitions: Vec<TopicPartition> = known.keys().cloned().collect();
    let committed = match instance.calls.stable_offsets(&partitions).await {
        Ok(committed) => committed,
        Err(error) if error.disposition() == Disposition::Retry => return Ok(false),
        Err(error) => return Err(error),
    };
    let reached: BTreeSet<&TopicPartition> = partitions
        .iter()
        .zip(committed)
        .filter(|(partition, committed)| {
            let end = known.get(*partition);
            committed
                .as_ref()
                .zip(end)
                .is_some_and(|(committed, end)| committed.offset >= *end)
        })
        .map(|(partition, _)| partition)
        .collect();
    let is_done = |sub_topology: &SubTopology| {
        sub_topology.inputs.iter().all(|input| {
            partitions_of(instance, &input.topic).all(|partition| reached.contains(&partition))
        })
    };
    let sub_topologies = instance.topology.sub_topologies();
    if sub_topologies.iter().all(is_done) {
        return Ok(true);
    }
    let mut newly_final = Vec::new();
    for input in sub_topologies
        .iter()
        .flat_map(|sub_topology| &sub_topology.inputs)
    {
        let InputKind::Repartition { upstream, .. } = input.kind else {
            continue;
        };
        let upstream = sub_topologies.iter().find(|found| found.id == upstream);
        if upstream.is_some_and(is_done) {
            newly_final.extend(
                partitions_of(instance, &input.topic).filter(|found| !known.contains_key(found)),
            );
        }
    }
    if !newly_final.is_empty() {
        let mut more = Ends::clone(&known);
        more.extend(instance.calls.ends(&newly_final).await?);
        ends.send_replace(Arc::new(more));
    }
    Ok(false)
}

fn partitions_of<'i>(
    instance: &'i Instance,
    topic: &Arc<str>,
) -> impl Iterator<Item = TopicPartition> + use<'i> {
    let count = instance
        .topics
        .get(&**topic)
        .map_or(0, |facts| facts.partitions);
    let topic = Arc::clone(topic);
    (0..i32::try_from(count).unwrap_or(i32::MAX))
        .map(move |partition| TopicPartition::new(Arc::clone(&topic), partition))
}
