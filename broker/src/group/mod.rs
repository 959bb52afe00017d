//! Groups of all kinds, and the offsets they commit.
//!
//! A group id belongs to one group of one kind. The kinds are state machines of their own, each in
//! its folder; what they share is the table of committed offsets.

use std::collections::BTreeMap;

use thalweg_protocol::{PartitionId, ProducerId, StrBytes};

use crate::cluster::Cluster;

/// All groups, by id.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_id: BTreeMap<StrBytes, Group>,
}

/// A group of one kind.
#[derive(Debug)]
pub(crate) enum Group {}

/// What a timer of a group is for.
#[derive(Debug)]
pub(crate) enum GroupTimer {}

/// Does what a group's timer was set for.
pub(crate) fn handle_timer(_cluster: &mut Cluster, timer: GroupTimer) {
    match timer {}
}

/// A marker has landed on a partition of `__consumer_offsets`.
pub(crate) fn end_transaction(
    _cluster: &mut Cluster,
    _partition: PartitionId,
    _producer_id: ProducerId,
    _commit: bool,
) {
}
