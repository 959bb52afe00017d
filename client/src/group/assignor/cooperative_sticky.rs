//! `cooperative-sticky`: the sticky balance for members that keep working while they rebalance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::balance::{Claim, NO_GENERATION, balance};
use super::{
    AssignError, Assignor, MemberAssignment, MemberSubscription, RebalanceProtocol, TopicToAssign,
};
use crate::group::GroupMetadata;
use crate::group::consumer_protocol::Fields;
use crate::topic_partition::TopicPartition;

/// Balances partitions, moves as few as possible, and lets members keep consuming meanwhile
/// (`cooperative-sticky`, KIP-429).
///
/// A partition that changes hands is nobody's for one generation: first its owner gives it up, then
/// the group joins again and it is assigned.
#[derive(Debug, Clone)]
pub struct CooperativeStickyAssignor {
    generation: i32,
}

impl CooperativeStickyAssignor {
    /// The assignor of a member that has nothing yet.
    pub fn new() -> Self {
        CooperativeStickyAssignor {
            generation: NO_GENERATION,
        }
    }
}

impl Default for CooperativeStickyAssignor {
    fn default() -> Self {
        CooperativeStickyAssignor::new()
    }
}

impl Assignor for CooperativeStickyAssignor {
    fn name(&self) -> &str {
        "cooperative-sticky"
    }

    fn rebalance_protocols(&self) -> &[RebalanceProtocol] {
        &[RebalanceProtocol::Cooperative, RebalanceProtocol::Eager]
    }

    fn subscription_user_data(&mut self, _topics: &[Arc<str>]) -> Option<Bytes> {
        // Leaders older than Kafka 3.2 find the generation here, newer ones in the subscription.
        let mut bytes = BytesMut::with_capacity(4);
        bytes.put_i32(self.generation);
        Some(bytes.freeze())
    }

    fn assign(
        &mut self,
        members: &[MemberSubscription],
        topics: &[TopicToAssign],
    ) -> Result<Vec<MemberAssignment>, AssignError> {
        let claims: Vec<Claim> = members
            .iter()
            .map(|member| Claim {
                partitions: member.owned_partitions.clone(),
                generation: member.generation_id.or_else(|| {
                    let data = member.user_data.as_ref()?;
                    Some(Fields::new(data).i32().unwrap_or(NO_GENERATION))
                }),
            })
            .collect();
        let mut balanced = balance(members, &claims, topics);
        let transfers = match balanced.transfers.take() {
            Some(transfers) => transfers.into_iter().collect(),
            None => transfers(members, &balanced.assignments),
        };
        for assignment in &mut balanced.assignments {
            let taker = assignment.member_id.clone();
            assignment
                .partitions
                .retain(|partition| transfers.get(partition) != Some(&taker));
        }
        Ok(balanced.assignments)
    }

    fn on_assignment(&mut self, _assignment: &MemberAssignment, group: &GroupMetadata) {
        self.generation = group.generation_id;
    }
}

/// Partitions that one member gains while another still owns them, with the member that gains them.
fn transfers(
    members: &[MemberSubscription],
    assignments: &[MemberAssignment],
) -> BTreeMap<TopicPartition, Arc<str>> {
    let mut gained = BTreeMap::new();
    let mut given_up = BTreeSet::new();
    for (member, assignment) in members.iter().zip(assignments) {
        let owned: BTreeSet<&TopicPartition> = member.owned_partitions.iter().collect();
        let assigned: BTreeSet<&TopicPartition> = assignment.partitions.iter().collect();
        for &partition in assigned.difference(&owned) {
            gained.insert(partition.clone(), assignment.member_id.clone());
        }
        given_up.extend(owned.difference(&assigned).copied().cloned());
    }
    gained.retain(|partition, _| given_up.contains(partition));
    gained
}
